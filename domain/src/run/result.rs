//! How a trial ended, and every number about it.

use std::fmt;

use crate::lifecycle::Outcome;
use crate::memory::MemoryParts;

use super::{MetricName, SeedSets};
use crate::problem::TaskKind;

/// How a trial ended, and every number about it. Losses are means over examples; `None` where there is none, also where it
/// is not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialResult {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, for diverged and infeasible; empty otherwise.
    pub message: String,
    /// Examples in the largest micro-batch; 0 when infeasible.
    pub micro_batch: u64,
    /// Micro-batches in a batch; 0 when infeasible.
    pub accumulation_steps: u64,
    /// Whether accumulation gave the whole batch's gradient.
    pub accumulation: Accumulation,
    /// Device name, such as "cpu" or "cuda:0 NVIDIA H100".
    pub device: String,
    /// Optimizer steps done.
    pub steps: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Passes over the training set, with fraction.
    pub epochs: f64,
    /// Step loss of the first step.
    pub first_train_loss: Option<f64>,
    /// Step loss of the last step.
    pub final_train_loss: Option<f64>,
    /// Mean loss over the whole training set after the last step.
    pub train_set_loss: Option<f64>,
    /// Mean of the last epoch's step losses, each weighted by its examples.
    pub last_epoch_train_loss: Option<f64>,
    /// Standard deviation of the last epoch's step losses (divided by n).
    pub train_loss_std: Option<f64>,
    /// At the last evaluation.
    pub final_validation_loss: Option<f64>,
    /// At the last evaluation, 0 to 1.
    pub final_validation_accuracy: Option<f64>,
    /// Lowest of all evaluations.
    pub best_validation_loss: Option<f64>,
    /// Highest of all evaluations, 0 to 1.
    pub best_validation_accuracy: Option<f64>,
    /// The first evaluation that met the target; `None` where none did, or none was set.
    pub reached_target: Option<ReachedTarget>,
    /// Time in training steps, in seconds; planning and evaluation are not counted.
    pub train_seconds: f64,
    /// Examples / train_seconds.
    pub examples_per_second: Option<f64>,
    /// The four parts and the peak.
    pub memory: PeakMemory,
    /// Allocations refused for lack of memory while planning and training.
    pub oom_count: u64,
    /// Gradient noise scale in examples (McCandlish et al. 2018, appendix A.1); `None` where it was not determined.
    pub gradient_noise_scale: Option<f64>,
    /// What it learned to predict; `None` from a worker of an earlier version.
    pub task: Option<TaskKind>,
    /// Positions of sequences that it was trained on, those that are ignored included; `None` for other tasks.
    pub tokens: Option<u64>,
    /// The last value of each metric that has no field of its own: those of the model's own loss, and perplexity.
    pub metrics: Vec<(MetricName, f64)>,
    /// What its seed set; `None` where nothing was trained, and from a worker of an earlier version.
    pub seed_sets: Option<SeedSets>,
}

impl TrialResult {
    /// A model has no more metrics of its own than these.
    pub const MOST_METRICS: usize = 64;
}

/// The place at which a target was met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReachedTarget {
    /// Optimizer steps done.
    pub steps: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Training time so far, in seconds.
    pub seconds: f64,
}

/// Device memory of a trial, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeakMemory {
    /// The peak in its parts; where nothing ran, the predicted one.
    pub parts: MemoryParts,
    /// Largest sum over the training steps, as requested from the allocator; 0 where nothing ran.
    pub peak_bytes: u64,
    /// Largest amount that the allocator held; equal to the peak on the CPU.
    pub peak_reserved_bytes: u64,
    /// The peak that the plan predicted.
    pub predicted_peak_bytes: u64,
    /// The limit in force; `None` without one.
    pub budget_bytes: Option<u64>,
}

/// Whether accumulation gave the whole batch's gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Accumulation {
    /// Not used: the batch was trained whole.
    None,
    /// The same gradient up to rounding.
    Exact,
    /// Not the same: the model has cross-example statistics or random layers.
    Approximate,
}

impl Accumulation {
    /// The word for it, as column `accumulation` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Exact => "exact",
            Self::Approximate => "approximate",
        }
    }
}

impl fmt::Display for Accumulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
