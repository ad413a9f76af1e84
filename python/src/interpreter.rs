//! The interpreter around this process.

use domain::spec::PythonCode;
use pyo3::prelude::*;
use worker::shim::TorchError;
use worker::trainer::hosted::{BuildRequest, HostedData, HostedModule, Interpreter};

use crate::data::DataSets;
use crate::module::Module;

/// The interpreter around this process.
#[derive(Debug)]
pub struct Embedding;

impl Interpreter for Embedding {
    fn build(&self, request: &BuildRequest<'_>) -> Result<Box<dyn HostedModule>, TorchError> {
        Python::attach(|py| {
            let built = Module::build(py, request);
            built.map(|module| Box::new(module) as Box<dyn HostedModule>)
        })
    }

    fn open_data(&self, code: &PythonCode) -> Result<Box<dyn HostedData>, TorchError> {
        Python::attach(|py| {
            let opened = DataSets::open(py, code);
            opened.map(|data| Box::new(data) as Box<dyn HostedData>)
        })
    }
}
