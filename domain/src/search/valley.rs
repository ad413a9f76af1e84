//! The shape that all rows of a group have in common, to find the row whose bracket lies beside its best rate: noise makes a
//! rate look worse than both of its neighbours where a better one lies two steps away.

use super::decision::Reason;
use super::proposal::Proposal;
use super::ridge::Ridge;
use super::sheet::{Sheet, State};
use super::space::Cell;
use super::walk::{Row, Side};

/// How many steps around its best rate a row is taken for a parabola.
const NEAR: u32 = 2;

/// Rates that lie this many times a typical rise above the best say nothing about its parabola.
const STEEP: f64 = 12.0;

/// A rate is worth a trial where it is expected to lie less than this many standard deviations above the best of its row: it is
/// better with a chance of one in six.
const SUSPICIOUS: f64 = 1.0;

/// As [`SUSPICIOUS`], past a rate that diverged where a neighbouring row did not: it must be expected to be better.
const PAST_WALL: f64 = -1.0;

/// In each row a parabola of its own height in the logarithm of the rate, all of one width, with vertices that move smoothly
/// (by a parabola) with the logarithm of the batch size.
struct Valley {
    shape: Ridge<4>,
    /// Of each row: the mean of its terms and of its scores.
    means: Vec<Option<([f64; 4], f64)>>,
    /// Standard deviation of the scores around it.
    spread: f64,
}

/// Cells that may be better than the best of their rows, although that is bounded; the likeliest first.
pub(super) fn suspects(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let Some(valley) = Valley::through(sheet, group) else { return Vec::new() };
    let mut found = Vec::new();
    for row in (0..sheet.space.rows()).map(|row| Row { sheet, group, row }) {
        let Some((best, lowest)) = row.best().and_then(|best| Some((best, row.score(best)?))) else {
            continue;
        };
        for side in Side::BOTH {
            let (beside, rate) = (best + side.step(), best + 2 * side.step());
            let is_new = row.state(rate) == State::Unknown && (0..sheet.space.rates(row.row)).contains(&rate);
            let limit = match row.state(beside) {
                State::Scored(_) => SUSPICIOUS,
                State::Diverged if is_by_chance(&row, [beside, rate]) => PAST_WALL,
                _ => continue,
            };
            if is_new {
                let above = valley.expected(sheet, row.cell(rate)).map(|expected| expected - lowest);
                let deviations = above.map(|above| above / valley.spread.max(f64::MIN_POSITIVE));
                let because = [row.cell(best), row.cell(beside)];
                let likely = deviations.filter(|deviations| *deviations < limit);
                found.extend(likely.map(|deviations| (deviations, row.cell(rate), because)));
            }
        }
    }
    found.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    found.into_iter().map(|(_, cell, because)| Proposal::new(cell, Reason::Shape, because)).collect()
}

/// Whether a neighbouring row has scores at all of these rates: then one that diverged in this row may not be a wall.
fn is_by_chance(row: &Row<'_>, rates: [i32; 2]) -> bool {
    let beside = [row.row.checked_sub(1), Some(row.row + 1)].into_iter().flatten();
    let mut rows = beside.map(|index| Row { row: index, ..*row });
    rows.any(|row| rates.iter().all(|&rate| row.score(rate).is_some()))
}

impl Valley {
    fn through(sheet: &Sheet<'_>, group: usize) -> Option<Self> {
        let rows = sheet.space.rows();
        let near: Vec<Vec<(Cell, f64)>> =
            (0..rows).map(|row| near_best(&Row { sheet, group, row })).collect();
        let rises = near.iter().filter_map(|cells| {
            let least = cells.iter().map(|(_, score)| *score).min_by(f64::total_cmp)?;
            cells.iter().map(|(_, score)| score - least).max_by(f64::total_cmp)
        });
        let typical = crate::statistics::median(&rises.filter(|rise| *rise > 0.0).collect::<Vec<_>>())?;
        let (mut points, mut means) = (Vec::new(), vec![None; rows]);
        for (row, cells) in near.iter().enumerate() {
            let Some(least) = cells.iter().map(|(_, score)| *score).min_by(f64::total_cmp) else { continue };
            let terms: Vec<([f64; 4], f64)> = cells
                .iter()
                .filter(|(_, score)| score - least <= STEEP * typical)
                .map(|&(cell, score)| (terms(sheet, cell), score))
                .collect();
            let count = terms.len() as f64;
            let mean_terms =
                std::array::from_fn(|term| terms.iter().map(|(x, _)| x[term]).sum::<f64>() / count);
            let mean = terms.iter().map(|(_, score)| score).sum::<f64>() / count;
            means[row] = Some((mean_terms, mean));
            // Taking the means off leaves each row its own height (Frisch & Waugh 1933).
            points.extend(
                terms
                    .iter()
                    .map(|(x, score)| (std::array::from_fn(|term| x[term] - mean_terms[term]), score - mean)),
            );
        }
        let fitted = means.iter().flatten().count() + 4;
        let shape = Ridge::fit(&points, [0.0; 4], [1e-9; 4])?;
        let freedom = points.len().checked_sub(fitted).filter(|freedom| *freedom > 0)?;
        let spread = (shape.rest(&points) / freedom as f64).sqrt();
        Some(Self { shape, means, spread })
    }

    fn expected(&self, sheet: &Sheet<'_>, cell: Cell) -> Option<f64> {
        let (mean_terms, mean) = (*self.means.get(cell.row)?)?;
        let terms = terms(sheet, cell);
        let off = std::array::from_fn(|term| terms[term] - mean_terms[term]);
        Some(mean + self.shape.at(&off))
    }
}

fn near_best(row: &Row<'_>) -> Vec<(Cell, f64)> {
    let Some(best) = row.best() else { return Vec::new() };
    let near = row.states().filter(|(rate, _)| rate.abs_diff(best) <= NEAR);
    near.filter_map(|(rate, _)| Some((row.cell(rate), row.score(rate)?))).collect()
}

/// The rate, alone and moving with the batch size, and its square.
fn terms(sheet: &Sheet<'_>, cell: Cell) -> [f64; 4] {
    let space = sheet.space;
    let (first, last) = (space.octaves(0), space.octaves(space.rows().saturating_sub(1)));
    let size = (space.octaves(cell.row) - f64::midpoint(first, last)) / (last - first).max(1.0);
    let rate = f64::from(cell.rate) - f64::from(space.rates(cell.row)) / 2.0;
    [rate, rate * size, rate * size * size, rate * rate]
}
