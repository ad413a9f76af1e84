//! From domain types to messages. Never fails.

use domain::memory::{KnownMemory, MemoryParts, MicroBatchSearch};
use domain::spec::{
    BatchSizeAxis, Budget, DataSource, DataSpec, FileSource, GridSpec, Labels, LearningRateAxis, MemorySpec,
    MicroBatchPolicy, ModelSpec, Normalize, ScalingRule, SweepDraft, TrainAxis, TrainSpec, TrialSettings,
    TrialSpec, Upload, Value,
};

use crate::v1;

/// A sweep.
#[must_use]
pub fn sweep(draft: &SweepDraft) -> v1::SweepSpec {
    v1::SweepSpec {
        name: draft.name.clone().unwrap_or_default(),
        data: Some(data(&draft.data)),
        model: Some(model(&draft.model)),
        grid: Some(grid(&draft.grid)),
        train: Some(train(&draft.train)),
        memory: Some(memory(&draft.memory)),
    }
}

/// A trial.
#[must_use]
pub fn trial(trial: &TrialSpec) -> v1::TrialSpec {
    v1::TrialSpec {
        data: Some(data(&trial.data)),
        model: Some(model(&trial.model)),
        memory: Some(memory(&trial.memory)),
        settings: Some(settings(&trial.settings)),
    }
}

/// `[data]`.
#[must_use]
pub fn data(spec: &DataSpec) -> v1::DataSpec {
    use v1::data_spec::Source;
    let source = match &spec.source {
        DataSource::Synthetic(data) => Source::Synthetic(v1::SyntheticData {
            examples: data.examples,
            features: data.features.clone(),
            classes: data.classes,
            labels: match data.labels {
                Labels::Random => v1::Labels::Random,
                Labels::Teacher => v1::Labels::Teacher,
            }
            .into(),
            seed: data.seed,
        }),
        DataSource::Idx(data) => Source::Idx(v1::IdxData { path: data.path.clone() }),
        DataSource::Cifar10(data) => Source::Cifar10(v1::CifarData { path: data.path.clone() }),
        DataSource::Cifar100(data) => Source::Cifar100(v1::CifarData { path: data.path.clone() }),
        DataSource::Safetensors(data) => {
            let (path, upload) = file(&data.file);
            Source::Safetensors(v1::SafetensorsData { path, upload })
        }
    };
    let normalize = match spec.normalize {
        Normalize::Unit => v1::Normalize::Unit,
        Normalize::Standard => v1::Normalize::Standard,
        Normalize::None => v1::Normalize::None,
    };
    v1::DataSpec {
        source: Some(source),
        validation: spec.validation,
        limit: spec.limit,
        normalize: normalize.into(),
    }
}

/// `[model]`.
#[must_use]
pub fn model(spec: &ModelSpec) -> v1::ModelSpec {
    use v1::model_spec::Kind;
    let kind = match spec {
        ModelSpec::Linear => Kind::Linear(v1::LinearModel {}),
        ModelSpec::Mlp(mlp) => Kind::Mlp(v1::MlpModel { hidden: mlp.hidden.clone(), dropout: mlp.dropout }),
        ModelSpec::Cnn(cnn) => Kind::Cnn(v1::CnnModel {
            channels: cnn.channels.clone(),
            hidden: cnn.hidden.clone(),
            kernel: Some(cnn.kernel),
            pooling: Some(cnn.pooling),
            dropout: cnn.dropout,
            norm: Some(cnn.norm.word().to_owned()),
        }),
        ModelSpec::ResNet(resnet) => Kind::Resnet(v1::ResNetModel {
            depth: resnet.depth,
            width: resnet.width,
            norm: resnet.norm.word().to_owned(),
        }),
        ModelSpec::TorchScript(script) => {
            let (path, upload) = file(&script.file);
            Kind::Torchscript(v1::ScriptModel { path, upload })
        }
    };
    v1::ModelSpec { kind: Some(kind) }
}

/// `[grid]`.
#[must_use]
pub fn grid(spec: &GridSpec) -> v1::GridSpec {
    v1::GridSpec {
        batch_size: Some(batch_size_axis(&spec.batch_size)),
        learning_rate: Some(learning_rate_axis(&spec.learning_rate)),
        train: spec.train.iter().map(train_axis).collect(),
        seed: spec.seed.clone(),
    }
}

fn batch_size_axis(axis: &BatchSizeAxis) -> v1::BatchSizeAxis {
    use v1::batch_size_axis::Axis;
    let axis = match axis {
        BatchSizeAxis::List(values) => Axis::List(v1::Integers { values: values.clone() }),
        &BatchSizeAxis::Geometric { from, to, factor } => {
            Axis::Geometric(v1::GeometricAxis { from, to, factor })
        }
    };
    v1::BatchSizeAxis { axis: Some(axis) }
}

fn learning_rate_axis(axis: &LearningRateAxis) -> v1::LearningRateAxis {
    use v1::learning_rate_axis::Axis;
    let axis = match axis {
        LearningRateAxis::List(values) => Axis::List(v1::Numbers { values: values.clone() }),
        &LearningRateAxis::LogSpaced { from, to, count } => {
            Axis::LogSpaced(v1::LogSpacedAxis { from, to, count })
        }
        LearningRateAxis::Scaled { base, at, rule, times } => {
            let rule = match rule {
                ScalingRule::Linear => v1::ScalingRule::Linear,
                ScalingRule::Sqrt => v1::ScalingRule::Sqrt,
            };
            Axis::Scaled(v1::ScaledAxis { base: *base, at: *at, rule: rule.into(), times: times.clone() })
        }
    };
    v1::LearningRateAxis { axis: Some(axis) }
}

fn train_axis(axis: &TrainAxis) -> v1::TrainAxis {
    v1::TrainAxis { key: axis.key.word().to_owned(), values: axis.values.iter().map(value).collect() }
}

fn value(value: &Value) -> v1::Value {
    use v1::value::Kind;
    let kind = match value {
        Value::Integer(value) => Kind::Integer(*value),
        Value::Number(value) => Kind::Number(*value),
        Value::Flag(value) => Kind::Flag(*value),
        Value::Word(value) => Kind::Word(value.clone()),
    };
    v1::Value { kind: Some(kind) }
}

/// `[train]`.
#[must_use]
pub fn train(spec: &TrainSpec) -> v1::TrainSpec {
    v1::TrainSpec {
        budget: spec.budget.map(budget),
        optimizer: spec.optimizer.word().to_owned(),
        momentum: spec.momentum,
        nesterov: spec.nesterov,
        weight_decay: spec.weight_decay,
        beta1: spec.beta1,
        beta2: spec.beta2,
        epsilon: spec.epsilon,
        loss: spec.loss.word().to_owned(),
        schedule: spec.schedule.word().to_owned(),
        warmup_steps: spec.warmup_steps,
        shuffle: spec.shuffle,
        precision: spec.precision.word().to_owned(),
        drop_last: spec.drop_last,
        target: spec
            .target
            .map(|target| v1::Target { metric: target.metric.word().to_owned(), below: target.below }),
        stop_at_target: spec.stop_at_target,
    }
}

fn budget(budget: Budget) -> v1::Budget {
    use v1::budget::Length;
    let length = match budget {
        Budget::Epochs(amount) => Length::Epochs(amount),
        Budget::Steps(amount) => Length::Steps(amount),
        Budget::Examples(amount) => Length::Examples(amount),
    };
    v1::Budget { length: Some(length) }
}

/// `[memory]`.
#[must_use]
pub fn memory(spec: &MemorySpec) -> v1::MemorySpec {
    use v1::memory_spec::MicroBatch;
    let micro_batch = match spec.micro_batch {
        MicroBatchPolicy::Auto => MicroBatch::Auto(true),
        MicroBatchPolicy::Off => MicroBatch::Off(true),
        MicroBatchPolicy::Fixed(examples) => MicroBatch::Fixed(examples),
    };
    v1::MemorySpec { budget_bytes: spec.budget.map(|budget| budget.0), micro_batch: Some(micro_batch) }
}

/// What one cell of the grid sets.
#[must_use]
pub fn settings(settings: &TrialSettings) -> v1::TrialSettings {
    let mut train = train(&settings.train);
    train.budget = Some(budget(settings.budget));
    v1::TrialSettings {
        batch_size: settings.batch_size.get(),
        learning_rate: settings.learning_rate.get(),
        seed: settings.seed,
        train: Some(train),
    }
}

/// The four parts; peak, reserved and predicted peak are their sum until the caller knows better.
#[must_use]
pub fn memory_parts(parts: MemoryParts) -> v1::Memory {
    v1::Memory {
        parameter_bytes: parts.fixed.parameter_bytes,
        gradient_bytes: parts.fixed.gradient_bytes,
        optimizer_state_bytes: parts.fixed.optimizer_state_bytes,
        batch_bytes: parts.batch_bytes,
        activation_bytes: parts.activation_bytes,
        resident_data_bytes: parts.resident_data_bytes,
        peak_memory_bytes: parts.total(),
        peak_reserved_bytes: parts.total(),
        predicted_peak_memory_bytes: parts.total(),
        memory_budget_bytes: None,
    }
}

/// What is known of one kind of trial's memory.
#[must_use]
pub fn known_memory(kind: &str, description: &str, known: &KnownMemory) -> v1::KnownMemory {
    v1::KnownMemory {
        kind: kind.to_owned(),
        description: description.to_owned(),
        whole: Some(known_steps(&known.whole)),
        accumulated: Some(known_steps(&known.accumulated)),
    }
}

fn known_steps(search: &MicroBatchSearch) -> v1::KnownSteps {
    let measured = search.envelope().points();
    let failed = search.failures().iter();
    v1::KnownSteps {
        measured: measured.map(|(micro_batch, bytes)| v1::MeasuredStep { micro_batch, bytes }).collect(),
        failed: failed.map(|(micro_batch, room_bytes)| v1::FailedStep { micro_batch, room_bytes }).collect(),
    }
}

fn file(file: &FileSource) -> (String, Option<v1::Upload>) {
    match file {
        FileSource::OnWorker(path) => (path.clone(), None),
        FileSource::Upload(file) => (String::new(), Some(upload(file))),
    }
}

/// A file that is sent along.
#[must_use]
pub fn upload(upload: &Upload) -> v1::Upload {
    v1::Upload { name: upload.name.clone(), sha256: upload.hash.to_string(), bytes: upload.bytes }
}
