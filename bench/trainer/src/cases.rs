//! What is timed.

use domain::spec::{
    Budget, DataSource, DataSpec, IdxData, Labels, MemorySpec, MicroBatchPolicy, ModelSpec, Normalize,
    OptimizerKind, SyntheticData, TrainSpec, TrialSettings, TrialSpec,
};
use domain::units::{BatchSize, LearningRate};
use serde_json::{Value as Json, json};

/// Where Debian's package dataset-fashion-mnist puts its files; `scripts/setup` installs it.
const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// Enough for a stable time, few enough that one epoch of the convolutional net takes a second or two.
const IMAGES: u64 = 6000;

/// A training run to be timed.
#[derive(Debug, Clone)]
pub struct Case {
    /// For people.
    pub name: &'static str,
    model: ModelSpec,
    /// Examples an optimizer step.
    pub batch_size: u64,
    optimizer: OptimizerKind,
    learning_rate: f64,
    /// Passes over the data in one timing.
    pub epochs: u64,
    /// Times as fast as (the plain script, the tuned loop) we mean to be.
    pub wanted: (f64, f64),
}

/// Ours against PyTorch's loops.
#[must_use]
pub fn against_pytorch() -> Vec<Case> {
    // In the smallest step there is little but overhead; elsewhere libtorch's kernels decide, and the loop around them
    // must not cost more than the best one in Python.
    let smallest = (5.0, 3.4);
    let elsewhere = (1.0, 1.0);
    let case = |name, model: &ModelSpec, (batch_size, epochs), (optimizer, learning_rate), wanted| {
        let model = model.clone();
        Case { name, model, batch_size, optimizer, learning_rate, epochs, wanted }
    };
    let (linear, mlp, cnn) = models();
    let sgd = (OptimizerKind::Sgd, 0.01);
    let adam = (OptimizerKind::Adam, 0.001);
    vec![
        case("Linear(10, 2), batch 1", &linear, (1, 10), sgd, smallest),
        case("Linear(10, 2), batch 32", &linear, (32, 300), sgd, elsewhere),
        case("Linear(10, 2), batch 1024", &linear, (1024, 6000), sgd, elsewhere),
        case("MLP 784-64-10, batch 32", &mlp, (32, 20), sgd, elsewhere),
        case("MLP 784-64-10, batch 32, Adam", &mlp, (32, 20), adam, elsewhere),
        case("MLP 784-64-10, batch 512", &mlp, (512, 60), sgd, elsewhere),
        case("CNN 16-32-64-10, batch 128", &cnn, (128, 1), sgd, elsewhere),
    ]
}

/// Batches that are accumulated, with the micro-batch.
#[must_use]
pub fn accumulated() -> Vec<(Case, u64)> {
    let case = |name, model: ModelSpec, (batch_size, epochs)| Case {
        name,
        model,
        batch_size,
        optimizer: OptimizerKind::Sgd,
        learning_rate: 0.01,
        epochs,
        wanted: (1.0, 1.0),
    };
    let (linear, mlp, cnn) = models();
    vec![
        (case("Linear(10, 2)", linear, (32, 40)), 4),
        (case("MLP 784-64-10", mlp, (512, 60)), 128),
        (case("CNN 16-32-64-10", cnn, (128, 1)), 32),
    ]
}

fn models() -> (ModelSpec, ModelSpec, ModelSpec) {
    let mlp = ModelSpec::mlp(&[64]);
    (ModelSpec::Linear, mlp, ModelSpec::cnn(&[16, 32], &[64]))
}

impl Case {
    /// The same with other batches; the examples in all stay.
    #[must_use]
    pub fn with_batch_size(&self, batch_size: u64) -> Self {
        Self { batch_size, ..self.clone() }
    }

    /// The same for a first look: fewer passes.
    #[must_use]
    pub fn quick(&self) -> Self {
        Self { epochs: (self.epochs / 10).max(1), ..self.clone() }
    }

    /// For batchsweep's trainer.
    ///
    /// # Errors
    /// When a number is out of the domain's range.
    pub fn trial(&self, micro_batch: MicroBatchPolicy) -> anyhow::Result<TrialSpec> {
        let budget = Budget::Epochs(self.epochs);
        Ok(TrialSpec {
            data: self.data(),
            model: self.model.clone(),
            memory: MemorySpec { budget: None, micro_batch },
            settings: TrialSettings {
                model: Vec::new(),
                batch_size: BatchSize::try_new(self.batch_size)?,
                learning_rate: LearningRate::try_new(self.learning_rate)?,
                seed: 0,
                budget,
                train: TrainSpec { budget: Some(budget), optimizer: self.optimizer, ..TrainSpec::default() },
            },
        })
    }

    /// For loops.py; `kind` is "plain" or "tuned".
    #[must_use]
    pub fn pytorch(&self, kind: &str) -> Json {
        let data = match self.data().source {
            DataSource::Synthetic(data) => json!({
                "format": "synthetic", "examples": data.examples, "features": data.features, "classes": data.classes,
            }),
            source => json!({ "format": "idx", "path": source.path(), "limit": IMAGES }),
        };
        let model = match &self.model {
            ModelSpec::Mlp(mlp) => json!({ "kind": "mlp", "hidden": mlp.hidden }),
            ModelSpec::Cnn(cnn) => json!({ "kind": "cnn", "channels": cnn.channels, "hidden": cnn.hidden }),
            other => json!({ "kind": other.kind() }),
        };
        json!({
            "loop": kind, "data": data, "model": model, "seed": 0, "epochs": self.epochs,
            "batch_size": self.batch_size, "optimizer": self.optimizer.word(), "learning_rate": self.learning_rate,
        })
    }

    /// The seed example's noise for the linear model, images for the others.
    fn data(&self) -> DataSpec {
        let (source, limit) = match self.model {
            ModelSpec::Linear => {
                let (features, labels) = (vec![10], Labels::Random);
                let data = SyntheticData { examples: 1000, features, classes: 2, labels, seed: Some(0) };
                (DataSource::Synthetic(data), None)
            }
            _ => (DataSource::Idx(IdxData { path: FASHION_MNIST.to_owned() }), Some(IMAGES)),
        };
        DataSpec { source, validation: 0, limit, normalize: Normalize::Unit }
    }
}
