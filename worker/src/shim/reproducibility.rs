//! Same seed, same bits: deterministic kernels, stated number formats.

use super::error::{TorchError, check};
use super::ffi;

/// Deterministic kernels wherever there are some, no autotuning. An operation that has none warns on standard error.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn set_deterministic(on: bool) -> Result<(), TorchError> {
    // SAFETY: a plain flag.
    check(unsafe { ffi::bs_set_deterministic(on) })
}

/// Whether float32 matrix products and convolutions may round their inputs to TF32's 10-bit mantissa.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn set_tf32(on: bool) -> Result<(), TorchError> {
    // SAFETY: a plain flag.
    check(unsafe { ffi::bs_set_tf32(on) })
}
