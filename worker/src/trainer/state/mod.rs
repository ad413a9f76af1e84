//! A trial's whole state between two steps, from which a later attempt goes on with the same bits.
//!
//! - [`checkpoint`]: when it is saved, and where to,
//! - [`snapshot`]: the tensors of a learner as a file, and back,
//! - [`summary`] and [`divergence`]: what the loop gathers on the way,
//! - [`encoding`]: what the loop gathers as bytes in that file, and back.

pub mod checkpoint;
pub mod divergence;
pub mod encoding;
pub mod snapshot;
pub mod summary;

use std::time::Duration;

use domain::noise_scale::NoiseSample;
use domain::units::ContentHash;

use super::memory::{Plan, TrialKind};
use divergence::Divergence;
use summary::Summary;

/// What a trial's loop knows besides weights, buffers and optimizer state. Random numbers and the order of examples follow
/// from the seed and the step.
#[derive(Debug, Clone)]
pub struct TrialState {
    /// Whose state it is, as [`encoding::hash_of_spec`].
    pub spec: ContentHash,
    /// All that memory and rounding depend on.
    pub kind: TrialKind,
    /// Hash of the data's files; `None` where there are none.
    pub data: Option<ContentHash>,
    /// CPU threads it is computed with.
    pub threads: u64,
    /// How the trial was planned at its beginning.
    pub plan: Plan,
    /// The largest micro-batch in force.
    pub micro_batch: u64,
    /// Examples evaluated together.
    pub evaluation_examples: u64,
    /// Numbers gathered so far, the steps done among them.
    pub summary: Summary,
    /// What watches for divergence.
    pub divergence: Divergence,
    /// Gradient norms for the noise scale.
    pub noise: Vec<NoiseSample>,
    /// Training time so far.
    pub train_time: Duration,
    /// The most memory that training steps took.
    pub peak: Peak,
    /// Allocations refused so far.
    pub ooms: u64,
    /// The learning rate reported last; `None` before the first.
    pub learning_rate: Option<f64>,
}

/// The most memory that training steps took, in bytes; what happens between them does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// In live tensors.
    pub bytes: u64,
    /// Held by the allocator.
    pub reserved: u64,
}
