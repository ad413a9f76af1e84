//! Scripted modules: TorchScript files as `torch.jit.save` writes them.

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr::{self, NonNull};

use tch::{Device, Kind, Tensor};

use super::error::{TorchError, TorchErrorKind, check};
use super::{c10_device, c10_scalar, ffi};

/// A module of the user's own. Its operations run one by one, as in eager mode.
#[derive(Debug)]
pub struct ScriptModule {
    handle: NonNull<ffi::Module>,
    /// What training mode it was last put into.
    training: Option<bool>,
}

/// The tensors of a module by what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Parameters that want a gradient.
    Trained,
    /// Parameters that do not.
    Frozen,
    /// Buffers.
    Buffers,
}

impl ScriptModule {
    /// Loads a file onto a device.
    ///
    /// # Errors
    /// [`TorchError`] when it is no TorchScript file, its `forward` does not take one tensor, or memory runs out.
    pub fn load(path: &Path, device: Device) -> Result<Self, TorchError> {
        let path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| TorchError {
            kind: TorchErrorKind::Other,
            message: "a path cannot contain a zero byte".to_owned(),
        })?;
        let (device_type, index) = c10_device(device);
        let mut handle = ptr::null_mut();
        // SAFETY: `path` is NUL-terminated, `handle` writable.
        check(unsafe { ffi::bs_module_load(path.as_ptr(), device_type, index, &raw mut handle) })?;
        let handle = NonNull::new(handle).ok_or_else(|| TorchError {
            kind: TorchErrorKind::Other,
            message: "the module was loaded as nothing".to_owned(),
        })?;
        Ok(Self { handle, training: None })
    }

    /// Makes `kind` of its floating-point numbers.
    ///
    /// # Errors
    /// [`TorchError`] when memory runs out.
    pub fn convert(&mut self, kind: Kind) -> Result<(), TorchError> {
        // SAFETY: the module is live.
        check(unsafe { ffi::bs_module_convert(self.handle.as_ptr(), c10_scalar(kind)) })
    }

    /// Its tensors of one sort with their names, each once, in the order of their declaration.
    #[must_use]
    pub fn tensors(&self, which: Holding) -> Vec<(String, Tensor)> {
        let number = which as i32;
        let handle = self.handle.as_ptr();
        // SAFETY: the module is live and `i` below its count; a tensor's handle is ours to free, which `Tensor` does.
        unsafe {
            (0..ffi::bs_module_count(handle, number))
                .map(|i| {
                    let name = text(ffi::bs_module_name(handle, number, i));
                    (name, Tensor::from_ptr(ffi::bs_module_tensor(handle, number, i)))
                })
                .collect()
        }
    }

    /// `forward` as it was declared.
    #[must_use]
    pub fn signature(&self) -> String {
        // SAFETY: the module is live, and its text with it.
        unsafe { text(ffi::bs_module_signature(self.handle.as_ptr())) }
    }

    /// Puts all of it into training or evaluation mode.
    ///
    /// # Errors
    /// [`TorchError`] if the module refuses.
    pub fn set_training(&mut self, on: bool) -> Result<(), TorchError> {
        if self.training != Some(on) {
            // SAFETY: the module is live.
            check(unsafe { ffi::bs_module_train(self.handle.as_ptr(), on) })?;
            self.training = Some(on);
        }
        Ok(())
    }

    /// Whether it has a method of this name.
    #[must_use]
    pub fn has_method(&self, name: &CStr) -> bool {
        // SAFETY: the module is live, `name` NUL-terminated.
        unsafe { ffi::bs_module_has(self.handle.as_ptr(), name.as_ptr()) }
    }

    /// Calls a method that takes nothing, without gradients.
    ///
    /// # Errors
    /// [`TorchError`] with what the method raised.
    pub fn call(&mut self, name: &CStr) -> Result<(), TorchError> {
        // SAFETY: the module is live, `name` NUL-terminated.
        check(unsafe { ffi::bs_module_call(self.handle.as_ptr(), name.as_ptr()) })
    }

    /// The outputs for some inputs.
    ///
    /// # Errors
    /// [`TorchError`] with what the module raised, when it returns anything but one tensor, and when memory runs out.
    pub fn forward(&mut self, inputs: &Tensor) -> Result<Tensor, TorchError> {
        let mut outputs = ptr::null_mut();
        // SAFETY: module and inputs are live; the handle that comes back is ours to free, which `Tensor` does.
        unsafe {
            check(ffi::bs_module_forward(self.handle.as_ptr(), inputs.as_ptr(), &raw mut outputs))?;
            Ok(Tensor::from_ptr(outputs))
        }
    }
}

impl Drop for ScriptModule {
    fn drop(&mut self) {
        // SAFETY: the handle came from `bs_module_load` and is freed once.
        unsafe { ffi::bs_module_free(self.handle.as_ptr()) }
    }
}

/// # Safety
/// `text` is NUL-terminated and live.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
