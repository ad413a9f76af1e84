//! Parts of a training step: a backward that scales, and mixed precision.

use tch::{Device, Kind, Tensor};

use super::error::{TorchError, check};
use super::{c10_device, c10_scalar, ffi};

/// Backward from a scalar loss as if it had been multiplied by `scale`, a scalar tensor beside it: without the product,
/// and without its backward.
///
/// # Errors
/// [`TorchError`], such as when memory runs out.
pub fn backward(loss: &Tensor, scale: &Tensor) -> Result<(), TorchError> {
    // SAFETY: both are live tensors.
    check(unsafe { ffi::bs_backward(loss.as_ptr(), scale.as_ptr()) })
}

/// While it lives, on this thread, operations that gain by it compute in bfloat16 and the others in float32, as
/// PyTorch's `torch.autocast` has it. Parameters and their gradients stay float32.
#[derive(Debug)]
pub struct Autocast {
    device_type: i8,
}

impl Autocast {
    /// Begins. One at a time.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses.
    pub fn enter(device: Device) -> Result<Self, TorchError> {
        let (device_type, _) = c10_device(device);
        // SAFETY: plain numbers.
        check(unsafe { ffi::bs_autocast_enter(device_type, c10_scalar(Kind::BFloat16)) })?;
        Ok(Self { device_type })
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: a plain number. It clears a flag of this thread, which cannot fail.
        let _ = unsafe { ffi::bs_autocast_exit(self.device_type) };
    }
}
