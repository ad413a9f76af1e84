//! What the tests train.

use domain::spec::{
    Budget, DataSource, DataSpec, Labels, MemorySpec, ModelSpec, Normalize, SyntheticData, TrainSpec,
};
use domain::{BatchSize, Bytes, LearningRate, TrialSettings, TrialSpec};

/// The example of the documentation: 1000 random examples, Linear(10, 2), SGD at 0.01, 3 epochs.
pub fn seed_example(batch_size: u64) -> TrialSpec {
    trial(&[10], 1000, ModelSpec::Linear, batch_size, Budget::Epochs(3))
}

/// A convolutional network like that of `examples/does-not-fit.toml`, on random images of the same size.
pub fn cnn(batch_size: u64, steps: u64) -> TrialSpec {
    trial(&[1, 28, 28], 512, ModelSpec::cnn(&[16, 32], &[64]), batch_size, Budget::Steps(steps))
}

/// One wide layer, of whose activations a batch of 8192 takes more than half of a card of 1 GiB.
pub fn wide(batch_size: u64, steps: u64) -> TrialSpec {
    trial(&[16], batch_size, ModelSpec::mlp(&[4096]), batch_size, Budget::Steps(steps))
}

/// Where the modules are, if not where these tests were built.
const MODULES: &str = "BATCHSWEEP_TEST_MODULES";

/// A scripted module with a convolution, batch normalisation and adaptive pooling.
pub fn convolutional() -> TrialSpec {
    let built = || concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/modules").to_owned();
    let folder = std::env::var(MODULES).unwrap_or_else(|_| built());
    let module = ModelSpec::script(format!("{folder}/convolutional.pt"));
    trial(&[1, 9, 7], 256, module, 32, Budget::Epochs(2))
}

/// A trial of SGD at 0.01 on random examples of this shape.
pub fn trial(
    features: &[u64],
    examples: u64,
    model: ModelSpec,
    batch_size: u64,
    budget: Budget,
) -> TrialSpec {
    let source = DataSource::Synthetic(SyntheticData {
        examples,
        features: features.to_vec(),
        classes: 2,
        labels: Labels::Random,
        seed: None,
    });
    TrialSpec {
        data: DataSpec { source, validation: 0, limit: None, normalize: Normalize::Unit },
        model,
        memory: MemorySpec::default(),
        settings: TrialSettings {
            model: Vec::new(),
            batch_size: BatchSize::try_new(batch_size).unwrap(),
            learning_rate: LearningRate::try_new(0.01).unwrap(),
            seed: 0,
            budget,
            train: TrainSpec { budget: Some(budget), ..TrainSpec::default() },
        },
    }
}

/// The trial, within so many bytes.
pub fn within(mut spec: TrialSpec, budget: u64) -> TrialSpec {
    spec.memory.budget = Some(Bytes(budget));
    spec
}

/// The trial, with other settings of `[train]`.
pub fn with(mut spec: TrialSpec, change: impl FnOnce(&mut TrainSpec)) -> TrialSpec {
    change(&mut spec.settings.train);
    spec
}
