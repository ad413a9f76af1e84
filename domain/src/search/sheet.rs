//! What is known of each cell, over its seeds; judged as the analysis judges it.

use std::collections::BTreeMap;

use super::known::{Known, Standing};
use super::space::{Cell, Space};
use crate::analysis::Interval;
use crate::analysis::spread::spread;
use crate::spec::{SearchSpec, SeedRule};
use crate::statistics::median;

/// What is known of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    /// None of its trials was begun.
    Unknown,
    /// Not enough of its trials have ended.
    Open,
    /// Its median score; lower is better.
    Scored(f64),
    /// Half of its trials or more missed the target; how close they came.
    Missed(Option<f64>),
    /// Half of its trials or more were stopped, being worse than the best of the row.
    Stopped,
    /// Half of its trials or more diverged.
    Diverged,
    /// It does not fit in memory.
    Infeasible,
    /// Its trials failed or were cancelled.
    Failed,
}

impl State {
    /// What cells are compared by, least first: whether the target was met, then the score. `None` for a cell that cannot
    /// be the best of what is known.
    pub(super) fn rank(self) -> Option<(bool, f64)> {
        match self {
            Self::Scored(score) => Some((false, score)),
            Self::Missed(close) => Some((true, close.unwrap_or(f64::INFINITY))),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) begun: usize,
    open: usize,
    scores: Vec<f64>,
    close: Vec<f64>,
    missed: usize,
    diverged: usize,
    stopped: usize,
    infeasible: usize,
}

impl Tally {
    fn add(&mut self, standing: Standing) {
        self.begun += 1;
        match standing {
            Standing::Open => self.open += 1,
            Standing::Scored(score) => self.scores.push(score),
            Standing::Missed(close) => {
                self.missed += 1;
                self.close.extend(close);
            }
            Standing::Diverged => self.diverged += 1,
            Standing::Infeasible => self.infeasible += 1,
            Standing::Stopped => self.stopped += 1,
            Standing::Failed => {}
        }
    }

    /// The scores, with an infinite one for each trial that has none because it was worse than any.
    fn values(&self) -> Vec<f64> {
        let without = self.missed + self.diverged + self.stopped;
        self.scores.iter().copied().chain((0..without).map(|_| f64::INFINITY)).collect()
    }

    fn state(&self) -> State {
        let median_score = median(&self.values()).filter(|median| median.is_finite());
        match self {
            _ if median_score.is_some() => State::Scored(median_score.unwrap_or_default()),
            Self { infeasible: 1.., .. } => State::Infeasible,
            Self { missed: 1.., .. } if self.missed >= self.diverged => State::Missed(median(&self.close)),
            Self { diverged: 1.., .. } => State::Diverged,
            Self { stopped: 1.., .. } => State::Stopped,
            Self { open: 1.., .. } => State::Open,
            _ => State::Failed,
        }
    }
}

/// All cells of which something is known.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) space: &'a Space,
    pub(super) spec: SearchSpec,
    cells: BTreeMap<Cell, Tally>,
}

impl<'a> Sheet<'a> {
    pub(super) fn of(space: &'a Space, spec: SearchSpec, known: &Known) -> Self {
        let mut cells: BTreeMap<Cell, Tally> = BTreeMap::new();
        for (trial, standing) in known.iter() {
            cells.entry(trial.cell).or_default().add(standing);
        }
        Self { space, spec, cells }
    }

    pub(super) fn state(&self, cell: Cell) -> State {
        match self.cells.get(&cell) {
            None => State::Unknown,
            Some(tally) if self.is_unfinished(tally) => State::Open,
            Some(tally) => tally.state(),
        }
    }

    /// Where every cell gets every seed, it says nothing before the last of them.
    fn is_unfinished(&self, tally: &Tally) -> bool {
        self.spec.seeds == SeedRule::All
            && tally.infeasible == 0
            && (tally.open > 0 || tally.begun < self.space.seeds())
    }

    pub(super) fn tally(&self, cell: Cell) -> Option<&Tally> {
        self.cells.get(&cell)
    }

    /// The scores of a cell's trials.
    pub(super) fn scores(&self, cell: Cell) -> &[f64] {
        self.cells.get(&cell).map_or(&[], |tally| &tally.scores)
    }

    /// The cells that were begun with fewer seeds than there are, the first of them first.
    pub(super) fn unrepeated(&self) -> impl Iterator<Item = Cell> {
        let few = |tally: &Tally| tally.begun < self.space.seeds() && tally.infeasible == 0;
        self.cells.iter().filter(move |(_, tally)| few(tally)).map(|(&cell, _)| cell)
    }

    /// The cells of a group of which something is known, with what that is.
    pub(super) fn group(&self, group: usize) -> impl Iterator<Item = (Cell, State)> {
        let cells = self.cells.keys().filter(move |cell| cell.group == group);
        cells.map(|&cell| (cell, self.state(cell)))
    }

    /// The cells of a group that have a score.
    pub(super) fn scored(&self, group: usize) -> impl Iterator<Item = (Cell, f64)> {
        self.group(group).filter_map(|(cell, state)| match state {
            State::Scored(score) => Some((cell, score)),
            _ => None,
        })
    }

    /// The best cell of a group, the smaller batch size and rate of equals.
    pub(super) fn best(&self, group: usize) -> Option<Cell> {
        let scored = self.scored(group).min_by(|left, right| left.1.total_cmp(&right.1));
        scored.map(|(cell, _)| cell)
    }

    /// The range that the analysis compares this cell by.
    pub(super) fn range(&self, cell: Cell) -> Option<Interval> {
        spread(&self.cells.get(&cell)?.values())
    }
}
