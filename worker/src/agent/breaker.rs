//! A circuit breaker: a worker on which trial after trial fails stops taking them for a while.
//!
//! A full disk, a driver that lost its device or a bad memory module fails every trial in seconds, and without a pause one
//! such machine would use up the tries of a whole sweep that others could train. The first pauses are short, as the fault
//! may be the sweep's; each trial that fails after one doubles the next, and one that comes through ends it all. Where the
//! coordinator holds the sweep to be at fault, or knows of no other worker, a pause would help nobody, and there is none.

use std::collections::HashSet;
use std::time::Duration;

use proto::v1::FailureKind;

/// Trials that fail in a row before the first pause.
const TRIALS: usize = 5;

/// The first pause.
const FIRST: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// What the end of an attempt says about the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// It can train.
    Well,
    /// It may be that it cannot.
    Badly,
    /// Nothing: it was stopped, or the fault is the trial's.
    Neither,
}

impl Went {
    /// Of an attempt that failed.
    #[must_use]
    pub fn of_failure(kind: FailureKind) -> Self {
        // The same settings fail on every worker.
        if kind == FailureKind::Input { Self::Neither } else { Self::Badly }
    }
}

/// Counts what failed since a trial last came through.
#[derive(Debug, Default)]
pub struct Breaker {
    failed: HashSet<String>,
    pause: Duration,
}

impl Breaker {
    /// Takes the end of an attempt; gives how long to take no trial, if at all.
    pub fn ended(&mut self, trial: &str, went: Went) -> Option<Duration> {
        match went {
            Went::Neither => return None,
            Went::Well => {
                *self = Self::default();
                return None;
            }
            // Only so many are kept as are needed.
            Went::Badly if self.failed.len() < TRIALS => {
                self.failed.insert(trial.to_owned());
            }
            Went::Badly => {}
        }
        if self.failed.len() < TRIALS {
            return None;
        }
        self.pause = (2 * self.pause).clamp(FIRST, LONGEST);
        Some(self.pause)
    }

    /// Why there is a pause.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "{TRIALS} trials or more failed on this worker and none came through; it takes no further one for {} s (look \
             at the errors of the trials, its disk and its device)",
            self.pause.as_secs()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(breaker: &mut Breaker, trials: std::ops::Range<u32>, went: Went) -> Vec<u64> {
        let ended = trials.map(|trial| breaker.ended(&trial.to_string(), went));
        ended.map(|pause| pause.map_or(0, |pause| pause.as_secs())).collect()
    }

    #[test]
    fn pauses_begin_with_the_fifth_trial_and_double_up_to_five_minutes() {
        let mut breaker = Breaker::default();
        assert_eq!(
            pauses(&mut breaker, 0..12, Went::Badly),
            [0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]
        );
        assert!(breaker.message().contains("for 300 s"));
    }

    #[test]
    fn a_trial_that_comes_through_ends_it() {
        let mut breaker = Breaker::default();
        assert_eq!(pauses(&mut breaker, 0..6, Went::Badly), [0, 0, 0, 0, 10, 20]);
        assert_eq!(breaker.ended("6", Went::Well), None);
        assert_eq!(pauses(&mut breaker, 0..5, Went::Badly), [0, 0, 0, 0, 10]);
    }

    #[test]
    fn one_trial_that_fails_again_and_again_is_that_trials_fault() {
        let mut breaker = Breaker::default();
        assert!((0..100).all(|_| breaker.ended("same", Went::Badly).is_none()));
    }

    #[test]
    fn a_bad_input_or_a_stop_says_nothing_about_the_worker() {
        let mut breaker = Breaker::default();
        assert_eq!(Went::of_failure(FailureKind::Input), Went::Neither);
        assert_eq!(Went::of_failure(FailureKind::Crash), Went::Badly);
        // Others may have the files that are missing here.
        assert_eq!(Went::of_failure(FailureKind::Files), Went::Badly);
        assert_eq!(pauses(&mut breaker, 0..100, Went::Neither), [0; 100]);
        assert_eq!(pauses(&mut breaker, 0..5, Went::Badly), [0, 0, 0, 0, 10]);
    }
}
