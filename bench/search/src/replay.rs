//! A search replayed on a grid of finished trials.

use std::collections::BTreeMap;

use domain::analysis::random::Random;
use domain::search::{Better, Cell, Known, Search, Standing, Trial};
use domain::spec::{Goal, SearchSpec};

use crate::grid::Grid;

/// What came of a search.
#[derive(Debug, Clone)]
pub struct Replay {
    /// All trials, in the order in which they were begun.
    pub begun: Vec<Trial>,
    /// What was known in the end.
    pub known: Known,
    /// When the last trial ended, in mean durations of a trial.
    pub time: f64,
}

/// Runs a search with so many trials at once; each takes from half to one and a half units of time, in a fixed sequence.
pub fn replay(search: &Search, workers: usize, mut score: impl FnMut(Trial) -> f64) -> Replay {
    let mut known = Known::new(Better::Lower);
    let mut random = Random::new(1);
    let mut running: Vec<(f64, Trial)> = Vec::new();
    let (mut begun, mut time) = (Vec::new(), 0.0);
    loop {
        for decision in search.next(&known, workers) {
            known.set(decision.trial, Standing::Open);
            running.push((time + 0.5 + random.unit(), decision.trial));
            begun.push(decision.trial);
        }
        let soonest = (0..running.len()).min_by(|&left, &right| running[left].0.total_cmp(&running[right].0));
        let Some(place) = soonest else { break };
        let (end, trial) = running.swap_remove(place);
        time = end;
        let score = score(trial);
        known.set(trial, if score.is_finite() { Standing::Scored(score) } else { Standing::Diverged });
    }
    Replay { begun, known, time }
}

/// What one search without noise cost, and what it missed.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Trials begun.
    pub trials: usize,
    /// Of `rows` the largest share by which the best loss found in a row exceeds the row's least; of `best` the same of the
    /// whole grid.
    pub regret: f64,
    /// See [`Replay::time`].
    pub time: f64,
}

impl Outcome {
    /// Searches a grid with one seed.
    pub fn of(grid: &Grid, spec: SearchSpec, workers: usize) -> Self {
        let replay = replay(&Search::new(spec, grid.space(1)), workers, |trial| grid.loss(trial.cell));
        let cells = replay.begun.iter().map(|trial| trial.cell);
        let regret =
            if spec.goal == Goal::Rows { worst_row_regret(grid, cells) } else { regret(grid, cells) };
        Self { trials: replay.begun.len(), regret, time: replay.time }
    }
}

/// The largest share by which the best loss found in a row exceeds the row's least. Rows without any loss are left out.
pub fn worst_row_regret(grid: &Grid, cells: impl IntoIterator<Item = Cell>) -> f64 {
    let mut found: BTreeMap<usize, f64> = BTreeMap::new();
    for cell in cells {
        let least = found.entry(cell.row).or_insert(f64::INFINITY);
        *least = least.min(grid.loss(cell));
    }
    let rows = grid.losses.iter().enumerate().filter_map(|(row, losses)| {
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let found = found.get(&row).copied().unwrap_or(f64::INFINITY);
        least.is_finite().then_some(found / least - 1.0)
    });
    rows.fold(0.0, f64::max)
}

/// The share by which the best loss found exceeds the least of the grid.
pub fn regret(grid: &Grid, cells: impl IntoIterator<Item = Cell>) -> f64 {
    cells.into_iter().map(|cell| grid.loss(cell)).fold(f64::INFINITY, f64::min) / grid.least() - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(goal: Goal, workers: usize) -> Vec<Outcome> {
        let (grids, _) = crate::grid::read(crate::KEPT).unwrap();
        assert_eq!(grids.len(), 16);
        let spec = SearchSpec { goal, ..SearchSpec::default() };
        grids.iter().map(|grid| Outcome::of(grid, spec, workers)).collect()
    }

    fn trials(outcomes: &[Outcome]) -> f64 {
        outcomes.iter().map(|outcome| outcome.trials as f64).sum::<f64>() / outcomes.len() as f64
    }

    fn largest_regret(outcomes: &[Outcome]) -> f64 {
        outcomes.iter().map(|outcome| outcome.regret).fold(0.0, f64::max)
    }

    #[test]
    fn every_row_is_bracketed_within_41_trials_of_119_and_loses_at_most_a_fifth_of_a_percent() {
        let rows = kept(Goal::Rows, 1);
        assert!(trials(&rows) <= 41.0 && largest_regret(&rows) <= 0.002, "{rows:?}");
    }

    #[test]
    fn the_best_cell_takes_15_trials_and_loses_at_most_a_fifth_of_a_percent() {
        let best = kept(Goal::Best, 1);
        assert!(trials(&best) <= 15.0 && largest_regret(&best) <= 0.002, "{best:?}");
    }

    #[test]
    fn eight_at_once_take_at_most_15_percent_more_trials_and_half_the_time() {
        for (goal, share) in [(Goal::Rows, 0.5), (Goal::Best, 1.0)] {
            let (one, eight) = (kept(goal, 1), kept(goal, 8));
            assert!(trials(&eight) <= 1.15 * trials(&one), "{}", trials(&eight));
            assert!(largest_regret(&eight) <= 0.002);
            let time = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.time).sum::<f64>();
            assert!(time(&eight) <= share * time(&one));
        }
    }
}
