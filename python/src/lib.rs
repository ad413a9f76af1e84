//! The trainer as a Python extension module. The interpreter of the user's own environment loads it after `import torch`; then
//! the trainer's one loop runs models of kind python: it takes their parameters as they are, calls them for outputs, and does
//! all else itself.

mod data;
mod errors;
mod interpreter;
mod module;
mod support;
mod tensors;
mod values;

use std::process::{ExitCode, Termination};

use pyo3::prelude::*;
use worker::trainer;
use worker::trainer::hosted;

/// The extension module.
#[pymodule]
mod batchsweep_trainer {
    #[pymodule_export]
    use super::printed;
    #[pymodule_export]
    use super::serve;
}

/// What the user's code prints; it goes to the trial's log.
#[pyfunction]
fn printed(text: &str) {
    hosted::print(text);
}

/// Is the trainer of one agent, until that closes this process's standard input; gives the exit code of the process.
#[pyfunction]
fn serve(py: Python<'_>) -> i32 {
    hosted::set_interpreter(Box::new(interpreter::Embedding));
    // The interpreter's lock is taken for each call into it. A backward pass must not hold it: libtorch's threads would wait
    // for it for ever.
    let ended = py.detach(trainer::serve);
    i32::from(ended.report() != ExitCode::SUCCESS)
}
