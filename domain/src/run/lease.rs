//! The right to write for a trial.

use std::fmt;

use crate::units::{Attempt, TrialId};

/// What a worker shows with every write: the trial, the attempt and its secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The trial.
    pub trial_id: TrialId,
    /// The fencing number: a write whose attempt is not the current one changes nothing.
    pub attempt: Attempt,
    /// Proves that the caller was given this attempt.
    pub token: LeaseToken,
}

/// The secret of a lease: random bytes. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub Vec<u8>);

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseToken(..)")
    }
}

/// What the coordinator wants a worker to do with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseOrder {
    /// Go on: it is renewed.
    Continue,
    /// Stop and report nothing more: it is somebody else's, or nobody's.
    Lost,
    /// Stop and release it: the sweep was cancelled.
    Stop,
    /// Save the trial and release it, for another worker to go on with: this one is taken out of service.
    HandOver,
    /// Stop at the next step and bring the result so far: the sweep's search ends the trial early.
    Conclude,
}

/// What became of a lease that a worker found on its disk and shows when it registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldState {
    /// It can be written for, or was ended by its holder: hand in what is left.
    Ours,
    /// Somebody else has the trial, or it ended otherwise: nothing more is taken.
    Lost,
    /// This coordinator's database never handed it out, or not to the caller.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_secret() {
        let lease = Lease {
            trial_id: TrialId(uuid::Uuid::nil()),
            attempt: Attempt::FIRST,
            token: LeaseToken(vec![231, 232]),
        };
        assert!(!format!("{lease:?}").contains("231"), "{lease:?}");
    }
}
