//! Between messages and domain types: the only code that knows both.
//!
//! Both directions of a type are in one place, as its [`Wire`] implementation. What a message leaves out or misspells is a
//! [`WireError`] that names the field; what breaks a rule of the sweep file is found by the domain, all at once.

mod fleet;
mod run;
mod spec;
pub mod table;

pub use spec::upload;

/// A domain type and the message that carries it.
pub trait Wire: Sized {
    /// The generated message.
    type Message;

    /// The message. Never fails.
    fn to_wire(&self) -> Self::Message;

    /// What the message says.
    ///
    /// # Errors
    /// [`WireError`] for a missing, unknown or out-of-range field.
    fn from_wire(message: Self::Message) -> Result<Self, WireError>;
}

/// A message that says nothing sensible at some field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct WireError {
    /// The field by its path, such as `grid.learning_rate`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl WireError {
    fn new(field: &'static str, problem: impl ToString) -> Self {
        Self { field, problem: problem.to_string() }
    }
}

/// A field whose message must be there.
fn required<T: Wire>(field: &'static str, message: Option<T::Message>) -> Result<T, WireError> {
    T::from_wire(message.ok_or_else(|| missing(field))?)
}

fn missing(field: &'static str) -> WireError {
    WireError::new(field, "is missing")
}

/// An enum's first value, which is never sent: left out, or of a later version.
fn unspecified(field: &'static str) -> WireError {
    WireError::new(field, "is missing, or not known to this version")
}

/// The value of a word; the domain lists them all.
fn word<T: Copy>(field: &'static str, all: &[(&str, T)], found: &str) -> Result<T, WireError> {
    let known = all.iter().find(|(name, _)| *name == found).map(|&(_, value)| value);
    known.ok_or_else(|| WireError::new(field, format!("is not known to this version: {found}")))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &'static str,
    text: &str,
) -> Result<T, WireError> {
    text.parse().map_err(|error| WireError::new(field, error))
}
