//! What is known of the trials that were begun. The order in which results came in is no part of it.

use std::collections::BTreeMap;

use super::space::Trial;
use crate::analysis::{ScoreMetric, TrialRecord};
use crate::lifecycle::TrialStatus;

/// What became of a trial that was begun.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// Nothing yet: it waits or runs.
    Open,
    /// Trained to its end, with this score.
    Scored(f64),
    /// Trained to its end without meeting the target, where the score is the steps to it: worse than any that met it. Among
    /// those that missed it, the one that came closest by this measure (lower is closer) shows the way.
    Missed(Option<f64>),
    /// Its loss left the finite numbers: no larger rate of its row is worth a trial.
    Diverged,
    /// Not even one example fits in memory, at any learning rate.
    Infeasible,
    /// Ended on the search's own decision: it could no longer become the best of its row.
    Stopped,
    /// Failed or was cancelled: nothing is known of it, and it is not begun again by itself.
    Failed,
}

impl Standing {
    /// What a trial's record says, by the metric that the analysis compares with; `None` where it was not begun.
    #[must_use]
    pub fn of(record: &TrialRecord, metric: ScoreMetric) -> Option<Self> {
        Some(match record.status {
            TrialStatus::Undecided | TrialStatus::Skipped => return None,
            TrialStatus::Stopped => Self::Stopped,
            TrialStatus::Pending | TrialStatus::Running => Self::Open,
            TrialStatus::Diverged => Self::Diverged,
            TrialStatus::Infeasible => Self::Infeasible,
            TrialStatus::Failed | TrialStatus::Cancelled => Self::Failed,
            TrialStatus::Succeeded => match metric.score(record) {
                Some(score) => Self::Scored(score),
                None if metric == ScoreMetric::StepsToTarget => {
                    Self::Missed(record.final_validation_loss.or(record.train_set_loss))
                }
                // Trained to its end, and nothing finite came out.
                None => Self::Diverged,
            },
        })
    }
}

/// Which scores are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Better {
    /// A loss, an error, steps to the target: all that the analysis compares by.
    #[default]
    Lower,
    /// An accuracy.
    Higher,
}

/// All trials that were begun, each with what became of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Known {
    better: Better,
    trials: BTreeMap<Trial, Standing>,
}

impl Known {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(better: Better) -> Self {
        Self { better, trials: BTreeMap::new() }
    }

    /// Notes what became of a trial; a later note replaces an earlier one.
    pub fn set(&mut self, trial: Trial, standing: Standing) {
        let standing = match standing {
            Standing::Scored(score) if !score.is_finite() => Standing::Diverged,
            Standing::Scored(score) if self.better == Better::Higher => Standing::Scored(-score),
            other => other,
        };
        self.trials.insert(trial, standing);
    }

    /// What became of a trial, its score as lower is better; `None` where it was not begun.
    #[must_use]
    pub fn get(&self, trial: Trial) -> Option<Standing> {
        self.trials.get(&trial).copied()
    }

    /// All trials that were begun, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Trial, Standing)> {
        self.trials.iter().map(|(&trial, &standing)| (trial, standing))
    }

    /// How many trials were begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.trials.len()
    }

    /// How many trials wait or run.
    #[must_use]
    pub fn open(&self) -> usize {
        self.trials.values().filter(|&&standing| standing == Standing::Open).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::Cell;
    use super::*;

    #[test]
    fn a_record_becomes_what_the_search_needs_to_know() {
        let record = |status| TrialRecord::new(8, 0.1, 0, status);
        let of = |status| Standing::of(&record(status), ScoreMetric::TrainSetLoss);
        assert_eq!(of(TrialStatus::Running), Some(Standing::Open));
        assert_eq!(of(TrialStatus::Cancelled), Some(Standing::Failed));
        assert_eq!(of(TrialStatus::Stopped), Some(Standing::Stopped));
        assert_eq!(of(TrialStatus::Succeeded), Some(Standing::Diverged));
        assert_eq!([of(TrialStatus::Undecided), of(TrialStatus::Skipped)], [None; 2]);
        let ended = TrialRecord { train_set_loss: Some(0.5), ..record(TrialStatus::Succeeded) };
        assert_eq!(Standing::of(&ended, ScoreMetric::TrainSetLoss), Some(Standing::Scored(0.5)));
        assert_eq!(Standing::of(&ended, ScoreMetric::StepsToTarget), Some(Standing::Missed(Some(0.5))));
    }

    #[test]
    fn scores_are_turned_so_that_lower_is_better() {
        let trial = Trial { cell: Cell { group: 0, row: 0, rate: 0 }, seed: 0 };
        let mut known = Known::new(Better::Higher);
        known.set(trial, Standing::Scored(0.9));
        assert_eq!(known.get(trial), Some(Standing::Scored(-0.9)));
        known.set(trial, Standing::Scored(f64::NAN));
        assert_eq!(known.get(trial), Some(Standing::Diverged));
        assert_eq!((known.begun(), known.open()), (1, 0));
    }
}
