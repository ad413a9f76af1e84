//! Everything that the trials of one group say, put together.

use super::best_rate::{BestRate, best_rates};
use super::cell::{Cell, Grid};
use super::critical::{CriticalBatchSize, Verdict, critical_batch_size};
use super::group::Group;
use super::peak_memory::{PeakMemory, peak_memory};
use super::rate_slope::{RateSlopes, rate_slopes};
use super::record::TrialRecord;
use super::score::ScoreMetric;
use super::target::{self, TargetRow};
use super::throughput::{Throughput, throughput};
use crate::spec::{Target, Value};

/// A group of comparable trials, analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The values of the axes other than batch size, learning rate and seed, in words; empty where the grid has none.
    pub label: String,
    /// The same as data.
    pub axes: Vec<(String, Value)>,
    /// Every pair of batch size and learning rate, with its repeats.
    pub grid: Grid,
    /// The best learning rate of each batch size that has a scored cell.
    pub best: Vec<BestRate>,
    /// How it moves with the batch size.
    pub rate_slopes: RateSlopes,
    /// The target, where the sweep's settings tell it.
    pub target: Option<Target>,
    /// Steps, examples and seconds to the target; empty without a target.
    pub to_target: Vec<TargetRow>,
    /// The critical batch size; `None` where no batch size met a target.
    pub critical: Option<CriticalBatchSize>,
    /// How long a step takes by batch size; `None` where no trial took a step.
    pub throughput: Option<Throughput>,
    /// What trials took by micro-batch; `None` where no trial has a peak or did not fit.
    pub memory: Option<PeakMemory>,
}

impl Comparison {
    /// Analyses a group. `target` is the one of its trials, where their settings are known; `seed` starts the
    /// resampling.
    #[must_use]
    pub fn of(group: &Group<'_>, metric: ScoreMetric, target: Option<Target>, seed: u64) -> Self {
        let grid = Grid::of(group, metric);
        let best = best_rates(&grid);
        let is_measured = group.trials.iter().any(|trial| trial.steps_to_target.is_some());
        let has_target = target.is_some() || is_measured;
        let critical = is_measured.then(|| critical_batch_size(group, seed));
        let known = critical.as_ref().and_then(|critical| match critical.verdict {
            Verdict::Identified { critical_batch_size } => Some(critical_batch_size),
            Verdict::NotIdentified { .. } => None,
        });
        let with_examples: Vec<(BestRate, u64)> = best
            .iter()
            .map(|rate| {
                let trials = group.trials.iter().filter(|trial| trial.batch_size == rate.batch_size);
                let examples = trials.map(|trial| trial.examples_in_step()).min();
                (rate.clone(), examples.unwrap_or(rate.batch_size))
            })
            .collect();
        Self {
            label: group.label(),
            axes: group.axes.to_vec(),
            rate_slopes: rate_slopes(&with_examples, known),
            target,
            to_target: if has_target { target::rows(group) } else { Vec::new() },
            critical,
            throughput: throughput(group),
            memory: peak_memory(group),
            grid,
            best,
        }
    }

    /// The best learning rate of a batch size.
    #[must_use]
    pub fn best_of(&self, batch_size: u64) -> Option<&BestRate> {
        self.best.iter().find(|best| best.batch_size == batch_size)
    }

    /// A batch size on its way to the target.
    #[must_use]
    pub fn target_of(&self, batch_size: u64) -> Option<&TargetRow> {
        self.to_target.iter().find(|row| row.batch_size == batch_size)
    }

    /// The cell of a best learning rate.
    #[must_use]
    pub fn cell_of(&self, best: &BestRate) -> Option<&Cell> {
        let is_it =
            |cell: &&Cell| cell.batch_size == best.batch_size && cell.learning_rate == best.learning_rate;
        self.grid.cells.iter().find(is_it)
    }

    /// `E_min / S_min`, where the grid identifies it.
    #[must_use]
    pub fn critical_batch_size(&self) -> Option<f64> {
        match self.critical.as_ref()?.verdict {
            Verdict::Identified { critical_batch_size } => Some(critical_batch_size),
            Verdict::NotIdentified { .. } => None,
        }
    }

    /// The batch size that the two fitted curves predict to be soonest at the target, `sqrt(B_crit B_hw)`; `None`
    /// where either is not known.
    #[must_use]
    pub fn predicted_time_optimal_batch(&self) -> Option<f64> {
        let line = self.throughput.as_ref()?.line?;
        Some(line.time_optimal_batch(self.critical_batch_size()?)).filter(|batch| *batch > 0.0)
    }

    /// The row that was soonest at the target, by the median over its seeds; `None` where none met it, or where times
    /// were not all taken on one device.
    #[must_use]
    pub fn soonest(&self) -> Option<&TargetRow> {
        self.throughput.as_ref()?.device.as_ref()?;
        let timed = self.to_target.iter().filter_map(|row| Some((row, row.seconds.median()?)));
        timed.min_by(|left, right| left.1.total_cmp(&right.1)).map(|(row, _)| row)
    }

    /// Whether the learning rate was never tuned: several batch sizes, and none of them was given two rates.
    #[must_use]
    pub fn is_untuned(&self) -> bool {
        let sizes = self.grid.batch_sizes();
        sizes.len() > 1 && sizes.iter().all(|&size| self.grid.row(size).len() == 1)
    }
}

/// The trials of a group that are in one cell.
pub(super) fn trials_of<'a>(
    group: &'a Group<'_>,
    batch_size: u64,
    learning_rate: f64,
) -> Vec<&'a TrialRecord> {
    let in_cell =
        |trial: &&&TrialRecord| trial.batch_size == batch_size && trial.learning_rate == learning_rate;
    group.trials.iter().filter(in_cell).copied().collect()
}
