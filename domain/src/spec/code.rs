//! Python code of the user's: a model, or a data set.

use std::fmt;

use super::{FileSource, Value};

/// `function(**arguments)` gives a `torch.nn.Module`, or data sets.
#[derive(Debug, Clone, PartialEq)]
pub struct PythonCode {
    /// A file of Python code, or a folder that is a package.
    pub file: FileSource,
    /// The function in it that is called.
    pub function: String,
    /// What it is called with: keyword arguments, in the order of the sweep file.
    pub arguments: Vec<(String, Argument)>,
}

impl PythonCode {
    /// The function that builds a model, where none is named.
    pub const MODEL: &'static str = "build";

    /// The function that gives data sets, where none is named.
    pub const DATA: &'static str = "datasets";
}

/// The value of an argument of a user's function.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A number, a word or a flag.
    One(Value),
    /// Several, in order.
    List(Vec<Argument>),
}

/// As the sweep file has it.
impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(Value::Word(word)) => write!(f, "{word:?}"),
            Self::One(value) => write!(f, "{value}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}
