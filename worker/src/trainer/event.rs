//! What a trainer reports, in the order in which it happens.

use std::path::PathBuf;

use domain::run::{Accumulation, Failure, Findings, PeakMemory, Progress, Record, TrialResult};
use domain::units::ContentHash;

use super::device::Description;
use super::facts::Facts;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The trainer runs, on this device.
    Ready {
        /// The device.
        device: Description,
        /// The worker's own memory limit in bytes.
        memory_limit: Option<u64>,
    },
    /// Answer to a plan.
    Planned(PlannedTrial),
    /// Answer to the check of a module.
    Checked(CheckedModule),
    /// The trial goes on after this step from the file it was given; before any of its records.
    Resumed {
        /// Optimizer steps done.
        step: u64,
    },
    /// How far the trial is; a few times a second.
    Progress(Progress),
    /// Records, in order, each sent once.
    Records(Vec<Record>),
    /// What others can use; only what was not reported before.
    Found(Findings),
    /// The trial was saved.
    Saved(SavedTrial),
    /// The trial ended with a result.
    Finished(Box<TrialResult>),
    /// The trial was stopped as asked.
    Stopped,
    /// The trial, or the plan, cannot go on.
    Problem {
        /// Whether the trainer itself must be replaced.
        is_fatal: bool,
        /// Why.
        failure: Failure,
    },
    /// Work is being done: at most once a second, and only when some was done since.
    Alive,
}

/// What a trial would take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlannedTrial {
    /// Training examples found.
    pub train_examples: u64,
    /// Validation examples found.
    pub validation_examples: u64,
    /// Optimizer steps in all.
    pub total_steps: u64,
    /// Examples in the largest micro-batch; 0 when infeasible.
    pub micro_batch: u64,
    /// Micro-batches in a batch; 0 when infeasible.
    pub accumulation_steps: u64,
    /// Predicted parts; the peak is the predicted one.
    pub memory: PeakMemory,
    /// Why it does not fit; `None` when it does.
    pub infeasible: Option<String>,
    /// Micro-batches that were run to find out; 0 when all was known.
    pub probes: u64,
    /// Whether the peak was measured at exactly this micro-batch, by whoever did, rather than predicted from sizes around
    /// it.
    pub is_measured: bool,
    /// What the user should know of it.
    pub facts: Facts,
}

/// What is in a scripted module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedModule {
    /// `forward` as it was declared.
    pub signature: String,
    /// Numbers that are trained.
    pub trained_elements: u64,
    /// Numbers in parameters that want no gradient.
    pub frozen_elements: u64,
    /// Numbers in buffers.
    pub buffer_elements: u64,
    /// Bytes of all of them in float32.
    pub bytes: u64,
    /// The shape of one example's input that was tried, or accepted.
    pub features: Vec<u64>,
    /// The width of its outputs, (examples, width).
    pub outputs: u64,
    /// Whether the seed sets its initial weights: it exports `reset_parameters`.
    pub can_be_seeded: bool,
    /// Whether it takes whole numbers, as an embedding does: of fractions it sees the whole part alone.
    pub takes_whole_numbers: bool,
    /// Whether a batch in micro-batches has the gradient of the whole, tried out with four examples.
    pub accumulation: Accumulation,
}

/// A file that holds a trial's state. All records before it belong to what it holds, none after it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedTrial {
    /// The file; the agent removes it.
    pub file: PathBuf,
    /// Its hash.
    pub sha256: ContentHash,
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
}
