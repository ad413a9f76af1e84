//! Same seed, same bits: deterministic kernels, stated number formats, generator state.

use tch::Device;

use super::error::{TorchError, check};
use super::{c10_device, ffi};

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

/// The state of a device's default generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RngState {
    device: Device,
    state: Vec<u8>,
}

impl RngState {
    /// Takes a copy of it.
    ///
    /// # Errors
    /// [`TorchError`] when the device has no generator, or memory runs out.
    pub fn save(device: Device) -> Result<Self, TorchError> {
        // The CPU's Mersenne Twister takes 5056 bytes, CUDA's Philox 16.
        let mut state = vec![0; 8192];
        let mut size = state.len();
        let (kind, index) = c10_device(device);
        // SAFETY: `state` has `size` writable bytes; the shim writes no more and tells how many.
        check(unsafe { ffi::bs_rng_get(kind, index, state.as_mut_ptr(), &raw mut size) })?;
        state.truncate(size);
        Ok(Self { device, state })
    }

    /// Puts it back.
    ///
    /// # Errors
    /// [`TorchError`] when memory runs out.
    pub fn restore(&self) -> Result<(), TorchError> {
        let (kind, index) = c10_device(self.device);
        // SAFETY: `state` has `len` readable bytes.
        check(unsafe { ffi::bs_rng_set(kind, index, self.state.as_ptr(), self.state.len()) })
    }
}
