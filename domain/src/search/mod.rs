//! Which cells of a sweep to train next, and why: the answer of a whole grid in a part of its trials.
//!
//! # What is decided, and when
//! [`Search::next`] is a pure function of the spec, the space, what is known of the trials begun so far, and how many may be
//! open at once. No clock, no random state, and no memory: the order in which results came in does not matter, only the set of
//! them. A trial that was begun is never proposed again, whatever became of it.
//!
//! So a coordinator need not keep the search, only its decisions: it writes each [`Decision`] as a row in the same transaction
//! as the trial that it begins, and builds [`Known`] from the trials. A coordinator that is killed before the commit has decided
//! nothing, and the next one, with the same rows, decides the same; killed after it, the trial is begun and counts as open.
//! Where results arrived in between, it decides by these, too: which is what it would have done had they come a moment sooner.
//! Decisions never depend on each other's reasons, so that rows need not be read back to go on.
//!
//! In reading order:
//! - [`space`]: what may be trained, [`known`]: what became of it, [`decision`]: what follows,
//! - [`sheet`]: what is known of each cell over its seeds,
//! - [`walk`]: one row, [`middle`]: the row that comes first,
//! - [`rows`], [`best`], [`all`]: the goals, [`proposal`]: what they ask for,
//! - [`valley`] and [`surface`]: shapes through what is known, [`ridge`]: how they are fitted,
//! - [`noise`], [`estimate`], [`race`]: seeds that decide,
//! - [`stop`]: ending trials that run in vain,
//! - [`status`]: what was found, and why a cell was not trained,
//! - [`sweep`]: all of it for the trials of one sweep.

mod all;
mod best;
mod decision;
mod estimate;
mod known;
mod middle;
mod noise;
mod proposal;
mod race;
mod ridge;
mod rows;
mod sheet;
mod space;
mod status;
mod stop;
mod surface;
mod sweep;
#[cfg(test)]
mod tests;
mod valley;
mod walk;

pub use decision::{Action, Decision, Reason};
pub use known::{Better, Known, Standing};
pub use space::{Cell, Space, Trial};
pub use status::{RowStatus, Skip, Skipped};
pub use stop::Course;
pub use sweep::{DecisionAt, State, Steps, SweepSearch};
pub use walk::{Bound, Side};

use crate::spec::{Goal, SearchSpec, SeedRule};
use noise::Noise;
use proposal::Proposal;
use sheet::Sheet;

/// The search of one sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    spec: SearchSpec,
    space: Space,
}

impl Search {
    /// A search of this space. `spec.extend` has its effect through [`Space::of`].
    #[must_use]
    pub fn new(spec: SearchSpec, space: Space) -> Self {
        Self { spec, space }
    }

    /// What may be trained.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The trials to begin now so that `at_once` are open, the most useful first; fewer where the next ones depend on results
    /// that are still to come. `at_once` is how many trials the workers run at a time.
    #[must_use]
    pub fn next(&self, known: &Known, at_once: usize) -> Vec<Decision> {
        let mut known = known.clone();
        let mut decisions = Vec::new();
        let mut open = known.open();
        while open < at_once && !self.is_spent(&known) {
            let Some(decision) = self.next_one(&known) else { break };
            known.set(decision.trial, Standing::Open);
            decisions.push(decision);
            open += 1;
        }
        decisions
    }

    /// Whether nothing is open and nothing more will be begun.
    #[must_use]
    pub fn is_done(&self, known: &Known) -> bool {
        known.open() == 0 && self.next(known, 1).is_empty()
    }

    /// The most trials that may still be begun, whatever the results.
    #[must_use]
    pub fn at_most_left(&self, known: &Known) -> u64 {
        let rows = (0..self.space.rows()).map(|row| {
            let (low, high) = self.space.reach(row);
            u64::from(low.abs_diff(high)) + 1
        });
        let cells = self.space.groups() as u64 * rows.sum::<u64>();
        let all = cells * self.space.seeds() as u64;
        let most = self.spec.max_trials.map_or(all, |most| most.min(all));
        most.saturating_sub(known.begun() as u64)
    }

    fn is_spent(&self, known: &Known) -> bool {
        self.spec.max_trials.is_some_and(|most| known.begun() as u64 >= most)
    }

    fn sheet(&self, known: &Known) -> Sheet<'_> {
        Sheet::of(&self.space, self.spec, known)
    }

    fn next_one(&self, known: &Known) -> Option<Decision> {
        let sheet = self.sheet(known);
        if self.spec.goal == Goal::All {
            let seeds = if self.spec.seeds == SeedRule::All { self.space.seeds() } else { 1 };
            if let Some(trial) = all::next(&sheet, known, seeds) {
                let reason = Reason::EveryCell;
                return Some(Decision { action: Action::Begin, trial, reason, because: Vec::new() });
            }
        }
        // Later ones are not worked out where an earlier one is followed.
        let steps: [fn(&Self, &Sheet<'_>) -> Vec<Proposal>; 4] =
            [Self::repeats, Self::goal, Self::races, Self::ahead];
        let mut proposals = steps.iter().flat_map(|step| step(self, &sheet));
        proposals.find_map(|proposal| self.decide(known, proposal))
    }

    /// Where each chosen cell gets every seed, those that are missing.
    fn repeats(&self, sheet: &Sheet<'_>) -> Vec<Proposal> {
        if self.spec.seeds == SeedRule::Decide {
            return Vec::new();
        }
        sheet.unrepeated().map(|cell| Proposal::new(cell, Reason::Repeat, [cell])).collect()
    }

    fn goal(&self, sheet: &Sheet<'_>) -> Vec<Proposal> {
        let mut found = Vec::new();
        for group in 0..self.space.groups() {
            found.extend(match self.spec.goal {
                Goal::Rows => rows::proposals(sheet, group),
                Goal::Best => best::proposals(sheet, group),
                Goal::All => all::extensions(sheet, group),
            });
            // The next group begins at what this one finds in its middle row.
            if self.spec.goal != Goal::All && !middle::is_settled(sheet, group) {
                break;
            }
        }
        found
    }

    fn races(&self, sheet: &Sheet<'_>) -> Vec<Proposal> {
        if self.spec.seeds == SeedRule::All {
            return Vec::new();
        }
        let mut found = Vec::new();
        for group in 0..self.space.groups() {
            let noise = Noise::of(sheet, group);
            let scored: Vec<(Cell, f64)> = sheet.scored(group).collect();
            if self.spec.goal == Goal::Best {
                found.extend(race::in_group(sheet, &noise, group));
            } else {
                for row in 0..self.space.rows() {
                    let row: Vec<_> = scored.iter().copied().filter(|(cell, _)| cell.row == row).collect();
                    found.extend(race::in_row(sheet, &noise, &row));
                }
            }
        }
        found
    }

    fn ahead(&self, sheet: &Sheet<'_>) -> Vec<Proposal> {
        match self.spec.goal {
            Goal::Rows => (0..self.space.groups()).flat_map(|group| rows::ahead(sheet, group)).collect(),
            Goal::Best | Goal::All => Vec::new(),
        }
    }

    fn decide(&self, known: &Known, proposal: Proposal) -> Option<Decision> {
        let gets_repeats = matches!(proposal.reason, Reason::Seed | Reason::Repeat);
        let seeds = if gets_repeats { self.space.seeds() } else { 1 };
        let trial = self.space.trials(proposal.cell).take(seeds).find(|&trial| known.get(trial).is_none())?;
        self.space.learning_rate(trial.cell)?;
        let because = status::ended(&self.space, known, proposal.because);
        Some(Decision { action: Action::Begin, trial, reason: proposal.reason, because })
    }
}
