//! What warnings and conclusions are drawn from.

use std::collections::HashSet;

use super::comparison::{Comparison, trials_of};
use super::group::Group;
use super::record::TrialRecord;
use super::target::TargetRow;
use crate::lifecycle::TrialStatus;
use crate::spec::TrainSpec;
use crate::statistics::median;

/// One group: its trials, how they were trained, and what they say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
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

    /// Trials that took steps, as many as they were to take or until they diverged.
    pub fn trained(&self) -> impl Iterator<Item = &'a TrialRecord> + Clone + 'a {
        let whole = self.results().filter(|trial| trial.status != TrialStatus::Stopped);
        whole.filter(|trial| trial.steps.is_some_and(|steps| steps > 0))
    }

    /// Whether the seed sets no initial weights in some of the trials: then seeds are no repeats.
    pub fn has_same_weights(&self) -> bool {
        self.results().any(|trial| trial.seed_sets.is_some_and(|sets| !sets.weights))
    }

    /// How many different sets of data its results are of: none where their data has no files.
    pub fn data_sets(&self) -> usize {
        let found: HashSet<_> = self.results().filter_map(|trial| trial.data_sha256).collect();
        found.len()
    }

    /// Whether its repeats are repeats: trials of the same data whose seeds set their weights.
    pub fn has_repeats(&self) -> bool {
        !self.has_same_weights() && self.data_sets() <= 1
    }

    /// Batch sizes with results, smallest first.
    pub fn batch_sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.results().map(|trial| trial.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Whether a search chose its trials; known once it is over.
    pub fn is_searched(&self) -> bool {
        self.comparison.grid.is_searched()
    }

    /// Whether a trial still runs or waits.
    pub fn is_open(&self) -> bool {
        self.group.trials.iter().any(|trial| !trial.status.is_terminal())
    }

    /// Of trials of equal epochs, the one with the fewest and the one with the most updates; `None` where epochs
    /// differ (by more than a ragged last batch), or updates by less than twice.
    pub fn unequal_updates(&self) -> Option<(&'a TrialRecord, &'a TrialRecord)> {
        let epochs = self.trained().filter_map(|trial| trial.epochs);
        let (shortest, longest) = (epochs.clone().fold(f64::MAX, f64::min), epochs.fold(0.0, f64::max));
        let fewest = self.trained().min_by_key(|trial| trial.steps)?;
        let most = self.trained().max_by_key(|trial| trial.steps)?;
        let (few, many) = fewest.steps.zip(most.steps)?;
        (longest <= 1.05 * shortest && many >= 2 * few).then_some((fewest, most))
    }

    /// Whether most batch sizes meet the target within the first epoch of several: then it tells them apart by
    /// little more than chance, and favours learning rates that end badly.
    pub fn target_is_easy(&self) -> bool {
        const SEVERAL: f64 = 2.0;
        let rows = &self.comparison.to_target;
        let within_first = |row: &&TargetRow| {
            let trials = self.trained().filter(|trial| trial.batch_size == row.batch_size);
            let long = trials.filter(|trial| trial.epochs.is_some_and(|epochs| epochs >= SEVERAL));
            let all = long.filter_map(TrialRecord::train_examples).max();
            row.examples.median().zip(all).is_some_and(|(examples, all)| examples <= all as f64)
        };
        2 * rows.iter().filter(within_first).count() > rows.len()
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
