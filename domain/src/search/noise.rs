//! How far seeds lie apart, pooled over the cells that have several: what a cell with one seed could have scored instead.

use super::sheet::Sheet;
use super::space::Cell;
use crate::analysis::Interval;

/// The spread of seeds in one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    /// Standard deviation of the score of one seed around its cell.
    pub(super) deviation: f64,
    /// Degrees of freedom: seeds beyond the first of each cell.
    pub(super) freedom: usize,
}

/// Half the width of the interval of a single seed, in standard deviations. Two intervals of this width overlap unless the
/// cells differ at the 90 % level (1.64 standard deviations of a difference, each interval taking half).
const HALF_WIDTH: f64 = 1.16;

impl Noise {
    /// From the cells of a group that have two scores or more.
    pub(super) fn of(sheet: &Sheet<'_>, group: usize) -> Self {
        let (mut squares, mut freedom) = (0.0, 0);
        for (cell, _) in sheet.scored(group) {
            let scores = sheet.scores(cell);
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            squares += scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
            freedom += scores.len() - 1;
        }
        Self { deviation: (squares / freedom.max(1) as f64).sqrt(), freedom }
    }

    /// The interval that a cell is compared by: the analysis's own, widened to what the pooled spread says where its few seeds
    /// happen to agree.
    pub(super) fn interval(&self, sheet: &Sheet<'_>, cell: Cell, median: f64) -> Interval {
        let half = HALF_WIDTH * self.deviation / (sheet.scores(cell).len().max(1) as f64).sqrt();
        let pooled = Interval { low: median - half, high: median + half };
        match sheet.range(cell) {
            Some(range) => Interval { low: range.low.min(pooled.low), high: range.high.max(pooled.high) },
            None => pooled,
        }
    }
}
