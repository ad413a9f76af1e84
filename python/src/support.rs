//! What is easier said in Python, loaded once a process.

use std::ffi::{CStr, CString};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A part of it.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// Loads the user's code, and looks at losses.
    Loading,
    /// Reads data sets.
    Data,
}

static LOADING: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
static DATA: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// That part.
///
/// # Errors
/// What it raises when it is loaded.
pub fn support(py: Python<'_>, part: Part) -> PyResult<&Bound<'_, PyModule>> {
    let (kept, code, file, name): (_, _, &CStr, &CStr) = match part {
        Part::Loading => {
            (&LOADING, include_str!("support.py"), c"batchsweep/support.py", c"batchsweep_support")
        }
        Part::Data => (&DATA, include_str!("data.py"), c"batchsweep/data.py", c"batchsweep_data"),
    };
    let code = CString::new(code)?;
    let module = kept.get_or_try_init(py, || PyModule::from_code(py, &code, file, name).map(Bound::unbind));
    module.map(|module| module.bind(py))
}
