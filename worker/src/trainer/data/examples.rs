//! What a micro-batch is.

use smallvec::SmallVec;
use tch::Tensor;

/// Some examples as the model sees them, on the device.
#[derive(Debug)]
pub struct Examples {
    /// Each of shape (examples, ...).
    pub inputs: SmallVec<[Tensor; 1]>,
    /// (examples, ...): int64 classes, or numbers.
    pub targets: Tensor,
}
