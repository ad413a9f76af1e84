//! What the tests train, and how they look at it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::memory::MemoryParts;
use domain::run::{MemoryOfKind, MetricName, PeakMemory, Record, Split, TrialResult};
use domain::spec::{
    Budget, CnnModel, DataSource, DataSpec, Labels, MemorySpec, ModelSpec, Norm, Normalize, OptimizerKind,
    SyntheticData, TrainSpec,
};
use domain::{BatchSize, Bytes, LearningRate, TrialSettings, TrialSpec};
use tch::{Device, Kind, Tensor};
use worker::trainer::device;
use worker::trainer::error::TrialError;
use worker::trainer::event::Event;
use worker::trainer::session::{DoesNotFit, Ended, Host, Ready, Reporter, Wishes, train};
use worker::trainer::step::learner::Learner;

/// Held while a test uses tensors: libtorch's generator and the byte counters belong to the process.
pub fn exclusive() -> MutexGuard<'static, ()> {
    static DEVICE: Mutex<()> = Mutex::new(());
    let guard = DEVICE.lock().unwrap_or_else(PoisonError::into_inner);
    // One thread: sums are then taken in the same order on every machine.
    device::open("cpu", 1).expect("the CPU is always there");
    guard
}

/// A trainer that has trained nothing yet.
pub fn host() -> Host {
    Host::new(Device::Cpu, None)
}

/// The example of the documentation: 1000 random examples, Linear(10, 2), SGD at 0.01, 3 epochs.
pub fn seed_example(batch_size: u64, seed: u64) -> TrialSpec {
    trial(&[10], 1000, ModelSpec::Linear, batch_size, seed)
}

/// 3 epochs of SGD at 0.01 on random examples of this shape.
pub fn trial(features: &[u64], examples: u64, model: ModelSpec, batch_size: u64, seed: u64) -> TrialSpec {
    let budget = Budget::Epochs(3);
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
            seed,
            budget,
            train: TrainSpec { budget: Some(budget), ..TrainSpec::default() },
        },
    }
}

/// A small convolutional network on 8 x 8 images.
pub fn cnn_trial(examples: u64, batch_size: u64) -> TrialSpec {
    trial(&[1, 8, 8], examples, ModelSpec::cnn(&[4], &[8]), batch_size, 5)
}

/// A network with everything that a step must be able to take back: batch normalisation, dropout, momentum.
pub fn stateful_trial(examples: u64, batch_size: u64) -> TrialSpec {
    let model = CnnModel {
        channels: vec![4],
        hidden: vec![8],
        dropout: 0.3,
        norm: Norm::Batch,
        ..CnnModel::default()
    };
    let train = TrainSpec { optimizer: OptimizerKind::Adam, shuffle: true, ..TrainSpec::default() };
    with(trial(&[1, 8, 8], examples, ModelSpec::Cnn(model), batch_size, 5), train)
}

/// A file of the PyTorch fixtures.
pub fn module(name: &str) -> ModelSpec {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/modules/");
    ModelSpec::script(format!("{path}{name}.pt"))
}

/// The trial, with a memory budget.
pub fn within(mut spec: TrialSpec, budget: u64) -> TrialSpec {
    spec.memory.budget = Some(Bytes(budget));
    spec
}

/// The trial, with another length.
pub fn lasting(mut spec: TrialSpec, budget: Budget) -> TrialSpec {
    (spec.settings.budget, spec.settings.train.budget) = (budget, Some(budget));
    spec
}

/// The trial, with these settings of `[train]` but its own length.
pub fn with(mut spec: TrialSpec, train: TrainSpec) -> TrialSpec {
    spec.settings.train = TrainSpec { budget: Some(spec.settings.budget), ..train };
    spec
}

/// A trial that is ready for its first step.
pub fn ready(spec: &TrialSpec) -> Ready {
    *host().prepare(&spec.clone().into(), None).unwrap().expect("the trial fits")
}

/// Why a trial does not fit.
pub fn does_not_fit(spec: &TrialSpec) -> DoesNotFit {
    *host().prepare(&spec.clone().into(), None).unwrap().expect_err("the trial does not fit")
}

/// All parameters, one after another.
pub fn weights(learner: &Learner) -> Vec<f64> {
    learner.model.parameters().as_slice().iter().flat_map(numbers).collect()
}

/// All running statistics, one after another.
pub fn buffers(learner: &Learner) -> Vec<f64> {
    learner.model.buffers().iter().flat_map(numbers).collect()
}

/// All gradients, one after another.
pub fn gradients(learner: &Learner) -> Vec<f64> {
    learner.model.parameters().as_slice().iter().flat_map(|parameter| numbers(&parameter.grad())).collect()
}

/// The numbers of a tensor.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.detach().to_kind(Kind::Double).reshape([-1]);
    Vec::try_from(&flat).unwrap()
}

/// |a - b| / |b| as vectors.
pub fn relative_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

/// A result with everything that was told on the way to it.
#[derive(Debug)]
pub struct Trained {
    pub result: TrialResult,
    pub records: Vec<Record>,
    pub found: Vec<MemoryOfKind>,
}

/// Trains a trial to its end.
pub fn run(spec: &TrialSpec, host: &mut Host) -> Result<Trained, TrialError> {
    let (mut records, mut found) = (Vec::new(), Vec::new());
    let mut send = |event| {
        match event {
            Event::Records(batch) => records.extend(batch),
            Event::Found(findings) => found.extend(findings.memory),
            _ => {}
        }
        io::Result::Ok(())
    };
    match train(&spec.clone().into(), host, &mut Reporter::new(&mut send), &Wishes::default())? {
        Ended::Finished(result) => Ok(Trained { result: *result, records, found }),
        Ended::Stopped => panic!("nobody asked the trial to stop"),
    }
}

impl Trained {
    /// The points of a curve: (step, value).
    pub fn curve(&self, name: MetricName) -> Vec<(u64, f64)> {
        let metrics = self.records.iter().filter_map(|record| match record {
            Record::Metric(point) if point.name == name => Some((point.place.step, point.value)),
            _ => None,
        });
        metrics.collect()
    }

    /// The loss of each step.
    pub fn losses(&self) -> Vec<f64> {
        self.curve(MetricName::TrainLoss).into_iter().map(|(_, loss)| loss).collect()
    }

    /// The splits, in order.
    pub fn splits(&self) -> Vec<Split> {
        let splits = self.records.iter().filter_map(|record| match record {
            Record::Split(split) => Some(split.clone()),
            _ => None,
        });
        splits.collect()
    }

    /// The lines of the log, in order.
    pub fn logs(&self) -> Vec<String> {
        let lines = self.records.iter().filter_map(|record| match record {
            Record::Log(line) => Some(line.text.clone()),
            _ => None,
        });
        lines.collect()
    }

    pub fn memory(&self) -> &PeakMemory {
        &self.result.memory
    }

    pub fn parts(&self) -> MemoryParts {
        self.result.memory.parts
    }
}
