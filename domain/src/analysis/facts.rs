//! What warnings and conclusions are drawn from.

use super::comparison::{Comparison, trials_of};
use super::group::Group;
use super::record::TrialRecord;
use crate::spec::TrainSpec;
use crate::statistics::median;

/// One group: its trials, how they were trained, and what they say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The trials.
    pub group: &'a Group<'a>,
    /// What they say.
    pub comparison: &'a Comparison,
    /// How they were trained, where that is known.
    pub train: Option<&'a TrainSpec>,
}

impl<'a> Facts<'a> {
    /// Trials that ended with something to learn from.
    pub fn results(&self) -> impl Iterator<Item = &'a TrialRecord> + Clone + 'a {
        self.group.trials.iter().copied().filter(|trial| trial.status.is_result())
    }

    /// Trials that took steps.
    pub fn trained(&self) -> impl Iterator<Item = &'a TrialRecord> + Clone + 'a {
        self.results().filter(|trial| trial.steps.is_some_and(|steps| steps > 0))
    }

    /// Batch sizes with results, smallest first.
    pub fn batch_sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.results().map(|trial| trial.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Whether a trial still runs or waits.
    pub fn is_open(&self) -> bool {
        self.group.trials.iter().any(|trial| !trial.status.is_terminal())
    }

    /// The median of a number over the seeds of each batch size's best cell.
    pub fn of_best_cells(&self, number: fn(&TrialRecord) -> Option<f64>) -> Vec<(u64, f64)> {
        let best = self.comparison.best.iter();
        best.filter_map(|best| {
            let trials = trials_of(self.group, best.batch_size, best.learning_rate);
            let values: Vec<f64> = trials.into_iter().filter_map(number).collect();
            Some((best.batch_size, median(&values)?))
        })
        .collect()
    }
}
