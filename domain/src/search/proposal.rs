//! A cell that a goal asks for.

use super::decision::Reason;
use super::space::Cell;

/// A cell that a goal asks for, and because of which others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) cell: Cell,
    pub(super) reason: Reason,
    pub(super) because: Vec<Cell>,
}

impl Proposal {
    pub(super) fn new(cell: Cell, reason: Reason, because: impl IntoIterator<Item = Cell>) -> Self {
        Self { cell, reason, because: because.into_iter().collect() }
    }
}
