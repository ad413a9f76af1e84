//! Data sets of the user's, in the interpreter that reads them.

use std::path::PathBuf;

use domain::spec::PythonCode;
use pyo3::prelude::*;
use pyo3::types::PyList;
use worker::shim::TorchError;
use worker::trainer::hosted::{Example, ExamplesRead, HostedData};

use crate::errors::of_python;
use crate::support::{Part, support};
use crate::tensors::tensor;
use crate::values::keywords;

/// Map-style data sets.
#[derive(Debug)]
pub struct DataSets {
    data: Py<PyAny>,
    code: Py<PyAny>,
    tensor_class: Py<PyAny>,
    lengths: Vec<u64>,
    /// The names of the columns; none where examples are tuples.
    names: Vec<String>,
}

impl DataSets {
    /// Calls the user's function.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, or what is wrong with what it returned.
    pub fn open(py: Python<'_>, code: &PythonCode) -> Result<Self, TorchError> {
        Self::opened(py, code).map_err(|error| of_python(py, &error))
    }

    fn opened(py: Python<'_>, code: &PythonCode) -> PyResult<Self> {
        let path = code.file.path().unwrap_or_default();
        let reading = support(py, Part::Data)?;
        reading.call_method0("begin")?;
        let module = support(py, Part::Loading)?.call_method1("load", ("data", path))?;
        let arguments = keywords(py, &code.arguments)?;
        let data = reading.call_method1("open_data", (&module, code.function.as_str(), arguments))?;
        let lengths = data.call_method0("lengths")?.extract()?;
        let is_dict: bool = data.getattr("is_dict")?.extract()?;
        let names = if is_dict { data.getattr("names")?.extract()? } else { Vec::new() };
        let columns: usize = data.getattr("names")?.len()?;
        let tensor_class = py.import("torch")?.getattr("Tensor")?.unbind();
        let names = if is_dict { names } else { vec![String::new(); columns] };
        Ok(Self { data: data.unbind(), code: module.unbind(), tensor_class, lengths, names })
    }

    fn columns(&self, py: Python<'_>, examples: &[Example], watch: bool) -> PyResult<ExamplesRead> {
        let of_validation = examples.first().is_some_and(|example| example.of_validation);
        let places = PyList::new(py, examples.iter().map(|example| example.place))?;
        let seeds = PyList::new(py, examples.iter().map(|example| example.seed))?;
        let arguments = (usize::from(of_validation), places, seeds, watch);
        let read = self.data.bind(py).call_method1("columns", arguments)?;
        let (columns, drew): (Vec<Bound<'_, PyAny>>, bool) = read.extract()?;
        let tensor_class = self.tensor_class.bind(py);
        let columns = columns.iter().map(|column| tensor(column, tensor_class)).collect::<PyResult<_>>()?;
        Ok(ExamplesRead { columns, drew })
    }
}

/// What it holds is given up at once: its memory must not count as that of a trial after it.
impl Drop for DataSets {
    fn drop(&mut self) {
        Python::attach(|py| {
            self.data = py.None();
            self.code = py.None();
        });
    }
}

impl HostedData for DataSets {
    fn lengths(&self) -> (u64, Option<u64>) {
        (self.lengths.first().copied().unwrap_or(0), self.lengths.get(1).copied())
    }

    fn inputs(&self) -> Vec<Option<String>> {
        let inputs = self.names.iter().take(self.names.len().saturating_sub(1));
        inputs.map(|name| Some(name.clone()).filter(|name| !name.is_empty())).collect()
    }

    fn target(&self) -> String {
        self.names.last().filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| "y".to_owned())
    }

    fn read(&self, examples: &[Example], watch: bool) -> Result<ExamplesRead, TorchError> {
        Python::attach(|py| self.columns(py, examples, watch).map_err(|error| of_python(py, &error)))
    }

    fn files(&self) -> Vec<PathBuf> {
        Python::attach(|py| {
            let reading = support(py, Part::Data);
            let files = reading.and_then(|reading| reading.call_method1("files", (self.code.bind(py),)));
            files.and_then(|files| files.extract()).unwrap_or_default()
        })
    }
}
