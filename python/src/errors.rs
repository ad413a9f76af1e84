//! What Python raised, in the worker's terms.

use pyo3::prelude::*;
use worker::shim::{TorchError, TorchErrorKind};

/// Something wrong with the user's code.
#[must_use]
pub fn unusable(message: String) -> TorchError {
    TorchError { kind: TorchErrorKind::UsersCode, message }
}

/// What Python raised. A lack of memory is one, whoever met it; all else is the code's own: one line that says what and where,
/// then Python's traceback.
pub fn of_python(py: Python<'_>, error: &PyErr) -> TorchError {
    let short = TorchError::from_text(&error.to_string());
    if short.kind != TorchErrorKind::Other {
        return short;
    }
    unusable(in_full(py, error).unwrap_or_else(|_| error.to_string()))
}

fn in_full(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let traceback = py.import("traceback")?;
    let raised = (error.get_type(py), error.value(py), error.traceback(py));
    let lines: Vec<String> = traceback.call_method1("format_exception", raised)?.extract()?;
    let said = error.to_string().replace('\n', " ");
    let mut place = String::new();
    if let Some(from) = error.traceback(py) {
        // The last line of the user's own: what is below it is torch's.
        for frame in traceback.call_method1("extract_tb", (from,))?.try_iter()? {
            let frame = frame?;
            let file: String = frame.getattr("filename")?.extract()?;
            if !file.contains("site-packages") && !file.starts_with('<') {
                let (line, function) = (frame.getattr("lineno")?, frame.getattr("name")?);
                place = format!(" ({file}, line {line}, in {function})");
            }
        }
    }
    Ok(format!("{said}{place}\n{}", lines.concat().trim_end()))
}
