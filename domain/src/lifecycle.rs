//! How a trial lives: its states, and the only ways between them.

use std::fmt;
use std::str::FromStr;

/// The state of a trial, as the `status` column tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrialStatus {
    /// The sweep's search has not decided yet whether it is trained.
    Undecided,
    /// Waits for a worker.
    Pending,
    /// A worker holds its lease.
    Running,
    /// Trained to its end.
    Succeeded,
    /// Its loss left the finite numbers, or grew far past its start: a result, not a failure.
    Diverged,
    /// Not even one example at a time fits: a result, not a failure.
    Infeasible,
    /// Ended early by the sweep's search, as it could no longer become the best of its batch size: a result, not a failure.
    Stopped,
    /// Left out by the sweep's search: never trained, and no failure.
    Skipped,
    /// Every attempt ended in an error.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl TrialStatus {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 10] = [
        Self::Undecided,
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Diverged,
        Self::Infeasible,
        Self::Stopped,
        Self::Skipped,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Diverged => "diverged",
            Self::Infeasible => "infeasible",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it by itself.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Undecided | Self::Pending | Self::Running)
    }

    /// Whether it ended with something to learn from.
    #[must_use]
    pub fn is_result(self) -> bool {
        matches!(self, Self::Succeeded | Self::Diverged | Self::Infeasible | Self::Stopped)
    }

    /// The state after an event, or `None` where the event has no place: then it is refused, never ignored.
    #[must_use]
    pub fn after(self, event: TrialEvent, retries_left: bool) -> Option<Self> {
        use TrialEvent as Event;
        match (self, event) {
            (Self::Pending, Event::Claimed) => Some(Self::Running),
            (Self::Running, Event::Completed(outcome)) => Some(outcome.status()),
            (Self::Running, Event::LeaseExpired | Event::AttemptFailed) if retries_left => {
                Some(Self::Pending)
            }
            (Self::Running, Event::LeaseExpired | Event::AttemptFailed) => Some(Self::Failed),
            // A drained worker did nothing wrong: that has a budget of its own.
            (Self::Running, Event::Released) if retries_left => Some(Self::Pending),
            (Self::Running, Event::Released) => Some(Self::Failed),
            (Self::Undecided | Self::Pending | Self::Running, Event::Cancelled) => Some(Self::Cancelled),
            (Self::Failed | Self::Cancelled, Event::Retried) => Some(Self::Pending),
            (Self::Undecided | Self::Skipped, Event::Begun) => Some(Self::Pending),
            (Self::Undecided, Event::LeftOut) => Some(Self::Skipped),
            (Self::Cancelled | Self::Skipped, Event::Reopened) => Some(Self::Undecided),
            _ => None,
        }
    }
}

impl fmt::Display for TrialStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a trial status")]
pub struct UnknownStatus(String);

impl FromStr for TrialStatus {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.word() == word)
            .ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

/// What may happen to a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialEvent {
    /// A worker got its lease: the attempt grows by one.
    Claimed,
    /// The worker that holds the lease brought a result.
    Completed(Outcome),
    /// The worker that holds the lease brought an error.
    AttemptFailed,
    /// The worker gave the lease back: it stops, it is taken out of service, or the sweep was cancelled.
    Released,
    /// The lease ran out: the worker died, hung or lost its network.
    LeaseExpired,
    /// Somebody cancelled the sweep.
    Cancelled,
    /// Somebody asked for another try.
    Retried,
    /// The sweep's search chose it.
    Begun,
    /// The sweep's search is over, and did not choose it.
    LeftOut,
    /// The sweep's search goes on, and no worker has taken it so far.
    Reopened,
}

/// How a trial that was trained, or could not be, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Trained to its end.
    Succeeded,
    /// See [`TrialStatus::Diverged`].
    Diverged,
    /// See [`TrialStatus::Infeasible`].
    Infeasible,
    /// See [`TrialStatus::Stopped`].
    Stopped,
}

impl Outcome {
    /// The state it leads to.
    #[must_use]
    pub fn status(self) -> TrialStatus {
        match self {
            Self::Succeeded => TrialStatus::Succeeded,
            Self::Diverged => TrialStatus::Diverged,
            Self::Infeasible => TrialStatus::Infeasible,
            Self::Stopped => TrialStatus::Stopped,
        }
    }
}

/// The state of a sweep, as its row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SweepState {
    /// Its trials are handed out.
    Active,
    /// No further trial is handed out; what runs goes on.
    Paused,
    /// Somebody ended it, and some of its trials still run.
    Cancelled,
    /// Every trial has ended.
    Finished,
}

impl SweepState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Cancelled, Self::Finished];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }
}

/// A word that is no state of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a state of a sweep")]
pub struct UnknownSweepState(String);

impl FromStr for SweepState {
    type Err = UnknownSweepState;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or_else(|| UnknownSweepState(word.to_owned()))
    }
}

/// Failed attempts (errors and expired leases) after which a trial ends as failed.
pub const MAX_FAILURES: u32 = 3;

/// Failed attempts in a row, with no result in between, after which a sweep is paused that still has as many trials waiting.
pub const MAX_FAILURES_IN_A_ROW: u32 = 10;

/// Attempts given back by stopping workers after which a trial ends as failed: it is longer than its workers live.
pub const MAX_PREEMPTIONS: u32 = 100;

/// Whether a trial that was given back this many times goes into the queue again.
#[must_use]
pub fn is_requeued(preemptions: u32) -> bool {
    preemptions < MAX_PREEMPTIONS
}

/// Whether a trial with this many failed attempts is tried again.
#[must_use]
pub fn is_retried(failures: u32) -> bool {
    failures < MAX_FAILURES
}

/// Whether a failed attempt, the last of so many in a row in its sweep, is held to be the sweep's fault and not that of the
/// worker on which it failed: nobody brings results of the sweep, or no other worker could (of so many that are there).
#[must_use]
pub fn is_sweeps_fault(failures_in_a_row: u32, workers: u64) -> bool {
    failures_in_a_row >= MAX_FAILURES_IN_A_ROW || workers <= 1
}

/// Whether a sweep is paused for somebody to look at: so many attempts failed in a row, and so many trials wait. One that has
/// few left is let end by itself.
#[must_use]
pub fn is_set_aside(failures_in_a_row: u32, pending: u64) -> bool {
    failures_in_a_row >= MAX_FAILURES_IN_A_ROW && pending >= u64::from(MAX_FAILURES_IN_A_ROW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [TrialEvent; 13] = [
        TrialEvent::Claimed,
        TrialEvent::Completed(Outcome::Succeeded),
        TrialEvent::Completed(Outcome::Diverged),
        TrialEvent::Completed(Outcome::Infeasible),
        TrialEvent::Completed(Outcome::Stopped),
        TrialEvent::AttemptFailed,
        TrialEvent::Released,
        TrialEvent::LeaseExpired,
        TrialEvent::Cancelled,
        TrialEvent::Retried,
        TrialEvent::Begun,
        TrialEvent::LeftOut,
        TrialEvent::Reopened,
    ];

    #[test]
    fn a_result_is_final() {
        for status in TrialStatus::ALL.into_iter().filter(|status| status.is_result()) {
            for event in EVENTS {
                assert_eq!(status.after(event, true), None, "{status} after {event:?}");
            }
        }
    }

    #[test]
    fn only_a_running_trial_completes() {
        for status in TrialStatus::ALL {
            let next = status.after(TrialEvent::Completed(Outcome::Succeeded), true);
            assert_eq!(next.is_some(), status == TrialStatus::Running, "{status}");
        }
    }

    #[test]
    fn what_a_search_left_out_may_still_be_chosen() {
        let undecided = TrialStatus::Undecided;
        assert_eq!(undecided.after(TrialEvent::Begun, true), Some(TrialStatus::Pending));
        let skipped = undecided.after(TrialEvent::LeftOut, true).unwrap();
        assert!(skipped.is_terminal() && !skipped.is_result() && !undecided.is_terminal());
        assert_eq!(skipped.after(TrialEvent::Claimed, true), None);
        assert_eq!(skipped.after(TrialEvent::Reopened, true), Some(undecided));
    }

    #[test]
    fn a_lost_worker_costs_a_try_and_a_drained_one_none() {
        let running = TrialStatus::Running;
        assert_eq!(running.after(TrialEvent::LeaseExpired, true), Some(TrialStatus::Pending));
        assert_eq!(running.after(TrialEvent::LeaseExpired, false), Some(TrialStatus::Failed));
        assert_eq!(running.after(TrialEvent::Released, true), Some(TrialStatus::Pending));
        assert_eq!(running.after(TrialEvent::Released, false), Some(TrialStatus::Failed));
        assert!(is_requeued(99) && !is_requeued(100));
        assert!(is_retried(2) && !is_retried(3));
    }

    #[test]
    fn a_sweep_is_set_aside_where_that_spares_something() {
        assert!(is_set_aside(10, 10) && is_set_aside(11, 1_000));
        assert!(!is_set_aside(9, 1_000) && !is_set_aside(30, 9));
    }

    #[test]
    fn every_word_reads_back() {
        for status in TrialStatus::ALL {
            assert_eq!(status.word().parse(), Ok(status));
        }
        for state in SweepState::ALL {
            assert_eq!(state.word().parse(), Ok(state));
        }
        assert!("done".parse::<TrialStatus>().is_err() && "done".parse::<SweepState>().is_err());
    }
}
