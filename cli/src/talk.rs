//! What is said besides results, all of it on standard error.

use std::fmt;
use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use domain::text::printable;

use crate::failure::Failure;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Errors only.
    Quiet,
    /// What a user wants to know.
    Normal,
    /// Also what helps to find a fault.
    Verbose,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const DIM: Style = Style::new().dimmed();

impl Talk {
    /// Something that was done.
    pub fn say(self, text: impl fmt::Display) {
        if self != Self::Quiet {
            line(text);
        }
    }

    /// Something that helps to find a fault.
    pub fn detail(self, text: impl fmt::Display) {
        if self == Self::Verbose {
            line(format_args!("{DIM}{text}{DIM:#}"));
        }
    }

    /// Something to know before relying on a result.
    pub fn warn(self, text: impl fmt::Display) {
        if self != Self::Quiet {
            line(warning(text));
        }
    }

    /// The command to try next.
    pub fn next(self, command: impl fmt::Display) {
        self.say(format_args!("{HINT}next:{HINT:#} {command}"));
    }
}

/// Writes a line on standard error, whatever the verbosity. What cannot be written (a full disk, a terminal that is gone)
/// is dropped: no talk is worth a result.
pub fn line(text: impl fmt::Display) {
    // In one piece, so that lines of several processes do not mix.
    let _ = anstream::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Columns of the terminal that standard error is; `None` where it is none.
#[must_use]
pub fn width() -> Option<usize> {
    let stderr = std::io::stderr();
    let size = stderr.is_terminal().then(|| terminal_size::terminal_size_of(&stderr)).flatten();
    size.map(|(width, _)| usize::from(width.0))
}

/// A warning as one line.
#[must_use]
pub fn warning(text: impl fmt::Display) -> String {
    format!("{WARNING}warning:{WARNING:#} {text}")
}

/// Tells why a command did not succeed, and what to do.
pub fn tell(failure: &Failure) {
    if !failure.message.is_empty() {
        // A part of it may be somebody else's: a coordinator's, a worker's, a library's.
        line(format_args!("{ERROR}error:{ERROR:#} {}", printable(&failure.message)));
    }
    if let Some(hint) = &failure.hint {
        line(format_args!("{HINT}hint:{HINT:#} {}", printable(hint)));
    }
}
