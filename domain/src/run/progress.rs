//! How far a running trial is.

use std::fmt;
use std::str::FromStr;

/// How far a trial is; each one replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Optimizer steps done.
    pub step: u64,
    /// Optimizer steps in all; 0 while unknown.
    pub total_steps: u64,
    /// The latest step loss; `None` before the first, and where it is not finite.
    pub train_loss: Option<f64>,
    /// Examples in the largest micro-batch; 0 while unknown.
    pub micro_batch: u64,
}

/// What a running trial is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// Opening data, probing memory.
    #[default]
    Preparing,
    /// Training.
    Training,
    /// Evaluating.
    Evaluating,
}

impl Phase {
    /// All of them, in the order of a trial's life.
    pub const ALL: [Self; 3] = [Self::Preparing, Self::Training, Self::Evaluating];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Training => "training",
            Self::Evaluating => "evaluating",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that is no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a phase of a trial")]
pub struct UnknownPhase(String);

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|phase| phase.word() == word).ok_or_else(|| UnknownPhase(word.to_owned()))
    }
}
