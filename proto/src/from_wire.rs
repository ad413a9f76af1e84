//! From messages to domain types. What a message leaves out or misspells is a [`WireError`] that names the field;
//! what breaks a rule of the sweep file is told by the domain, all at once.

use domain::lifecycle::Outcome;
use domain::memory::{KnownMemory, MemoryParts, MicroBatchSearch, StaticParts};
use domain::spec::{
    BatchSizeAxis, Budget, CifarData, CnnModel, DataSource, DataSpec, FileSource, GridSpec, IdxData, Labels,
    LearningRateAxis, Loss, MemorySpec, MicroBatchPolicy, MlpModel, ModelSpec, Norm, Normalize,
    OptimizerKind, Precision, ResNetModel, SafetensorsData, ScalingRule, ScheduleKind, ScriptModel,
    SweepDraft, SyntheticData, Target, TargetMetric, TrainAxis, TrainKey, TrainSpec, TrialSettings,
    TrialSpec, Upload, Value,
};
use domain::units::{BatchSize, Bytes, LearningRate};

use crate::v1;

/// A message that says nothing sensible at some field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct WireError {
    /// The field by its path, such as `grid.learning_rate`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

fn missing(field: &'static str) -> WireError {
    WireError { field, problem: "is missing".to_owned() }
}

fn unknown(field: &'static str, found: impl std::fmt::Display) -> WireError {
    WireError { field, problem: format!("is not known to this version: {found}") }
}

fn word<T: Copy>(field: &'static str, all: &[(&str, T)], found: &str) -> Result<T, WireError> {
    all.iter().find(|(name, _)| *name == found).map(|&(_, value)| value).ok_or_else(|| unknown(field, found))
}

/// A sweep, still to be checked.
///
/// # Errors
/// [`WireError`] for a missing or unknown field.
pub fn sweep(message: v1::SweepSpec) -> Result<SweepDraft, WireError> {
    Ok(SweepDraft {
        name: Some(message.name).filter(|name| !name.is_empty()),
        data: data(message.data.ok_or_else(|| missing("data"))?)?,
        model: model(message.model.ok_or_else(|| missing("model"))?)?,
        grid: grid(message.grid.ok_or_else(|| missing("grid"))?)?,
        train: train(message.train.ok_or_else(|| missing("train"))?)?,
        memory: memory(message.memory.ok_or_else(|| missing("memory"))?)?,
    })
}

/// A trial.
///
/// # Errors
/// [`WireError`] for a missing, unknown or out-of-range field.
pub fn trial(message: v1::TrialSpec) -> Result<TrialSpec, WireError> {
    Ok(TrialSpec {
        data: data(message.data.ok_or_else(|| missing("data"))?)?,
        model: model(message.model.ok_or_else(|| missing("model"))?)?,
        memory: memory(message.memory.ok_or_else(|| missing("memory"))?)?,
        settings: settings(message.settings.ok_or_else(|| missing("settings"))?)?,
    })
}

/// `[data]`.
///
/// # Errors
/// [`WireError`] for a missing or unknown field.
pub fn data(message: v1::DataSpec) -> Result<DataSpec, WireError> {
    use v1::data_spec::Source;
    let normalize = match message.normalize() {
        v1::Normalize::Unit => Normalize::Unit,
        v1::Normalize::Standard => Normalize::Standard,
        v1::Normalize::None => Normalize::None,
        v1::Normalize::Unspecified => return Err(missing("data.normalize")),
    };
    let source = match message.source.ok_or_else(|| missing("data.format"))? {
        Source::Synthetic(data) => DataSource::Synthetic(SyntheticData {
            labels: match data.labels() {
                v1::Labels::Random => Labels::Random,
                v1::Labels::Teacher => Labels::Teacher,
                v1::Labels::Unspecified => return Err(missing("data.labels")),
            },
            examples: data.examples,
            features: data.features,
            classes: data.classes,
            seed: data.seed,
        }),
        Source::Idx(data) => DataSource::Idx(IdxData { path: data.path }),
        Source::Cifar10(data) => DataSource::Cifar10(CifarData { path: data.path }),
        Source::Cifar100(data) => DataSource::Cifar100(CifarData { path: data.path }),
        Source::Safetensors(data) => {
            let file = file("data", data.path, data.upload)?;
            DataSource::Safetensors(SafetensorsData { file })
        }
    };
    Ok(DataSpec { source, validation: message.validation, limit: message.limit, normalize })
}

/// `path` or `upload` of a section.
fn file(section: &'static str, path: String, sent: Option<v1::Upload>) -> Result<FileSource, WireError> {
    let field = match section {
        "data" => "data.upload",
        _ => "model.upload",
    };
    match sent {
        None => Ok(FileSource::OnWorker(path)),
        Some(_) if !path.is_empty() => {
            Err(WireError { field, problem: "excludes `path`: a file has one place".to_owned() })
        }
        Some(sent) => upload(field, sent).map(FileSource::Upload),
    }
}

/// A file that is sent along; `field` is what it stands in.
///
/// # Errors
/// [`WireError`] when its hash is none.
pub fn upload(field: &'static str, message: v1::Upload) -> Result<Upload, WireError> {
    let v1::Upload { name, sha256, bytes } = message;
    let hash = sha256.parse().map_err(|error| WireError { field, problem: format!("sha256 {error}") })?;
    Ok(Upload { name, hash, bytes })
}

/// `[model]`.
///
/// # Errors
/// [`WireError`] when the kind is missing or unknown.
pub fn model(message: v1::ModelSpec) -> Result<ModelSpec, WireError> {
    use v1::model_spec::Kind;
    Ok(match message.kind.ok_or_else(|| missing("model.kind"))? {
        Kind::Linear(_) => ModelSpec::Linear,
        Kind::Mlp(model) => ModelSpec::Mlp(MlpModel { hidden: model.hidden, dropout: model.dropout }),
        Kind::Cnn(model) => {
            let default = CnnModel::default();
            let norm = model.norm.map(|norm| word("model.norm", &Norm::ALL, &norm)).transpose()?;
            ModelSpec::Cnn(CnnModel {
                channels: model.channels,
                kernel: model.kernel.unwrap_or(default.kernel),
                pooling: model.pooling.unwrap_or(default.pooling),
                hidden: model.hidden,
                dropout: model.dropout,
                norm: norm.unwrap_or(default.norm),
            })
        }
        Kind::Resnet(model) => ModelSpec::ResNet(ResNetModel {
            depth: model.depth,
            width: model.width,
            norm: word("model.norm", &Norm::ALL, &model.norm)?,
        }),
        Kind::Torchscript(model) => {
            ModelSpec::TorchScript(ScriptModel { file: file("model", model.path, model.upload)? })
        }
    })
}

/// `[grid]`.
///
/// # Errors
/// [`WireError`] for a missing or unknown field.
pub fn grid(message: v1::GridSpec) -> Result<GridSpec, WireError> {
    Ok(GridSpec {
        batch_size: batch_size_axis(message.batch_size)?,
        learning_rate: learning_rate_axis(message.learning_rate)?,
        train: message.train.into_iter().map(train_axis).collect::<Result<_, _>>()?,
        seed: message.seed,
    })
}

fn batch_size_axis(message: Option<v1::BatchSizeAxis>) -> Result<BatchSizeAxis, WireError> {
    use v1::batch_size_axis::Axis;
    let axis = message.and_then(|message| message.axis).ok_or_else(|| missing("grid.batch_size"))?;
    Ok(match axis {
        Axis::List(list) => BatchSizeAxis::List(list.values),
        Axis::Geometric(v1::GeometricAxis { from, to, factor }) => {
            BatchSizeAxis::Geometric { from, to, factor }
        }
    })
}

fn learning_rate_axis(message: Option<v1::LearningRateAxis>) -> Result<LearningRateAxis, WireError> {
    use v1::learning_rate_axis::Axis;
    let axis = message.and_then(|message| message.axis).ok_or_else(|| missing("grid.learning_rate"))?;
    Ok(match axis {
        Axis::List(list) => LearningRateAxis::List(list.values),
        Axis::LogSpaced(v1::LogSpacedAxis { from, to, count }) => {
            LearningRateAxis::LogSpaced { from, to, count }
        }
        Axis::Scaled(axis) => LearningRateAxis::Scaled {
            rule: match axis.rule() {
                v1::ScalingRule::Linear => ScalingRule::Linear,
                v1::ScalingRule::Sqrt => ScalingRule::Sqrt,
                v1::ScalingRule::Unspecified => return Err(missing("grid.learning_rate.rule")),
            },
            base: axis.base,
            at: axis.at,
            times: axis.times,
        },
    })
}

fn train_axis(message: v1::TrainAxis) -> Result<TrainAxis, WireError> {
    let key = word("grid", &TrainKey::ALL, &message.key)?;
    let values = message.values.into_iter().map(value).collect::<Result<_, _>>()?;
    Ok(TrainAxis { key, values })
}

fn value(message: v1::Value) -> Result<Value, WireError> {
    use v1::value::Kind;
    Ok(match message.kind.ok_or_else(|| missing("grid"))? {
        Kind::Integer(value) => Value::Integer(value),
        Kind::Number(value) => Value::Number(value),
        Kind::Flag(value) => Value::Flag(value),
        Kind::Word(value) => Value::Word(value),
    })
}

/// `[train]`.
///
/// # Errors
/// [`WireError`] for an unknown word.
pub fn train(message: v1::TrainSpec) -> Result<TrainSpec, WireError> {
    let target = message.target.map(|target| {
        let metric = word("train.target.metric", &TargetMetric::ALL, &target.metric)?;
        Ok(Target { metric, below: target.below })
    });
    Ok(TrainSpec {
        budget: message.budget.map(budget).transpose()?,
        optimizer: word("train.optimizer", &OptimizerKind::ALL, &message.optimizer)?,
        momentum: message.momentum,
        nesterov: message.nesterov,
        weight_decay: message.weight_decay,
        beta1: message.beta1,
        beta2: message.beta2,
        epsilon: message.epsilon,
        loss: word("train.loss", &Loss::ALL, &message.loss)?,
        schedule: word("train.schedule", &ScheduleKind::ALL, &message.schedule)?,
        warmup_steps: message.warmup_steps,
        shuffle: message.shuffle,
        precision: word("train.precision", &Precision::ALL, &message.precision)?,
        drop_last: message.drop_last,
        target: target.transpose()?,
        stop_at_target: message.stop_at_target,
    })
}

fn budget(message: v1::Budget) -> Result<Budget, WireError> {
    use v1::budget::Length;
    Ok(match message.length.ok_or_else(|| missing("train.epochs"))? {
        Length::Epochs(amount) => Budget::Epochs(amount),
        Length::Steps(amount) => Budget::Steps(amount),
        Length::Examples(amount) => Budget::Examples(amount),
    })
}

/// `[memory]`.
///
/// # Errors
/// [`WireError`] when the policy is missing.
pub fn memory(message: v1::MemorySpec) -> Result<MemorySpec, WireError> {
    use v1::memory_spec::MicroBatch;
    let micro_batch = match message.micro_batch.ok_or_else(|| missing("memory.micro_batch"))? {
        MicroBatch::Auto(_) => MicroBatchPolicy::Auto,
        MicroBatch::Off(_) => MicroBatchPolicy::Off,
        MicroBatch::Fixed(examples) => MicroBatchPolicy::Fixed(examples),
    };
    Ok(MemorySpec { budget: message.budget_bytes.map(Bytes), micro_batch })
}

/// What one cell of the grid sets.
///
/// # Errors
/// [`WireError`] for a missing, unknown or out-of-range field.
pub fn settings(message: v1::TrialSettings) -> Result<TrialSettings, WireError> {
    let out_of_range =
        |field, error: domain::units::OutOfRange| WireError { field, problem: error.to_string() };
    let train = train(message.train.ok_or_else(|| missing("train"))?)?;
    Ok(TrialSettings {
        batch_size: BatchSize::try_new(message.batch_size)
            .map_err(|error| out_of_range("batch_size", error))?,
        learning_rate: LearningRate::try_new(message.learning_rate)
            .map_err(|error| out_of_range("learning_rate", error))?,
        seed: message.seed,
        budget: train.budget.ok_or_else(|| missing("train.epochs"))?,
        train,
    })
}

/// How a trial ended.
///
/// # Errors
/// [`WireError`] when it is not said.
pub fn outcome(message: v1::Outcome) -> Result<Outcome, WireError> {
    Ok(match message {
        v1::Outcome::Succeeded => Outcome::Succeeded,
        v1::Outcome::Diverged => Outcome::Diverged,
        v1::Outcome::Infeasible => Outcome::Infeasible,
        v1::Outcome::Unspecified => return Err(missing("result.outcome")),
    })
}

/// The four parts.
#[must_use]
pub fn memory_parts(message: &v1::Memory) -> MemoryParts {
    MemoryParts {
        fixed: StaticParts {
            parameter_bytes: message.parameter_bytes,
            gradient_bytes: message.gradient_bytes,
            optimizer_state_bytes: message.optimizer_state_bytes,
        },
        batch_bytes: message.batch_bytes,
        activation_bytes: message.activation_bytes,
        resident_data_bytes: message.resident_data_bytes,
    }
}

/// What is known of one kind of trial's memory. A step of no examples says nothing and is left out.
#[must_use]
pub fn known_memory(message: &v1::KnownMemory) -> KnownMemory {
    let steps = |steps: &Option<v1::KnownSteps>| steps.as_ref().map(known_steps).unwrap_or_default();
    KnownMemory { whole: steps(&message.whole), accumulated: steps(&message.accumulated) }
}

fn known_steps(message: &v1::KnownSteps) -> MicroBatchSearch {
    let mut search = MicroBatchSearch::default();
    for step in message.measured.iter().filter(|step| step.micro_batch > 0) {
        search.record_fit(step.micro_batch, step.bytes);
    }
    for step in message.failed.iter().filter(|step| step.micro_batch > 0) {
        search.record_failure(step.micro_batch, step.room_bytes);
    }
    search
}
