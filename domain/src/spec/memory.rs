//! `[memory]`: how much a trial may take and how its batch is split.

use crate::units::Bytes;

/// Memory limits of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySpec {
    /// A limit below the device's own; without it, only the worker's and the device's limits hold.
    pub budget: Option<Bytes>,
    /// How the micro-batch is chosen.
    pub micro_batch: MicroBatchPolicy,
}

impl Default for MemorySpec {
    fn default() -> Self {
        Self { budget: None, micro_batch: MicroBatchPolicy::Auto }
    }
}

/// How the micro-batch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MicroBatchPolicy {
    /// The largest that fits, the whole batch where it does.
    Auto,
    /// Always the whole batch: a batch that does not fit is infeasible.
    Off,
    /// At most this many examples at a time.
    Fixed(u64),
}
