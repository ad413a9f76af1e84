//! The surface through the scored cells of a group: a quadratic in the logarithms of batch size and learning rate.

use super::ridge::Ridge;
use super::sheet::Sheet;
use super::space::Cell;
use crate::statistics::median;

/// Cells that lie this many times the rise beside the best above it are too far for a parabola.
const STEEP: f64 = 25.0;

/// How much the prior weighs beside a trial one step away: little, so that a few trials overrule it.
const PRIOR: f64 = 0.01;

/// The prior's best rate moves by this many steps with each factor of two of the batch size. It only chooses where a row is
/// probed first.
const DRIFT: f64 = 0.3;

/// The spread that is assumed around the surface, in rises beside the best, and how many points that weighs.
const ASSUMED_SPREAD: f64 = 0.5;

/// See [`ASSUMED_SPREAD`].
const ASSUMED_FREEDOM: f64 = 2.0;

/// Coefficients that are taken to be determined by the points; the others by the prior.
const FITTED: usize = 4;

/// A quadratic around the best cell.
pub(super) struct Surface {
    best: Cell,
    shape: Option<Ridge<6>>,
    /// Standard deviation of the scores around it.
    spread: f64,
}

impl Surface {
    /// Through the scored cells of a group that are not far above the best, each weighing as many points as it has seeds.
    pub(super) fn through(sheet: &Sheet<'_>, group: usize, best: Cell) -> Self {
        let scored: Vec<(Cell, f64)> = sheet.scored(group).collect();
        let least = scored.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        let above: Vec<(Cell, f64)> = scored.into_iter().map(|(cell, score)| (cell, score - least)).collect();
        let rise = rise(&above, best);
        let near = above.iter().filter(|(_, above)| *above <= STEEP * rise);
        let points: Vec<([f64; 6], f64)> = near
            .map(|&(cell, above)| {
                let weight = (sheet.scores(cell).len() as f64).sqrt();
                (terms(sheet, best, cell).map(|term| term * weight), above * weight)
            })
            .collect();
        // As wide as the row of the best, round, and drifting towards larger rates with larger batches.
        let prior = [0.0, 0.0, 0.0, rise, -2.0 * DRIFT * rise, rise];
        let weights = [1e-3 * PRIOR, PRIOR, PRIOR, PRIOR, PRIOR, PRIOR];
        let shape = Ridge::fit(&points, prior, weights);
        let squares: f64 = shape.as_ref().map_or(0.0, |shape| shape.rest(&points));
        // Few points lie on a quadratic by themselves, so that the spread begins with one that is assumed.
        let freedom = points.len().saturating_sub(FITTED) as f64;
        let assumed = ASSUMED_FREEDOM * (ASSUMED_SPREAD * rise).powi(2);
        let spread = ((squares + assumed) / (freedom + ASSUMED_FREEDOM)).sqrt();
        Self { best, shape, spread }
    }

    /// What it expects of a cell above the score of the best, and the standard deviation of that.
    pub(super) fn above_best(&self, sheet: &Sheet<'_>, cell: Cell) -> (f64, f64) {
        let terms = terms(sheet, self.best, cell);
        let Some(shape) = &self.shape else { return (f64::INFINITY, 0.0) };
        (shape.at(&terms), self.spread * (1.0 + shape.variance(&terms)).sqrt())
    }
}

/// The mean rise from the best cell to its neighbours in the row; of rows without both, what rises there are.
pub(super) fn rise(above: &[(Cell, f64)], best: Cell) -> f64 {
    let beside = |cell: &Cell| cell.row == best.row && cell.rate.abs_diff(best.rate) == 1;
    let rises: Vec<f64> = above.iter().filter(|(cell, _)| beside(cell)).map(|(_, above)| *above).collect();
    let mean = rises.iter().sum::<f64>() / rises.len().max(1) as f64;
    if mean > 0.0 {
        return mean;
    }
    let positive: Vec<f64> = above.iter().map(|(_, above)| *above).filter(|above| *above > 0.0).collect();
    median(&positive).unwrap_or(f64::MIN_POSITIVE)
}

fn terms(sheet: &Sheet<'_>, best: Cell, cell: Cell) -> [f64; 6] {
    let size = sheet.space.octaves(cell.row) - sheet.space.octaves(best.row);
    let rate = f64::from(cell.rate - best.rate);
    [1.0, size, rate, size * size, size * rate, rate * rate]
}
