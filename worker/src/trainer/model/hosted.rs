//! A model in another language, by the interpreter that hosts this trainer: Python, when this is loaded as its extension module.

use std::fmt::Debug;
use std::sync::OnceLock;

use domain::spec::PythonModel;
use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;

/// What hosts a trainer names these types by: libtorch is known here alone.
pub use tch;

/// A module that an interpreter built and runs.
pub trait HostedModule: Debug {
    /// Parameters that want a gradient, with their names, each once.
    fn trained(&self) -> Vec<(String, Tensor)>;

    /// Parameters that want none.
    fn frozen(&self) -> Vec<(String, Tensor)>;

    /// Buffers.
    fn buffers(&self) -> Vec<(String, Tensor)>;

    /// Puts all of it into training or evaluation mode.
    ///
    /// # Errors
    /// [`TorchError`] with what it raised.
    fn set_training(&mut self, on: bool) -> Result<(), TorchError>;

    /// The outputs for some inputs.
    ///
    /// # Errors
    /// [`TorchError`] with what it raised, also when memory ran out.
    fn forward(&mut self, inputs: &Tensor) -> Result<Tensor, TorchError>;

    /// Seeds what it may draw from besides libtorch's generator.
    fn seed(&self, seed: u64);
}

/// What builds such modules.
pub trait Interpreter: Debug + Send + Sync {
    /// Calls the user's function after seeding every generator, and brings what it returns to a device, in numbers of `kind`.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, and with what is wrong with what was returned.
    fn build(
        &self,
        model: &PythonModel,
        seed: u64,
        place: (Kind, Device),
    ) -> Result<Box<dyn HostedModule>, TorchError>;
}

static INTERPRETER: OnceLock<Box<dyn Interpreter>> = OnceLock::new();

/// Says which interpreter hosts this process; only the first one counts.
pub fn set_interpreter(interpreter: Box<dyn Interpreter>) {
    let _ = INTERPRETER.set(interpreter);
}

/// The interpreter that hosts this process; `None` where none does.
#[must_use]
pub fn interpreter() -> Option<&'static dyn Interpreter> {
    INTERPRETER.get().map(AsRef::as_ref)
}
