//! Arguments of the sweep file as Python has them.

use domain::spec::{Argument, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// Keyword arguments.
pub fn keywords<'py>(py: Python<'py>, arguments: &[(String, Argument)]) -> PyResult<Bound<'py, PyDict>> {
    let keywords = PyDict::new(py);
    for (name, argument) in arguments {
        keywords.set_item(name, value(py, argument)?)?;
    }
    Ok(keywords)
}

fn value<'py>(py: Python<'py>, argument: &Argument) -> PyResult<Bound<'py, PyAny>> {
    Ok(match argument {
        Argument::One(Value::Flag(flag)) => PyBool::new(py, *flag).to_owned().into_any(),
        Argument::One(Value::Integer(number)) => PyInt::new(py, *number).into_any(),
        Argument::One(Value::Number(number)) => PyFloat::new(py, *number).into_any(),
        Argument::One(Value::Word(word)) => PyString::new(py, word).into_any(),
        Argument::List(items) => {
            let items = items.iter().map(|item| value(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
    })
}
