//! What the search has found, and why a cell was not trained.

use std::fmt;

use super::Search;
use super::best::leader;
use super::known::{Known, Standing};
use super::noise::Noise;
use super::sheet::{Sheet, State};
use super::space::{Cell, Space, Trial};
use super::walk::{Bound, Row, Side};
use crate::spec::{Goal, SeedRule};

/// What was found in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowStatus {
    /// The best cell of the row.
    pub best: Cell,
    /// What bounds it below.
    pub lower: Bound,
    /// What bounds it above.
    pub higher: Bound,
}

impl RowStatus {
    /// Whether the best rate lies between two that are worse; a larger one that diverged counts as one.
    #[must_use]
    pub fn is_bracketed(&self) -> bool {
        matches!(self.lower, Bound::Worse(_)) && matches!(self.higher, Bound::Worse(_) | Bound::Wall(_))
    }
}

words! {
    /// Why a trial was not begun.
    Skip {
        /// The search goes on, and may still begin it.
        Undecided = "undecided",
        /// As many trials were begun as were allowed.
        Limit = "limit",
        /// Trials of its batch size do not fit in memory.
        Infeasible = "infeasible",
        /// A smaller rate of its row diverged.
        Wall = "wall",
        /// Past the edge of the grid, on which the best of the row does not sit.
        Inside = "inside",
        /// The best of its row lies between two rates that are worse, and this is none of the three.
        Bracketed = "bracketed",
        /// The goal is the best cell, and that lies elsewhere.
        Elsewhere = "elsewhere",
        /// The cell was trained; more seeds would not change what is best.
        Distinguished = "distinguished",
        /// No rate of its row could be trained.
        Hopeless = "hopeless",
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Undecided => "the search goes on, and may still need it",
            Self::Limit => "as many trials were begun as `max_trials` allows",
            Self::Infeasible => "this batch size does not fit in memory",
            Self::Wall => "a smaller learning rate of this batch size diverged",
            Self::Inside => "the best learning rate does not sit on the edge of the grid",
            Self::Bracketed => "the best learning rate of this batch size lies between two that are worse",
            Self::Elsewhere => "the best cell lies elsewhere",
            Self::Distinguished => "more seeds of this cell would not change which is best",
            Self::Hopeless => "no learning rate of this batch size gave a score",
        })
    }
}

/// Why a trial was not begun, and by which results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Why.
    pub why: Skip,
    /// The trials that say so, in the order of their places.
    pub because: Vec<Trial>,
}

impl Search {
    /// The best cell of a group so far: the lowest median or, where seeds decide and it is known how far they lie apart, the
    /// lowest estimate, which uses the cells around it as well.
    #[must_use]
    pub fn best(&self, known: &Known, group: usize) -> Option<Cell> {
        let sheet = self.sheet(known);
        let noise = Noise::of(&sheet, group);
        if self.spec.seeds == SeedRule::All { sheet.best(group) } else { leader(&sheet, group, &noise) }
    }

    /// The best cell of a row so far and what bounds it; `None` where no rate has a score.
    #[must_use]
    pub fn row(&self, known: &Known, group: usize, row: usize) -> Option<RowStatus> {
        let sheet = self.sheet(known);
        status_of(&Row { sheet: &sheet, group, row })
    }

    /// Why a trial was not begun; `None` where it was.
    #[must_use]
    pub fn why_not(&self, known: &Known, trial: Trial) -> Option<Skipped> {
        self.why_none(known, &[trial]).pop().map(|(_, skipped)| skipped)
    }

    /// Why each of these trials was not begun; those that were are left out.
    #[must_use]
    pub fn why_none(&self, known: &Known, trials: &[Trial]) -> Vec<(Trial, Skipped)> {
        let (is_done, sheet) = (self.is_done(known), self.sheet(known));
        let trials = trials.iter().filter(|&&trial| known.get(trial).is_none());
        let skipped = trials.map(|&trial| {
            let (why, cells) = self.skip(&sheet, known, trial, is_done);
            (trial, Skipped { why, because: ended(&self.space, known, cells) })
        });
        skipped.collect()
    }

    fn skip(&self, sheet: &Sheet<'_>, known: &Known, trial: Trial, is_done: bool) -> (Skip, Vec<Cell>) {
        let row = Row { sheet, group: trial.cell.group, row: trial.cell.row };
        let with = |wanted: State| {
            row.states().filter(move |(_, state)| *state == wanted).map(|(rate, _)| row.cell(rate))
        };
        if self.is_spent(known) {
            return (Skip::Limit, Vec::new());
        }
        if let Some(infeasible) = with(State::Infeasible).next() {
            return (Skip::Infeasible, vec![infeasible]);
        }
        if !is_done {
            return (Skip::Undecided, Vec::new());
        }
        let best = sheet.best(trial.cell.group);
        if sheet.tally(trial.cell).is_some() {
            return (Skip::Distinguished, best.into_iter().chain([trial.cell]).collect());
        }
        let wall = with(State::Diverged).find(|wall| wall.rate < trial.cell.rate);
        match (wall, status_of(&row)) {
            (Some(wall), _) => (Skip::Wall, vec![wall]),
            (None, Some(found)) if self.space.is_extension(trial.cell) => (Skip::Inside, found.cells()),
            (None, Some(found)) if self.spec.goal == Goal::Rows || best == Some(found.best) => {
                (Skip::Bracketed, found.cells())
            }
            (None, None) if self.spec.goal == Goal::Rows => (Skip::Hopeless, with(State::Failed).collect()),
            _ => (Skip::Elsewhere, best.into_iter().collect()),
        }
    }
}

fn status_of(row: &Row<'_>) -> Option<RowStatus> {
    let best = row.best()?;
    let [lower, higher] = Side::BOTH.map(|side| row.bound(best, side));
    Some(RowStatus { best: row.cell(best), lower, higher })
}

impl RowStatus {
    fn cells(&self) -> Vec<Cell> {
        let bounds = [self.lower, self.higher].into_iter().filter_map(|bound| match bound {
            Bound::Worse(cell) | Bound::Wall(cell) => Some(cell),
            Bound::Edge | Bound::Open(_) | Bound::Unknown(_) => None,
        });
        bounds.chain([self.best]).collect()
    }
}

/// The trials of these cells that have ended, in the order of their places.
pub(super) fn ended(space: &Space, known: &Known, cells: Vec<Cell>) -> Vec<Trial> {
    let mut trials: Vec<Trial> = cells.into_iter().flat_map(|cell| space.trials(cell)).collect();
    trials.retain(|&trial| known.get(trial).is_some_and(|standing| standing != Standing::Open));
    trials.sort();
    trials.dedup();
    trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_sentence_of_its_own() {
        let mut sentences: Vec<String> = Skip::ALL.iter().map(|(_, skip)| skip.to_string()).collect();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), Skip::ALL.len());
    }
}
