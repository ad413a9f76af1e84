//! What is to be planned or trained, and how.

use domain::TrialSpec;
use domain::run::MemoryOfKind;

use crate::trainer::memory::{MicroBatchCap, TrialKind};
use crate::trainer::state::checkpoint::Checkpointing;

/// All that starts a trial, or its plan.
#[derive(Debug, Clone)]
pub struct TrainTrial {
    /// The trial.
    pub spec: TrialSpec,
    /// Memory that others measured, or ran out of.
    pub known_memory: Vec<MemoryOfKind>,
    /// The limit on its micro-batches, if it has one.
    pub micro_batch_cap: Option<MicroBatchCap>,
    /// How it is saved, and what it goes on from.
    pub checkpointing: Checkpointing,
    /// The sweep that it belongs to; empty where nothing was submitted.
    pub sweep_id: String,
}

/// A trial from its beginning, not saved, with nothing known from others.
impl From<TrialSpec> for TrainTrial {
    fn from(spec: TrialSpec) -> Self {
        let (known_memory, checkpointing) = (Vec::new(), Checkpointing::default());
        Self { spec, known_memory, micro_batch_cap: None, checkpointing, sweep_id: String::new() }
    }
}

/// How a trial was computed before it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsSaved {
    /// With so many threads, on which the rounding of sums depends.
    pub threads: u64,
    /// All that rounding depends on.
    pub kind: TrialKind,
}
