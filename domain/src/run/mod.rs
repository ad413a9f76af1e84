//! What a run says: while a trial trains, when it ends, and where its state is kept.
//!
//! A trial's worker produces these, the wire carries them ([`Lease`] names the attempt that they belong to) and the
//! store keeps them. All of them are plain data; what they mean together is [`crate::analysis`].

mod checkpoint;
mod failure;
mod finding;
mod lease;
mod plausible;
mod progress;
mod record;
mod result;
mod seed_sets;

pub use checkpoint::Checkpoint;
pub use failure::{Failure, FailureKind, UnknownFailureKind};
pub use finding::{Findings, MemoryOfKind};
pub use lease::{HeldState, Lease, LeaseOrder, LeaseToken};
pub use plausible::Impossible;
pub use progress::{Phase, Progress, UnknownPhase};
pub use record::{
    LogLevel, LogLine, MetricName, MetricPoint, OwnMetricName, Place, Record, Resumed, Split, SplitKind,
    UnknownMetric,
};
pub use result::{Accumulation, PeakMemory, ReachedTarget, TrialResult};
pub use seed_sets::{SeedSets, UnknownSeedSets};
