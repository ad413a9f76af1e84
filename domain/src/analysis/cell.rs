//! One cell of the grid, a batch size and a learning rate, over its seeds.

use std::collections::BTreeMap;

use super::group::Group;
use super::interval::Interval;
use super::record::TrialRecord;
use super::score::ScoreMetric;
use super::spread::spread;
use crate::lifecycle::TrialStatus;
use crate::statistics::median;

/// A cell and what became of its repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Learning rate at its full height.
    pub learning_rate: f64,
    /// The score of each repeat that has one, with its seed, in seed order.
    pub scores: Vec<(u64, f64)>,
    /// Median of the scores over the seeds, a diverged repeat counting as infinitely bad; `None` where it is infinite
    /// or there is none: a cell has a median only where more than half of its repeats came through.
    pub median: Option<f64>,
    /// From the lowest to the highest score; of many seeds the interval of their median, see [`spread`].
    pub range: Option<Interval>,
    /// Repeats that diverged.
    pub diverged: u64,
    /// Repeats that were trained to their end and whose score is not finite, for whatever reason; they count as infinitely
    /// bad, too.
    pub not_finite: u64,
    /// Repeats that did not meet the target, where the score is the steps to it; they count as infinitely bad, too.
    pub missed: u64,
    /// Repeats of which not even one example at a time fits.
    pub infeasible: u64,
    /// Repeats that the sweep's search ended early, as they could no longer become the best of their batch size; they count as
    /// infinitely bad, too.
    pub stopped: u64,
    /// Repeats that failed or were cancelled: nothing is known of them.
    pub failed: u64,
    /// Repeats that run or wait, or that the sweep's search has not decided on.
    pub open: u64,
    /// Repeats that the sweep's search left out.
    pub skipped: u64,
}

/// What a cell has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    /// It has a median score.
    Scored,
    /// Half of its repeats or more diverged.
    Diverged,
    /// Trained to the end, but half of its repeats or more have no finite score.
    NotFinite,
    /// Half of its repeats or more did not meet the target, where the score is the steps to it.
    Missed,
    /// It does not fit in memory.
    Infeasible,
    /// Nothing yet: its repeats run or wait.
    Open,
    /// Half of its repeats or more were ended early: they could no longer become the best of their batch size.
    Stopped,
    /// Nothing: its repeats failed or were cancelled.
    Failed,
    /// Nothing: the sweep's search left it out.
    Skipped,
}

impl Cell {
    fn of(batch_size: u64, learning_rate: f64, trials: &[&TrialRecord], metric: ScoreMetric) -> Self {
        let count =
            |test: fn(TrialStatus) -> bool| trials.iter().filter(|trial| test(trial.status)).count() as u64;
        let succeeded = || trials.iter().filter(|trial| trial.status == TrialStatus::Succeeded);
        let mut scores: Vec<(u64, f64)> =
            succeeded().filter_map(|trial| Some((trial.seed, metric.score(trial)?))).collect();
        scores.sort_by(|left, right| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)));
        let unscored = (succeeded().count() - scores.len()) as u64;
        let (missed, not_finite) =
            if metric == ScoreMetric::StepsToTarget { (unscored, 0) } else { (0, unscored) };
        let diverged = count(|status| status == TrialStatus::Diverged);
        let mut values: Vec<f64> = scores.iter().map(|&(_, score)| score).collect();
        let stopped = count(|status| status == TrialStatus::Stopped);
        values.extend((0..diverged + not_finite + missed + stopped).map(|_| f64::INFINITY));
        Self {
            batch_size,
            learning_rate,
            scores,
            median: median(&values).filter(|median| median.is_finite()),
            range: spread(&values),
            diverged,
            not_finite,
            missed,
            infeasible: count(|status| status == TrialStatus::Infeasible),
            stopped,
            failed: count(|status| matches!(status, TrialStatus::Failed | TrialStatus::Cancelled)),
            open: count(|status| !status.is_terminal()),
            skipped: count(|status| status == TrialStatus::Skipped),
        }
    }

    /// What it has to show.
    #[must_use]
    pub fn state(&self) -> CellState {
        match self {
            Self { median: Some(_), .. } => CellState::Scored,
            Self { missed, diverged, .. } if *missed > 0 && missed >= diverged => CellState::Missed,
            Self { not_finite, diverged, .. } if *not_finite > 0 && not_finite >= diverged => {
                CellState::NotFinite
            }
            Self { stopped, diverged, .. } if *stopped > 0 && stopped >= diverged => CellState::Stopped,
            Self { diverged: 1.., .. } => CellState::Diverged,
            Self { open: 1.., .. } => CellState::Open,
            Self { infeasible: 1.., .. } => CellState::Infeasible,
            Self { failed: 0, skipped: 1.., .. } => CellState::Skipped,
            _ => CellState::Failed,
        }
    }

    /// Standard error of the median of `n` scores with standard deviation `s`: `1.2533 s / sqrt(n)`, exact for a
    /// normal distribution and large `n`. `None` below three scores, which say next to nothing about `s`.
    #[must_use]
    pub fn standard_error(&self) -> Option<f64> {
        let count = self.scores.len() as f64;
        if self.scores.len() < 3 {
            return None;
        }
        let mean = self.scores.iter().map(|(_, score)| score).sum::<f64>() / count;
        let squares: f64 = self.scores.iter().map(|(_, score)| (score - mean).powi(2)).sum();
        Some((std::f64::consts::FRAC_PI_2 * squares / (count - 1.0) / count).sqrt())
    }
}

/// All cells of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What the scores are.
    pub metric: ScoreMetric,
    /// By batch size, then learning rate, smallest first.
    pub cells: Vec<Cell>,
}

impl Grid {
    /// The cells of a group's trials.
    #[must_use]
    pub fn of(group: &Group<'_>, metric: ScoreMetric) -> Self {
        let mut cells: BTreeMap<(u64, u64), Vec<&TrialRecord>> = BTreeMap::new();
        for trial in &group.trials {
            // Positive numbers are ordered as their bits are.
            cells.entry((trial.batch_size, trial.learning_rate.to_bits())).or_default().push(trial);
        }
        let cells = cells
            .into_iter()
            .map(|((batch_size, rate), trials)| Cell::of(batch_size, f64::from_bits(rate), &trials, metric));
        Self { metric, cells: cells.collect() }
    }

    /// Whether a search chose which cells were trained.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        self.cells.iter().any(|cell| cell.skipped + cell.stopped > 0)
    }

    /// The batch sizes, smallest first.
    #[must_use]
    pub fn batch_sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.cells.iter().map(|cell| cell.batch_size).collect();
        sizes.dedup();
        sizes
    }

    /// All learning rates that any batch size was given, smallest first.
    #[must_use]
    pub fn learning_rates(&self) -> Vec<f64> {
        let mut rates: Vec<f64> = self.cells.iter().map(|cell| cell.learning_rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    /// The cells of one batch size that were tried, smallest learning rate first.
    #[must_use]
    pub fn row(&self, batch_size: u64) -> Vec<&Cell> {
        let of_row = self.cells.iter().filter(|cell| cell.batch_size == batch_size);
        of_row.filter(|cell| cell.state() != CellState::Skipped).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A finished trial with a train-set loss.
    pub fn scored(batch_size: u64, learning_rate: f64, seed: u64, score: f64) -> TrialRecord {
        TrialRecord {
            train_set_loss: Some(score),
            ..TrialRecord::new(batch_size, learning_rate, seed, TrialStatus::Succeeded)
        }
    }

    pub fn grid(records: &[TrialRecord]) -> Grid {
        let group = Group { axes: &[], trials: records.iter().collect() };
        Grid::of(&group, ScoreMetric::TrainSetLoss)
    }

    #[test]
    fn a_cell_has_the_median_of_its_seeds_and_their_range() {
        let cell = &grid(&[scored(8, 0.1, 2, 0.5), scored(8, 0.1, 0, 0.3), scored(8, 0.1, 1, 0.9)]).cells[0];
        assert_eq!(cell.scores, [(0, 0.3), (1, 0.9), (2, 0.5)]);
        assert_eq!((cell.median, cell.state()), (Some(0.5), CellState::Scored));
        assert_eq!(cell.range, Some(Interval { low: 0.3, high: 0.9 }));
        // s = 0.30551, times 1.2533 / sqrt(3).
        assert!((cell.standard_error().unwrap() - 0.221_06).abs() < 1e-4);
    }

    #[test]
    fn a_cell_that_diverges_half_the_time_has_no_median() {
        let diverged = |seed| TrialRecord::new(8, 0.1, seed, TrialStatus::Diverged);
        let half = &grid(&[scored(8, 0.1, 0, 0.5), diverged(1)]).cells[0];
        assert_eq!((half.median, half.state(), half.diverged), (None, CellState::Diverged, 1));
        assert_eq!(half.range, Some(Interval { low: 0.5, high: 0.5 }));
        let third = &grid(&[scored(8, 0.1, 0, 0.5), scored(8, 0.1, 1, 0.6), diverged(2)]).cells[0];
        assert_eq!(third.median, Some(0.6));
    }

    #[test]
    fn diverged_infeasible_failed_and_open_are_told_apart() {
        let state = |status| grid(&[TrialRecord::new(8, 0.1, 0, status)]).cells[0].state();
        assert_eq!(state(TrialStatus::Diverged), CellState::Diverged);
        assert_eq!(state(TrialStatus::Infeasible), CellState::Infeasible);
        assert_eq!(state(TrialStatus::Failed), CellState::Failed);
        assert_eq!(state(TrialStatus::Cancelled), CellState::Failed);
        assert_eq!(state(TrialStatus::Running), CellState::Open);
        assert_eq!(state(TrialStatus::Pending), CellState::Open);
        assert_eq!(
            state(TrialStatus::Succeeded),
            CellState::NotFinite,
            "trained to its end, without a score"
        );
    }

    #[test]
    fn a_repeat_that_misses_the_target_is_no_divergence() {
        let met = |seed, steps| TrialRecord { steps_to_target: steps, ..scored(8, 0.1, seed, 0.5) };
        let records = [met(0, Some(90)), met(1, None), met(2, None)];
        let group = Group { axes: &[], trials: records.iter().collect() };
        let cell = &Grid::of(&group, ScoreMetric::StepsToTarget).cells[0];
        assert_eq!((cell.median, cell.state(), cell.missed, cell.diverged), (None, CellState::Missed, 2, 0));
    }

    #[test]
    fn each_batch_size_may_have_learning_rates_of_its_own() {
        let grid = grid(&[scored(32, 0.2, 0, 1.0), scored(8, 0.1, 0, 1.0), scored(8, 0.05, 0, 1.0)]);
        assert_eq!(grid.batch_sizes(), [8, 32]);
        assert_eq!(grid.learning_rates(), [0.05, 0.1, 0.2]);
        assert_eq!(grid.row(8).iter().map(|cell| cell.learning_rate).collect::<Vec<_>>(), [0.05, 0.1]);
    }

    #[test]
    fn what_a_search_left_out_is_no_part_of_a_row() {
        let skipped = |rate| TrialRecord::new(8, rate, 0, TrialStatus::Skipped);
        let stopped =
            TrialRecord { train_set_loss: Some(0.1), ..TrialRecord::new(8, 0.2, 0, TrialStatus::Stopped) };
        let grid = grid(&[skipped(0.05), scored(8, 0.1, 0, 1.0), stopped, skipped(0.4)]);
        assert_eq!(grid.row(8).iter().map(|cell| cell.learning_rate).collect::<Vec<_>>(), [0.1, 0.2]);
        assert_eq!((grid.cells[0].state(), grid.cells[2].state()), (CellState::Skipped, CellState::Stopped));
        // It ran, and was worse than the best of its row, however low its loss was when it ended.
        assert_eq!((grid.cells[2].median, grid.is_searched()), (None, true));
    }

    proptest! {
        #[test]
        fn every_trial_is_counted_once(statuses in prop::collection::vec(0..TrialStatus::ALL.len(), 1..20)) {
            let records: Vec<TrialRecord> = statuses.iter().enumerate().map(|(seed, &status)| {
                let status = TrialStatus::ALL[status];
                let score = (status == TrialStatus::Succeeded).then_some(seed as f64);
                TrialRecord { train_set_loss: score, ..TrialRecord::new(8, 0.1, seed as u64, status) }
            }).collect();
            let cell = &grid(&records).cells[0];
            let counted = cell.scores.len() as u64 + cell.diverged + cell.infeasible + cell.stopped + cell.failed + cell.open
                + cell.skipped;
            prop_assert_eq!(counted, records.len() as u64);
            if let Some(median) = cell.median {
                prop_assert!(cell.range.unwrap().contains(median));
            }
        }
    }
}
