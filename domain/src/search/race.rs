//! `seeds = "decide"`: one seed first, more only where two cells that matter cannot be distinguished yet (racing, as irace
//! does; López-Ibáñez et al. 2016). What matters is the best cell and each that may be better.

use super::decision::Reason;
use super::estimate::estimates;
use super::noise::Noise;
use super::proposal::Proposal;
use super::sheet::Sheet;
use super::space::Cell;

/// With fewer repeats in a group the spread of seeds is a guess: so many are made of the best cells first.
const FREEDOM: usize = 4;

/// Cells are distinguished in a group where their estimates differ by so many standard errors of a cell with all seeds.
const DISTINCT: f64 = 3.0;

/// Whether enough repeats were made to know how far seeds lie apart.
pub(super) fn is_known(noise: &Noise) -> bool {
    noise.freedom >= FREEDOM
}

/// The cell of a row that gets its next seed, if any: the best or one whose interval, as the analysis compares them, overlaps
/// the best's.
pub(super) fn in_row(sheet: &Sheet<'_>, noise: &Noise, cells: &[(Cell, f64)]) -> Option<Proposal> {
    let mut cells = cells.to_vec();
    cells.sort_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)));
    let &(best, median) = cells.first()?;
    let interval = noise.interval(sheet, best, median);
    let is_rival = |&&(cell, median): &&(Cell, f64)| noise.interval(sheet, cell, median).overlaps(&interval);
    // Until it is known how far seeds lie apart, the best two show it.
    let (all, next_best) = (cells[1..].iter(), cells[1..].iter().take(1));
    let rivals: Vec<_> = if is_known(noise) { all.filter(is_rival).collect() } else { next_best.collect() };
    let rivals = rivals.into_iter().map(|(cell, _)| *cell);
    next(sheet, best, rivals.collect())
}

/// The cell of a group that gets its next seed, if any. Many cells are near the best of a group, so that the intervals of their
/// few seeds mostly show which were lucky: they are compared by their estimates instead.
pub(super) fn in_group(sheet: &Sheet<'_>, noise: &Noise, group: usize) -> Option<Proposal> {
    if !is_known(noise) {
        let scored: Vec<(Cell, f64)> = sheet.scored(group).collect();
        return in_row(sheet, noise, &scored);
    }
    let estimates = estimates(sheet, group, noise);
    let &(best, least) = estimates.first()?;
    let limit = least + DISTINCT * noise.deviation / (sheet.space.seeds().max(1) as f64).sqrt();
    let rivals = estimates[1..].iter().filter(|(_, estimate)| *estimate <= limit).map(|(cell, _)| *cell);
    next(sheet, best, rivals.collect())
}

/// The one of these with the fewest seeds, the first of equals; none without a rival.
fn next(sheet: &Sheet<'_>, best: Cell, rivals: Vec<Cell>) -> Option<Proposal> {
    if rivals.is_empty() {
        return None;
    }
    let begun = |cell: Cell| sheet.tally(cell).map_or(0, |tally| tally.begun);
    let racing = std::iter::once(best).chain(rivals.iter().copied());
    let behind = racing.filter(|&cell| begun(cell) < sheet.space.seeds());
    let next = behind.min_by_key(|&cell| begun(cell))?;
    let because = if next == best { rivals } else { vec![best, next] };
    Some(Proposal::new(next, Reason::Seed, because.into_iter().chain([best])))
}
