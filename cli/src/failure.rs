//! Why a command did not succeed: an exit code that scripts may rely on, a sentence, and what to do.

use std::fmt;
use std::io;

/// The exit codes, as promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All well.
    Success = 0,
    /// The sweep ended with a failed trial, or the command failed.
    Failed = 1,
    /// Bad usage or a bad sweep file.
    Usage = 2,
    /// Coordinator or database out of reach.
    Unreachable = 3,
    /// No token, one that is not valid, or one without the scope.
    NotAllowed = 4,
    /// No such sweep, trial or worker.
    NotFound = 5,
    /// `--timeout` ran out.
    TimedOut = 124,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong and where; empty where everything has been said.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with an exit code of its own.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// The command failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command was called in a wrong way.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Everything has been said; only the exit code is left.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// What the operating system said about a file or a process.
    #[must_use]
    pub fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::failed(format!("{doing}: {}", plain(error)))
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The operating system's words without Rust's ` (os error 2)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.find(" (os error").map_or(text.clone(), |end| text[..end].to_owned())
}
