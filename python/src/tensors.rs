//! Tensors as the interpreter has them: both are one.

use std::ffi::c_void;
use std::ptr::NonNull;

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use worker::shim::{TorchError, python};
use worker::trainer::hosted::tch::Tensor;

use crate::errors::of_python;

/// The tensor of an object.
pub fn tensor(object: &Bound<'_, PyAny>, tensor_class: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    if !object.is_instance(tensor_class)? {
        let found = object.get_type();
        return Err(PyTypeError::new_err(format!("the module must return one tensor, not {found}")));
    }
    let pointer = NonNull::new(object.as_ptr().cast::<c_void>());
    let pointer = pointer.ok_or_else(|| PyTypeError::new_err("no object"))?;
    // SAFETY: it is a tensor, and the lock is held.
    #[expect(unsafe_code, reason = "libtorch's tensors and Python's are one; this is where they meet")]
    Ok(unsafe { python::tensor_of(pointer) })
}

/// The object of a tensor.
pub fn object<'py>(py: Python<'py>, tensor: &Tensor) -> Result<PyResult<Bound<'py, PyAny>>, TorchError> {
    // SAFETY: the lock is held, and the reference is new.
    #[expect(unsafe_code, reason = "libtorch's tensors and Python's are one; this is where they meet")]
    unsafe {
        let found = python::object_of(tensor)?;
        let pointer = found.map_or(std::ptr::null_mut(), NonNull::as_ptr).cast::<ffi::PyObject>();
        Ok(Bound::from_owned_ptr_or_err(py, pointer))
    }
}

/// The objects of some tensors.
pub fn objects<'py>(py: Python<'py>, tensors: &[Tensor]) -> Result<Vec<Bound<'py, PyAny>>, TorchError> {
    tensors.iter().map(|tensor| object(py, tensor)?.map_err(|error| of_python(py, &error))).collect()
}
