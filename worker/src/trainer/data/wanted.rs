//! Which examples are wanted, and what their random numbers depend on.

/// Which rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// So many from the first one on, in file order.
    From(usize, usize),
    /// These.
    These(&'a [i64]),
}

/// What the random numbers of examples depend on besides the example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draws {
    /// The trial's.
    pub seed: u64,
    pub epoch: u64,
}
