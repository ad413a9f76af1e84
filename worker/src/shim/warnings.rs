//! What libtorch warns of on standard error.

use super::error::{TorchError, check};
use super::ffi;

/// From now on each warning that this thread causes is printed once, and not with every step.
///
/// # Errors
/// [`TorchError`] when memory runs out.
pub fn print_each_once() -> Result<(), TorchError> {
    // SAFETY: no arguments.
    check(unsafe { ffi::bs_warn_once() })
}
