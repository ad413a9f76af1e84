//! Quantities as types, so that a batch size cannot be taken for a step count, nor bytes for examples.

mod bytes;
mod content_hash;
mod duration;
mod ids;
mod number;

pub use bytes::{Bytes, ParseBytesError};
pub use content_hash::{ContentHash, ContentHasher, NotAHash};
pub use duration::{ParseTimeSpanError, TimeSpan};
pub use ids::{Attempt, InstanceId, NotAnAttempt, NotAnId, RequestId, SweepId, TrialId, WorkerId};
pub use number::{BatchSize, LearningRate, OutOfRange, SweepWeight};
