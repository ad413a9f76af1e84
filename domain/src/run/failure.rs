//! Why an attempt ends in an error.

use std::fmt;
use std::str::FromStr;

/// An attempt that ended in an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of error.
    pub kind: FailureKind,
    /// What, where, and what to do; no stack frames.
    pub message: String,
}

/// Kinds of error, as column `error_kind` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The trial cannot be trained as asked: trying again would not help.
    Input,
    /// A file of its data or model is missing or broken on that worker, or is not the one that the sweep's other trials
    /// were trained on: trying again there would not help.
    Files,
    /// The trainer ended in an error.
    Trainer,
    /// The trainer process died.
    Crash,
    /// The trainer was killed by signal 9: most likely the host ran out of memory.
    SuspectedHostOom,
    /// The trainer made no progress for the time it is given, and was killed.
    Hung,
    /// Records could neither be brought to the coordinator nor kept: the worker's disk, or its share of it, is full.
    SpoolFull,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Input,
        Self::Files,
        Self::Trainer,
        Self::Crash,
        Self::SuspectedHostOom,
        Self::Hung,
        Self::SpoolFull,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Files => "files",
            Self::Trainer => "trainer",
            Self::Crash => "crash",
            Self::SuspectedHostOom => "suspected_host_oom",
            Self::Hung => "hung",
            Self::SpoolFull => "spool_full",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that is no kind of error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of error")]
pub struct UnknownFailureKind(String);

impl FromStr for FailureKind {
    type Err = UnknownFailureKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| UnknownFailureKind(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for kind in FailureKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        assert!("worker_lost".parse::<FailureKind>().is_err());
    }
}
