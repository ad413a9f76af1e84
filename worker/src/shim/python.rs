//! Tensors as the Python interpreter that hosts this process has them.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use tch::Tensor;

use super::error::{TorchError, check};
use super::ffi;

/// A new reference to the object of a tensor, for the caller to give up; `None` where Python has its error set. Both are one
/// tensor: what changes one changes the other.
///
/// # Errors
/// [`TorchError`] where no interpreter with torch is in this process.
///
/// # Safety
/// This thread holds the interpreter's lock.
pub unsafe fn object_of(tensor: &Tensor) -> Result<Option<NonNull<c_void>>, TorchError> {
    let mut object = ptr::null_mut();
    // SAFETY: the tensor is live, and the lock is held, as the caller promises.
    check(unsafe { ffi::bs_python_wrap(tensor.as_ptr(), &raw mut object) })?;
    Ok(NonNull::new(object))
}

/// The tensor of an object; both are one.
///
/// # Safety
/// The object is a `torch.Tensor`, and this thread holds the interpreter's lock.
pub unsafe fn tensor_of(object: NonNull<c_void>) -> Tensor {
    // SAFETY: it is a tensor, as the caller promises; the handle that comes back is ours to free, which `Tensor` does.
    unsafe { Tensor::from_ptr(ffi::bs_python_unwrap(object.as_ptr())) }
}
