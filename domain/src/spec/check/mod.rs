//! Every rule of the sweep file that needs no file or device to check.

mod axes;
mod cells;
mod code;
mod model;
mod search;

use std::collections::HashSet;
use std::fmt;

use super::{
    ArrayData, Budget, DataSource, DataSpec, GridSpec, MemorySpec, MicroBatchPolicy, SweepDraft, SweepSpec,
    SyntheticData, TargetMetric, TrainKey, TrainSpec, Upload, is_name,
};

/// One thing wrong with a sweep, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecIssue {
    /// The field by its path in the sweep file, such as `grid.batch_size[1]`.
    pub path: String,
    /// What is wrong, with the offending value.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for SpecIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

/// All issues of a draft; none means that it is a sweep.
pub(super) fn issues(draft: &SweepDraft) -> Vec<SpecIssue> {
    let mut found = Issues::default();
    check_name(draft.name.as_deref(), &mut found);
    check_data(&draft.data, &mut found);
    model::check(&draft.model, &mut found);
    axes::check(&draft.grid, &draft.model, &mut found);
    check_budget(draft, &mut found);
    check_train("train", &draft.train, &mut found);
    check_target(draft, &mut found);
    check_memory(&draft.memory, &mut found);
    search::check(draft, &mut found);
    check_size(&draft.grid, &mut found);
    if has_size(&draft.grid) {
        cells::check(draft, &mut found);
    }
    found.0
}

#[derive(Default)]
struct Issues(Vec<SpecIssue>);

impl Issues {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>, help: Option<&str>) {
        self.0.push(SpecIssue { path: path.into(), message: message.into(), help: help.map(str::to_owned) });
    }

    /// Notes values that are twice in an axis: they would be the same trial.
    fn add_repeats<T: fmt::Display>(&mut self, path: &str, values: &[T]) {
        let mut seen = HashSet::new();
        for (index, value) in values.iter().enumerate() {
            if !seen.insert(value.to_string()) {
                self.add_repeat(format!("{path}[{index}]"), value);
            }
        }
    }

    fn add_repeat(&mut self, path: String, value: &impl fmt::Display) {
        let message = format!("{value} is in this axis twice, so the same trial would run twice");
        self.add(path, message, Some("remove it; to repeat trials, list several seeds"));
    }

    fn add_empty(&mut self, path: &str) {
        self.add(
            path,
            "an axis needs at least one value",
            Some("list the values to try, such as [1, 32, 1024]"),
        );
    }
}

fn check_name(name: Option<&str>, found: &mut Issues) {
    let Some(name) = name else { return };
    if !is_name(name) {
        found.add(
            "name",
            format!("`{name}` is not a sweep name"),
            Some("use 1 to 63 lower-case letters, digits and hyphens"),
        );
    }
}

fn check_upload(path: &str, upload: Option<&Upload>, found: &mut Issues) {
    if let Some(upload) = upload
        && !Upload::is_name(&upload.name)
    {
        let message = format!("{:?} is no file name", upload.name);
        found.add(path, message, Some("name a file by 1 to 128 bytes, without / and \\"));
    }
}

fn check_data(data: &DataSpec, found: &mut Issues) {
    check_upload("data.upload", data.source.upload(), found);
    match &data.source {
        DataSource::Synthetic(synthetic) => {
            check_synthetic(synthetic, found);
            let available = data.limit.map_or(synthetic.examples, |limit| limit.min(synthetic.examples));
            if synthetic.examples > 0 && data.validation >= available {
                found.add(
                    "data.validation",
                    format!(
                        "holding out {} of {available} examples leaves none to train on",
                        data.validation
                    ),
                    Some("hold out fewer"),
                );
            }
        }
        source if source.path() == Some("") && !matches!(source, DataSource::Python(_)) => {
            let help = match source {
                DataSource::Safetensors(_) => "name the file",
                DataSource::Npz(_) => "name the .npz file, or the folder of the .npy files",
                _ => "name the folder that holds the files",
            };
            found.add("data.path", "the path is empty", Some(help));
        }
        DataSource::Safetensors(arrays) | DataSource::Npz(arrays) => check_arrays(arrays, found),
        DataSource::Python(python) => code::check("data", python, found),
        DataSource::Idx(_) | DataSource::Cifar10(_) | DataSource::Cifar100(_) => {}
    }
    match data.limit {
        Some(0) => {
            found.add("data.limit", "a limit of 0 leaves no examples", Some("leave `limit` out to use all"));
        }
        // How many there are a worker knows, but there are no more than the limit.
        Some(limit) if !matches!(data.source, DataSource::Synthetic(_)) && data.validation >= limit => {
            found.add(
                "data.validation",
                format!(
                    "holding out {} of at most {limit} examples leaves none to train on",
                    data.validation
                ),
                Some("hold out fewer, or raise `limit`"),
            );
        }
        _ => {}
    }
}

const MOST_INPUTS: usize = 64;

fn check_arrays(arrays: &ArrayData, found: &mut Issues) {
    if arrays.inputs.len() > MOST_INPUTS {
        let message = format!("{} inputs are too many", arrays.inputs.len());
        found.add("data.inputs", message, Some(&format!("{MOST_INPUTS} are allowed")));
    }
    found.add_repeats("data.inputs", &arrays.inputs);
    for (index, name) in arrays.inputs.iter().enumerate() {
        if !code::is_identifier(name) {
            let message = format!("{name:?} cannot be the name of an argument");
            found.add(format!("data.inputs[{index}]"), message, Some("use letters, digits and _"));
        }
    }
    if let Some(target) = &arrays.target {
        if !code::is_identifier(target) {
            let message = format!("{target:?} cannot be the name of an array");
            found.add("data.target", message, Some("use letters, digits and _"));
        }
        if arrays.inputs.contains(target) {
            found.add("data.target", format!("{target:?} is an input, too"), None);
        }
    }
}

fn check_synthetic(data: &SyntheticData, found: &mut Issues) {
    const MAX_ELEMENTS: u64 = 1 << 34;
    const MAX_DIMENSIONS: usize = 8;
    if data.examples == 0 {
        found.add("data.examples", "0 examples cannot be trained on", Some("ask for at least 1"));
    }
    if data.features.is_empty() || data.features.contains(&0) {
        found.add(
            "data.features",
            "the shape of an example needs sizes of at least 1",
            Some("for example [10]"),
        );
    }
    if data.features.len() > MAX_DIMENSIONS {
        let message = format!("{} dimensions of an example are too many", data.features.len());
        found.add("data.features", message, Some("use at most 8"));
    }
    let elements = data.features.iter().try_fold(data.examples, |product, &size| product.checked_mul(size));
    if elements.is_none_or(|elements| elements > MAX_ELEMENTS) {
        found.add(
            "data.features",
            "examples x features is over 2^34 numbers",
            Some("ask for fewer or smaller examples"),
        );
    }
    if !(2..=1 << 20).contains(&data.classes) {
        let message = format!("{} classes cannot be told apart", data.classes);
        found.add("data.classes", message, Some("use 2 to 1048576 classes"));
    }
    if data.seed.is_some_and(|seed| i64::try_from(seed).is_err()) {
        found.add("data.seed", "the seed is over 2^63 - 1", None);
    }
}

fn check_budget(draft: &SweepDraft, found: &mut Issues) {
    let axes = draft.grid.train.iter().filter(|axis| axis.key.is_budget()).count();
    match usize::from(draft.train.budget.is_some()) + axes {
        0 => found.add(
            "train",
            "nothing says how long a trial trains",
            Some("set exactly one of `epochs`, `steps` and `examples`"),
        ),
        1 => {}
        _ => found.add(
            "train",
            "more than one key says how long a trial trains",
            Some("keep exactly one of `epochs`, `steps` and `examples`, in [train] or as an axis of [grid]"),
        ),
    }
}

fn check_train(path: &str, train: &TrainSpec, found: &mut Issues) {
    let at = |key: TrainKey| format!("{path}.{}", key.word());
    if let Some(budget) = train.budget {
        let (key, amount) = match budget {
            Budget::Epochs(amount) => (TrainKey::Epochs, amount),
            Budget::Steps(amount) => (TrainKey::Steps, amount),
            Budget::Examples(amount) => (TrainKey::Examples, amount),
        };
        if !(1..=1 << 40).contains(&amount) {
            found.add(
                at(key),
                format!("{amount} {} is not a training length", key.word()),
                Some("use at least 1"),
            );
        }
    }
    let decays = [
        (TrainKey::Momentum, train.momentum),
        (TrainKey::Beta1, train.beta1),
        (TrainKey::Beta2, train.beta2()),
    ];
    for (key, value) in decays {
        if !(0.0..1.0).contains(&value) {
            found.add(at(key), format!("`{}` must lie in [0, 1), not {value}", key.word()), None);
        }
    }
    if !(train.weight_decay() >= 0.0 && train.weight_decay().is_finite()) {
        let message = format!("`weight_decay` must be at least 0, not {}", train.weight_decay());
        found.add(at(TrainKey::WeightDecay), message, None);
    }
    if !(train.epsilon > 0.0 && train.epsilon.is_finite()) {
        let message = format!("`epsilon` must be greater than 0, not {}", train.epsilon);
        found.add(at(TrainKey::Epsilon), message, Some("1e-8 is the usual value"));
    }
}

fn check_target(draft: &SweepDraft, found: &mut Issues) {
    let stops = |axis: &super::TrainAxis| axis.key == TrainKey::StopAtTarget;
    let Some(target) = draft.train.target else {
        if draft.train.stop_at_target || draft.grid.train.iter().any(stops) {
            found.add(
                "train.stop_at_target",
                "there is no target to stop at",
                Some("set `target = { metric = \"validation_error\", below = 0.15 }`"),
            );
        }
        return;
    };
    if !target.below.is_finite() {
        found.add("train.target.below", format!("{} is not a bound", target.below), None);
    }
    if target.metric != TargetMetric::TrainSetLoss
        && draft.data.validation == 0
        && !draft.data.source.may_have_validation()
    {
        found.add(
            "train.target.metric",
            format!("there are no validation examples to measure {} on", target.metric.word()),
            Some("hold some out with `validation = N` in [data]"),
        );
    }
}

fn check_memory(memory: &MemorySpec, found: &mut Issues) {
    if memory.budget.is_some_and(|budget| budget.0 == 0) {
        found.add("memory.budget", "a budget of 0 holds nothing", Some("leave it out for no budget"));
    }
    if memory.micro_batch == MicroBatchPolicy::Fixed(0) {
        found.add(
            "memory.micro_batch",
            "a micro-batch holds at least 1 example",
            Some("or \"auto\", or \"off\""),
        );
    }
}

/// Whether there are as many trials as one sweep may hold, or fewer.
fn has_size(grid: &GridSpec) -> bool {
    grid.trial_count().is_some_and(|count| count <= SweepSpec::MAX_TRIALS)
}

fn check_size(grid: &GridSpec, found: &mut Issues) {
    match grid.trial_count() {
        _ if has_size(grid) => {}
        count => {
            let count = count.map_or("more than 2^64".to_owned(), |count| count.to_string());
            found.add(
                "grid",
                format!("the grid holds {count} trials; one sweep may hold {}", SweepSpec::MAX_TRIALS),
                Some("thin an axis, or split the sweep"),
            );
        }
    }
}
