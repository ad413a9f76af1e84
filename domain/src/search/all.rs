//! The goal `all`: every cell, the middle of the grid first and a seed's whole grid before the next seed, so that an early look
//! at a sweep sees a coarse picture of it.

use super::decision::Reason;
use super::known::Known;
use super::middle;
use super::proposal::Proposal;
use super::sheet::{Sheet, State};
use super::space::Trial;
use super::walk::{Row, Side};

/// The next trial of the grid.
pub(super) fn next(sheet: &Sheet<'_>, known: &Known, seeds: usize) -> Option<Trial> {
    let cells = sheet.space.grid();
    let fits = |trial: &Trial| sheet.state(trial.cell) != State::Infeasible;
    let trials = (0..seeds).flat_map(|seed| cells.iter().map(move |&cell| Trial { cell, seed }));
    trials.filter(fits).find(|trial| known.get(*trial).is_none())
}

/// The cells past the edges that rows ask for whose best rate sits on one.
pub(super) fn extensions(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let rows = (0..sheet.space.rows()).map(|row| Row { sheet, group, row });
    let needs = rows.flat_map(|row| middle::walk(&row, 0, Side::Higher));
    needs.filter(|proposal| proposal.reason == Reason::Extend).collect()
}
