//! The row that is searched first: nothing is known yet, so that a coarse scan comes before the walk.

use super::decision::Reason;
use super::proposal::Proposal;
use super::sheet::{Sheet, State};
use super::space::{Cell, Space};
use super::walk::{Row, Side};

/// The stride of the scan: every third rate.
const STRIDE: i32 = 3;

/// Rows with fewer rates are walked at once.
const FEW: i32 = 7;

/// The row in the middle of the batch sizes.
pub(super) fn middle(space: &Space) -> usize {
    space.rows() / 2
}

/// Where the middle row begins: at what an earlier group found best in it, else in the middle of its rates.
pub(super) fn start(sheet: &Sheet<'_>, group: usize) -> i32 {
    let row = middle(sheet.space);
    let earlier = (0..group).rev().find_map(|group| Row { sheet, group, row }.best());
    earlier.unwrap_or(sheet.space.rates(row) / 2)
}

/// What the middle row needs, the more useful first.
pub(super) fn needs(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let row = Row { sheet, group, row: middle(sheet.space) };
    let start = start(sheet, group);
    if row.is_untouched() {
        return vec![Proposal::new(row.cell(start), Reason::Scan, [])];
    }
    let scanned = scan(&row);
    if !scanned.is_empty() {
        return scanned;
    }
    walk(&row, start, Side::Higher)
}

/// Whether the middle row is bounded, or turned out to have no best rate.
pub(super) fn is_settled(sheet: &Sheet<'_>, group: usize) -> bool {
    let row = Row { sheet, group, row: middle(sheet.space) };
    let is_open = match row.best() {
        Some(best) => row.is_open(best),
        None => !row.is_exhausted(),
    };
    !is_open && needs(sheet, group).is_empty()
}

/// What a row needs to bound its best rate.
pub(super) fn walk(row: &Row<'_>, start: i32, towards: Side) -> Vec<Proposal> {
    let known = || row.states().filter(|(_, state)| *state != State::Unknown).map(|(rate, _)| row.cell(rate));
    let best = row.best().map(|rate| row.cell(rate));
    let proposals = row.needs(start, towards).into_iter().map(|cell| match best {
        None => Proposal::new(cell, Reason::Retreat, known()),
        Some(best) if row.sheet.space.is_extension(cell) => Proposal::new(cell, Reason::Extend, [best]),
        Some(best) => Proposal::new(cell, Reason::Bracket, beside(row, best)),
    });
    proposals.collect()
}

/// The best cell and the nearest ones that were trained on either side.
fn beside(row: &Row<'_>, best: Cell) -> Vec<Cell> {
    let is_known = |&rate: &i32| !matches!(row.state(rate), State::Unknown | State::Open);
    let (low, high) = row.sheet.space.reach(row.row);
    let lower = (low..best.rate).rev().find(is_known);
    let higher = (best.rate + 1..=high).find(is_known);
    [lower, Some(best.rate), higher].into_iter().flatten().map(|rate| row.cell(rate)).collect()
}

/// Strides below the best rate as long as nothing nearer was tried there. Above it the walk goes step by step: a stride into
/// the wall would be a trial lost, and the last steps to the wall would meet it once more.
fn scan(row: &Row<'_>) -> Vec<Proposal> {
    let rates = row.sheet.space.rates(row.row);
    let Some(best) = row.best().filter(|_| rates >= FEW) else { return Vec::new() };
    let is_tried = |side: Side, stride: i32| {
        (1..=stride).any(|steps| row.state(best + side.step() * steps) != State::Unknown)
    };
    let is_in_grid = |rate: &i32| (0..rates).contains(rate);
    let mut stride = STRIDE;
    while stride * STRIDE <= rates / 4 {
        stride *= STRIDE;
    }
    while stride >= STRIDE {
        let sides: &[Side] = if stride > STRIDE { &Side::BOTH } else { &[Side::Lower] };
        let open =
            sides.iter().filter(|side| !is_tried(**side, stride)).map(|side| best + side.step() * stride);
        let found: Vec<_> = open
            .filter(is_in_grid)
            .map(|rate| Proposal::new(row.cell(rate), Reason::Scan, [row.cell(best)]))
            .collect();
        if !found.is_empty() {
            return found;
        }
        stride /= STRIDE;
    }
    Vec::new()
}
