//! The goal `best`: the best cell of a group, whatever its batch size. The middle row is bounded first, then rows two away are
//! probed, and a surface through all that is known says where a better cell may lie. The surface is refitted after every
//! result, and it only ever proposes: what is best is what was trained.

use super::decision::Reason;
use super::estimate::estimates;
use super::middle;
use super::noise::Noise;
use super::proposal::Proposal;
use super::race;
use super::sheet::{Sheet, State};
use super::space::Cell;
use super::surface::Surface;
use super::walk::{Row, Side};

/// A cell is worth a trial where the surface expects it less than this many standard deviations above the best.
const SUSPICIOUS: f64 = 1.5;

/// As [`SUSPICIOUS`], where seeds are noise that is to be averaged over: estimates need the cells around the best, too.
const SUSPICIOUS_IN_NOISE: f64 = 3.0;

/// How far from the best cell the surface is trusted, in rows and in rates.
const NEAR: (usize, u32) = (2, 3);

/// As [`NEAR`], where seeds are noise.
const NEAR_IN_NOISE: (usize, u32) = (3, 4);

/// How many rows away the first probes are.
const PROBE: usize = 2;

/// A cell that was not tried, and what the surface expects of it above the best.
struct Candidate {
    cell: Cell,
    above: f64,
    deviation: f64,
}

/// What the goal asks for, the more useful first.
pub(super) fn proposals(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let middle = Row { sheet, group, row: middle::middle(sheet.space) };
    let needed = middle::needs(sheet, group);
    let noise = Noise::of(sheet, group);
    let Some(best) = leader(sheet, group, &noise).filter(|_| needed.is_empty()) else {
        // The middle row may have no score at all: then its neighbours are looked at.
        return if needed.is_empty() && middle.is_exhausted() { others(sheet, group) } else { needed };
    };
    let row = Row { row: best.row, ..middle };
    let mut found = middle::walk(&row, best.rate, towards(sheet, best.row));
    if !found.is_empty() || row.is_open(best.rate) {
        return found;
    }
    let surface = Surface::through(sheet, group, best);
    let is_noisy = race::is_known(&noise);
    let (limit, near) = if is_noisy { (SUSPICIOUS_IN_NOISE, NEAR_IN_NOISE) } else { (SUSPICIOUS, NEAR) };
    let candidates = candidates(sheet, best, &surface, near);
    found = unprobed(sheet, best)
        .filter_map(|row| candidates.iter().find(|candidate| candidate.cell.row == row))
        .map(|candidate| Proposal::new(candidate.cell, Reason::Probe, [best]))
        .collect();
    // One at a time: its result moves the surface.
    if found.is_empty() && sheet.group(group).all(|(_, state)| state != State::Open) {
        let low = candidates.iter().find(|candidate| candidate.above < limit * candidate.deviation);
        found.extend(low.map(|candidate| Proposal::new(candidate.cell, Reason::Surface, [best])));
    }
    found
}

/// The best cell so far: the lowest median, or the lowest estimate once it is known how far seeds lie apart.
pub(super) fn leader(sheet: &Sheet<'_>, group: usize, noise: &Noise) -> Option<Cell> {
    let estimated =
        race::is_known(noise).then(|| estimates(sheet, group, noise).first().map(|(cell, _)| *cell));
    estimated.flatten().or_else(|| sheet.best(group))
}

/// The first row outwards from the middle that may still have a score.
fn others(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let middle = middle::middle(sheet.space);
    let mut rows: Vec<usize> = (0..sheet.space.rows()).collect();
    rows.sort_by_key(|row| (row.abs_diff(middle), *row < middle));
    let mut rows = rows.into_iter().map(|row| Row { sheet, group, row });
    let needs = rows.find_map(|row| {
        let start = sheet.space.rates(row.row) / 2;
        (!row.is_exhausted()).then(|| middle::walk(&row, start, towards(sheet, row.row)))
    });
    needs.unwrap_or_default()
}

fn towards(sheet: &Sheet<'_>, row: usize) -> Side {
    if row < middle::middle(sheet.space) { Side::Lower } else { Side::Higher }
}

/// Rows near the best one of which nothing was tried: two away on either side, else one away at the edge of the grid.
fn unprobed(sheet: &Sheet<'_>, best: Cell) -> impl Iterator<Item = usize> {
    let last = sheet.space.rows().saturating_sub(1);
    let rows = [(best.row + PROBE).min(last), best.row.saturating_sub(PROBE)];
    let new = move |row: &usize| Row { sheet, group: best.group, row: *row }.is_untouched();
    rows.into_iter().filter(move |row| *row != best.row).filter(new)
}

/// The cells near the best one that were not tried, with what the surface expects above the best; the lowest first. None at or
/// beyond a rate that diverged in its row, and none in a row that does not fit in memory.
fn candidates(sheet: &Sheet<'_>, best: Cell, surface: &Surface, near: (usize, u32)) -> Vec<Candidate> {
    let (rows, rates) = near;
    let mut found = Vec::new();
    let last = sheet.space.rows().saturating_sub(1);
    for index in best.row.saturating_sub(rows)..=(best.row + rows).min(last) {
        let row = Row { row: index, sheet, group: best.group };
        let is_closed = |state: State| matches!(state, State::Diverged | State::Infeasible);
        let wall = row.states().find(|(_, state)| is_closed(*state)).map_or(i32::MAX, |(rate, _)| rate);
        let is_infeasible = row.states().any(|(_, state)| state == State::Infeasible);
        let near = row.states().filter(|(rate, state)| {
            *state == State::Unknown
                && *rate < wall
                && !is_infeasible
                && rate.abs_diff(best.rate) <= rates
                && (0..sheet.space.rates(index)).contains(rate)
        });
        found.extend(near.map(|(rate, _)| {
            let (above, deviation) = surface.above_best(sheet, row.cell(rate));
            Candidate { cell: row.cell(rate), above, deviation }
        }));
    }
    found.sort_by(|left, right| left.above.total_cmp(&right.above).then(left.cell.cmp(&right.cell)));
    found
}
