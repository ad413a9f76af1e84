//! Quantities as types, so that a batch size cannot be taken for a step count, nor bytes for examples.

mod bytes;
mod content_hash;
mod number;

pub use bytes::{Bytes, ParseBytesError};
pub use content_hash::{ContentHash, ContentHasher, NotAHash};
pub use number::{BatchSize, LearningRate, OutOfRange, SweepWeight};
