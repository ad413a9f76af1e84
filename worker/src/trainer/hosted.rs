//! Models and data in another language, by the interpreter that hosts this trainer: Python, when this is loaded as its extension module.

use std::fmt::Debug;
use std::mem;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use domain::problem::InputShape;
use domain::spec::PythonCode;
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
    fn forward(&mut self, inputs: &[Tensor]) -> Result<Tensor, TorchError>;

    /// The loss of some examples by the function that comes with it.
    ///
    /// # Errors
    /// [`TorchError`] with what it raised, also when memory ran out.
    fn loss(&mut self, inputs: &[Tensor], targets: &Tensor) -> Result<OwnLoss, TorchError>;

    /// Seeds what it may draw from besides libtorch's generator.
    fn seed(&self, seed: u64);
}

/// A loss by a function of the user's.
#[derive(Debug)]
pub struct OwnLoss {
    /// The summed loss, a scalar.
    pub sum: Tensor,
    /// How many terms it is of, a scalar.
    pub terms: Tensor,
    /// What else the function measures.
    pub metrics: Vec<OwnMetric>,
}

/// A metric by a function of the user's.
#[derive(Debug)]
pub struct OwnMetric {
    /// As the user calls it.
    pub name: String,
    /// A scalar.
    pub sum: Tensor,
    /// How many terms it is of, a scalar.
    pub terms: Tensor,
}

/// What builds such modules.
pub trait Interpreter: Debug + Send + Sync {
    /// Calls the user's function after seeding every generator, and brings what it returns to a device.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, and with what is wrong with what was returned.
    fn build(&self, request: &BuildRequest<'_>) -> Result<Box<dyn HostedModule>, TorchError>;

    /// Calls the user's function for data sets. From then on it is noted which files are read.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, and with what is wrong with what was returned.
    fn open_data(&self, code: &PythonCode) -> Result<Box<dyn HostedData>, TorchError>;
}

/// Data sets that an interpreter has, read example by example.
pub trait HostedData: Debug {
    /// Examples of the training set, and of the validation set where there is one.
    fn lengths(&self) -> (u64, Option<u64>);

    /// The keywords by which a model takes the inputs; `None` for one that it takes by its place.
    fn inputs(&self) -> Vec<Option<String>>;

    /// What the target is called.
    fn target(&self) -> String;

    /// Some examples of one set; `watch` also for whether reading them draws random numbers.
    ///
    /// # Errors
    /// [`TorchError`] with what was raised, also when memory ran out.
    fn read(&self, examples: &[Example], watch: bool) -> Result<ExamplesRead, TorchError>;

    /// The files that were read since it was opened, the code among them.
    fn files(&self) -> Vec<PathBuf>;
}

/// An example that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Whether it is of the validation set.
    pub of_validation: bool,
    /// Its place in its set.
    pub place: u64,
    /// Seeds every generator that it may draw from.
    pub seed: u64,
}

/// Examples in host memory.
#[derive(Debug)]
pub struct ExamplesRead {
    /// Each of shape (examples, ...): inputs, and at last the target.
    pub columns: Vec<Tensor>,
    /// Whether random numbers were drawn, where that was watched.
    pub drew: bool,
}

/// A module that is to be built.
#[derive(Debug, Clone, Copy)]
pub struct BuildRequest<'a> {
    /// The user's code, and what to call.
    pub model: &'a PythonCode,
    /// The keywords by which it takes its inputs, in order; `None` for one that it takes by its place.
    pub inputs: &'a [InputShape],
    /// What the target is called beside them.
    pub target: &'a str,
    /// Whether the code has a loss of its own.
    pub has_loss: bool,
    /// Seeds every generator.
    pub seed: u64,
    /// The type of its numbers.
    pub kind: Kind,
    /// Where it is to be.
    pub device: Device,
}

/// Lines that code of the user's may print in a trial; what it prints beyond that is left out.
const MOST_LINES: usize = 1_000;

/// The longest line that is kept, in characters.
const LONGEST_LINE: usize = 2_000;

/// What code of the user's has printed and nobody has taken yet.
#[derive(Debug, Default)]
struct Printed {
    lines: Vec<String>,
    /// The end of what was printed, without a line break.
    rest: String,
    /// Lines since the trial began.
    count: usize,
}

static PRINTED: Mutex<Printed> = Mutex::new(Printed { lines: Vec::new(), rest: String::new(), count: 0 });

/// Code of the user's prints something: it goes to the trial's log, line by line.
pub fn print(text: &str) {
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    for piece in text.split_inclusive('\n') {
        let room = LONGEST_LINE.saturating_sub(printed.rest.chars().count());
        printed.rest.extend(piece.trim_end_matches(['\n', '\r']).chars().take(room));
        if piece.ends_with('\n') {
            let line = mem::take(&mut printed.rest);
            printed.count += 1;
            match printed.count {
                ..=MOST_LINES => printed.lines.push(line),
                count if count == MOST_LINES + 1 => {
                    printed
                        .lines
                        .push(format!("(more was printed than {MOST_LINES} lines, which is left out)"));
                }
                _ => {}
            }
        }
    }
}

/// Forgets what was printed: another trial begins.
pub fn begin_printing() {
    *PRINTED.lock().unwrap_or_else(PoisonError::into_inner) = Printed::default();
}

/// What was printed since the last call.
#[must_use]
pub fn take_printed() -> Vec<String> {
    mem::take(&mut PRINTED.lock().unwrap_or_else(PoisonError::into_inner).lines)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_comes_by_lines_and_has_an_end() {
        begin_printing();
        print("half a ");
        assert_eq!(take_printed(), [""; 0]);
        print("line\nand two\r\nthe rest");
        assert_eq!(take_printed(), ["half a line", "and two"]);
        print(&format!("{}\n", "x".repeat(3 * LONGEST_LINE)));
        assert_eq!(take_printed()[0].chars().count(), LONGEST_LINE);
        for _ in 0..2 * MOST_LINES {
            print("again\n");
        }
        let lines = take_printed();
        assert_eq!(lines.len(), MOST_LINES - 3 + 1);
        assert!(lines.last().unwrap().contains("left out"));
        begin_printing();
        print("anew\n");
        assert_eq!(take_printed(), ["anew"]);
    }
}
