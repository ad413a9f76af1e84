//! The goal `rows`: the best learning rate of every batch size, between two that are worse. The middle row first; then, row by
//! row outwards, each from the best rate of its neighbour. How the best rate moves with the batch size is never assumed: the
//! literature's laws were off by factors on the grids that this was measured with.

use super::decision::Reason;
use super::middle;
use super::proposal::Proposal;
use super::sheet::{Sheet, State};
use super::valley;
use super::walk::{Row, Side};

/// What the goal asks for, the more useful first; then what is likely to be asked for, for workers that would idle.
pub(super) fn proposals(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let rows = outwards(sheet.space.rows());
    let mut found = middle::needs(sheet, group);
    for &index in &rows[1..] {
        let row = Row { sheet, group, row: index };
        let (start, towards) = beginning(&row);
        if !row.is_untouched() {
            found.extend(middle::walk(&row, start, towards));
        } else if is_settled(&row.inwards()) {
            found.push(begin(&row, start));
        }
    }
    if found.is_empty() && rows.iter().all(|&row| is_settled(&Row { sheet, group, row })) {
        found = valley::suspects(sheet, group);
    }
    found
}

/// What is likely to be asked for next: the neighbours of a row's first cell, while that is trained.
pub(super) fn ahead(sheet: &Sheet<'_>, group: usize) -> Vec<Proposal> {
    let mut found = Vec::new();
    for index in outwards(sheet.space.rows()) {
        let row = Row { sheet, group, row: index };
        let (start, towards) = beginning(&row);
        if row.state(start) == State::Open && row.best().is_none() {
            let sides = [towards, towards.other()].map(|side| start + side.step());
            let new = sides.into_iter().filter(|rate| {
                (0..sheet.space.rates(index)).contains(rate) && row.state(*rate) == State::Unknown
            });
            found.extend(new.map(|rate| Proposal::new(row.cell(rate), Reason::Ahead, [])));
        }
    }
    found
}

fn begin(row: &Row<'_>, start: i32) -> Proposal {
    let inwards = row.inwards();
    let because = inwards.best().map(|rate| inwards.cell(rate));
    Proposal::new(row.cell(start), Reason::Start, because)
}

/// The rows from the middle outwards, the larger batch size first.
fn outwards(count: usize) -> Vec<usize> {
    let middle = count / 2;
    let mut rows: Vec<usize> = (0..count).collect();
    rows.sort_by_key(|&row| (row.abs_diff(middle), row < middle));
    rows
}

/// Where a row begins, and on which side of that its best rate is likelier: at the best rate of the nearest row that has one,
/// and larger batch sizes tend to take larger rates.
fn beginning(row: &Row<'_>) -> (i32, Side) {
    let sheet = row.sheet;
    let middle = middle::middle(sheet.space);
    let towards = if row.row < middle { Side::Lower } else { Side::Higher };
    if row.row == middle {
        return (middle::start(sheet, row.group), towards);
    }
    let mut others: Vec<usize> = (0..sheet.space.rows()).filter(|&other| other != row.row).collect();
    others.sort_by_key(|other| (other.abs_diff(row.row), other.abs_diff(middle)));
    let best = others.into_iter().find_map(|other| Row { row: other, ..*row }.best());
    let (low, high) = sheet.space.reach(row.row);
    (best.unwrap_or(sheet.space.rates(row.row) / 2).clamp(low, high), towards)
}

/// Whether the best rate of a row is bounded, or it turned out to have none.
fn is_settled(row: &Row<'_>) -> bool {
    let (start, towards) = beginning(row);
    let is_middle = row.row == middle::middle(row.sheet.space);
    let needs =
        if is_middle { middle::needs(row.sheet, row.group) } else { middle::walk(row, start, towards) };
    let is_bounded = match row.best() {
        Some(best) => !row.is_open(best),
        None => !row.states().any(|(_, state)| state == State::Open),
    };
    !row.is_untouched() && needs.is_empty() && is_bounded
}

impl Row<'_> {
    /// The neighbour on the side of the middle.
    fn inwards(&self) -> Self {
        let middle = middle::middle(self.sheet.space);
        let row = if self.row < middle { self.row + 1 } else { self.row.saturating_sub(1) };
        Self { row, ..*self }
    }
}
