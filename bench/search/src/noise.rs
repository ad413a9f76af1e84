//! `seeds = "decide"` on grids whose losses are drawn with noise.

use domain::analysis::random::Random;
use domain::search::{Search, Trial};
use domain::spec::{Goal, SearchSpec, SeedRule};

use crate::grid::Grid;
use crate::perturbed::normal;
use crate::replay::replay;

/// What came of all repeats at one noise.
#[derive(Debug, Clone, Default)]
pub struct Noisy {
    /// Those in which the named cell's true loss is within [`CLOSE`] of the least.
    pub close: usize,
    /// Trials, the mean.
    pub trials: f64,
    /// Trials of three seeds everywhere, the mean.
    pub everywhere: f64,
    /// The share by which the true loss of the named cell exceeds the least, ascending.
    pub regrets: Vec<f64>,
}

/// How close the named cell must be to the best, as a share of its loss.
pub const CLOSE: f64 = 0.003;

/// Seeds that each cell may get.
const SEEDS: u64 = 3;

/// Replays each grid `repeats` times, each seed of each cell drawn anew with this standard deviation, a share of the loss.
pub fn run(grids: &[Grid], goal: Goal, deviation: f64, repeats: u64) -> Noisy {
    let mut result = Noisy::default();
    let spec = SearchSpec { goal, seeds: SeedRule::Decide, ..SearchSpec::default() };
    for (index, grid) in grids.iter().enumerate() {
        let search = Search::new(spec, grid.space(SEEDS));
        for repeat in 0..repeats {
            let noisy =
                |trial: Trial| grid.loss(trial.cell) * (1.0 + deviation * drawn(index, repeat, trial));
            let replay = replay(&search, 1, noisy);
            let named = search.best(&replay.known, 0).map_or(f64::INFINITY, |cell| grid.loss(cell));
            let regret = named / grid.least() - 1.0;
            result.close += usize::from(regret <= CLOSE);
            result.trials += replay.begun.len() as f64;
            result.everywhere += (SEEDS as usize * grid.cells()) as f64;
            result.regrets.push(regret);
        }
    }
    result.regrets.sort_by(f64::total_cmp);
    let count = result.regrets.len().max(1) as f64;
    result.trials /= count;
    result.everywhere /= count;
    result
}

/// The same trial of the same repeat always draws the same.
fn drawn(grid: usize, repeat: u64, trial: Trial) -> f64 {
    let places = [
        grid as u64,
        repeat,
        trial.cell.row as u64,
        trial.cell.rate.unsigned_abs().into(),
        trial.seed as u64,
    ];
    let seed = places
        .into_iter()
        .fold(0x9E37, |seed: u64, place| (seed ^ place).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31));
    normal(&mut Random::new(seed))
}
