//! Records: what a trial reports while it runs. They are numbered 1, 2, 3, ... without gap by their place in the stream of
//! their attempt, so that a replay changes nothing.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::units::Attempt;

/// One thing that a trial reports while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A point of a curve.
    Metric(MetricPoint),
    /// How the batch is split from a step on.
    Split(Split),
    /// A line for the trial's log.
    Log(LogLine),
    /// The attempt goes on from an earlier one's checkpoint.
    Resumed(Resumed),
}

/// One point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// Which curve.
    pub name: MetricName,
    /// Where on it.
    pub place: Place,
    /// The value; not finite where the trial diverged.
    pub value: f64,
}

/// A place in a trial's training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Optimizer steps done; 0 before the first.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Training time so far in seconds; planning and evaluation are not counted.
    pub seconds: f64,
}

/// The curves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MetricName {
    /// Mean loss over the terms of the step's batch, at every step.
    TrainLoss,
    /// Mean loss over the whole training set, at evaluations.
    TrainSetLoss,
    /// Learning rate in force, whenever it changes.
    LearningRate,
    /// Euclidean norm of the whole batch's gradient.
    GradientNorm,
    /// Mean loss over the validation examples.
    ValidationLoss,
    /// Share of right predictions for validation examples, 0 to 1: of examples, of positions of sequences, or of labels.
    ValidationAccuracy,
    /// 1 - accuracy.
    ValidationError,
    /// Of sequences: e to the validation loss.
    ValidationPerplexity,
    /// One that the model's own loss gives.
    Own(OwnMetricName),
}

impl MetricName {
    /// All that the trainer knows itself, in the order in which the wire and the database number them, from 1.
    pub const ALL: [Self; 8] = [
        Self::TrainLoss,
        Self::TrainSetLoss,
        Self::LearningRate,
        Self::GradientNorm,
        Self::ValidationLoss,
        Self::ValidationAccuracy,
        Self::ValidationError,
        Self::ValidationPerplexity,
    ];

    /// The number of every metric of a model's own.
    const OWN: i16 = 9;

    /// Its name, as column `name` of view `metric` and `--name` have it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::TrainLoss => "train_loss",
            Self::TrainSetLoss => "train_set_loss",
            Self::LearningRate => "learning_rate",
            Self::GradientNorm => "gradient_norm",
            Self::ValidationLoss => "validation_loss",
            Self::ValidationAccuracy => "validation_accuracy",
            Self::ValidationError => "validation_error",
            Self::ValidationPerplexity => "validation_perplexity",
            Self::Own(name) => name.as_str(),
        }
    }

    /// Its number on the wire and in the database: its place in [`Self::ALL`], from 1.
    #[must_use]
    pub fn number(&self) -> i16 {
        match self {
            Self::TrainLoss => 1,
            Self::TrainSetLoss => 2,
            Self::LearningRate => 3,
            Self::GradientNorm => 4,
            Self::ValidationLoss => 5,
            Self::ValidationAccuracy => 6,
            Self::ValidationError => 7,
            Self::ValidationPerplexity => 8,
            Self::Own(_) => Self::OWN,
        }
    }
}

/// The name of a metric of a model's own: letters, digits and `_`, and no name of the trainer's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnMetricName(Arc<str>);

impl OwnMetricName {
    /// The longest one.
    pub const MOST_BYTES: usize = 48;

    /// A name, if it is one.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        let is_name = begins && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let is_taken = MetricName::ALL.iter().any(|metric| metric.word() == name);
        (is_name && !is_taken && name.len() <= Self::MOST_BYTES).then(|| Self(name.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that names no curve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a metric")]
pub struct UnknownMetric(String);

impl FromStr for MetricName {
    type Err = UnknownMetric;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|name| name.word() == word);
        known
            .or_else(|| OwnMetricName::new(word).map(Self::Own))
            .ok_or_else(|| UnknownMetric(word.to_owned()))
    }
}

/// How the batch is split into micro-batches from a step on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Planned before the first step, or realized after a planned one ran out of memory.
    pub kind: SplitKind,
    /// First optimizer step it holds for, from 1.
    pub from_step: u64,
    /// Examples in the largest micro-batch; 0 where none fits.
    pub micro_batch: u64,
    /// Micro-batches in a batch; 0 where none fits.
    pub accumulation_steps: u64,
    /// Why, in words.
    pub reason: String,
    /// Predicted peak in bytes; 0 where nothing was predicted.
    pub predicted_peak_bytes: u64,
}

/// Planned or realized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SplitKind {
    /// Chosen before the first step.
    Planned,
    /// In force from its step on.
    Realized,
}

impl SplitKind {
    /// The word for it, as column `kind` of view `split` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Realized => "realized",
        }
    }
}

/// A line for the trial's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text, one line.
    pub text: String,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// For the record.
    Info,
    /// Something the user should know.
    Warning,
    /// Something that ended an attempt.
    Error,
}

impl LogLevel {
    /// The word for it, as column `level` of view `log` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The attempt goes on from an earlier one's checkpoint: that one's points and splits up to `last_seq`, and those that it
/// went on from itself, come before its own. At most once in an attempt, before its first point or split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The attempt that saved it.
    pub attempt: Attempt,
    /// Number of that attempt's last record before it.
    pub last_seq: u64,
    /// Optimizer steps done.
    pub step: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_numbered_by_their_place_and_read_back_by_name() {
        for (number, name) in (1..).zip(MetricName::ALL) {
            assert_eq!((name.number(), name.word().parse()), (number, Ok(name)));
        }
    }

    #[test]
    fn a_metric_of_a_models_own_is_called_as_a_variable_may_be() {
        let own = "top_5".parse::<MetricName>().unwrap();
        assert_eq!((own.word(), own.number()), ("top_5", 9));
        assert!(OwnMetricName::new("train_loss").is_none(), "it is the trainer's");
        for word in ["", "5_top", "a b", "é", &"x".repeat(49)] {
            assert!(word.parse::<MetricName>().is_err(), "{word:?}");
        }
    }
}
