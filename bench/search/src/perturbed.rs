//! Other grids made of the given ones, and made up: a search that was tuned on sixteen grids should not be judged by them alone.

use domain::analysis::random::Random;

use crate::grid::Grid;

/// Grids of one kind.
pub struct Variant {
    /// What was done, in words.
    pub name: &'static str,
    pub grids: Vec<Grid>,
}

/// All variants of these grids. Rows without any loss are dropped.
pub fn variants(grids: &[Grid]) -> Vec<Variant> {
    let each = |name, change: &dyn Fn(&Grid) -> Grid| Variant {
        name,
        grids: grids
            .iter()
            .map(change)
            .map(without_empty_rows)
            .filter(|grid| grid.batch_sizes.len() > 1)
            .collect(),
    };
    let rows = |keep: fn(usize, usize) -> bool| move |grid: &Grid| rows_where(grid, keep);
    let rates = |keep: fn(usize, usize) -> bool| move |grid: &Grid| rates_where(grid, keep);
    vec![
        each("without the four largest batch sizes", &rows(|row, count| row + 4 < count)),
        each("without the four smallest batch sizes", &rows(|row, _| row >= 4)),
        each("every second batch size", &rows(|row, _| row % 2 == 0)),
        each("the other batch sizes", &rows(|row, _| row % 2 == 1)),
        each("without the two largest rates", &rates(|rate, count| rate + 2 < count)),
        each("without the four largest rates", &rates(|rate, count| rate + 4 < count)),
        each("without the two smallest rates", &rates(|rate, _| rate >= 2)),
        each("without the four smallest rates", &rates(|rate, _| rate >= 4)),
        each("batch sizes in the opposite order", &reversed),
        each("3 % of the cells diverge", &|grid| missing(grid, 0.03)),
        each("8 % of the cells diverge", &|grid| missing(grid, 0.08)),
        each("losses off by 0.05 %", &|grid| noisy(grid, 0.0005)),
        each("losses off by 0.15 %", &|grid| noisy(grid, 0.0015)),
        Variant { name: "made-up bowls with walls", grids: (0..64).map(bowl).collect() },
    ]
}

fn rows_where(grid: &Grid, keep: fn(usize, usize) -> bool) -> Grid {
    let count = grid.batch_sizes.len();
    let kept = || (0..count).filter(|&row| keep(row, count));
    Grid {
        batch_sizes: kept().map(|row| grid.batch_sizes[row]).collect(),
        losses: kept().map(|row| grid.losses[row].clone()).collect(),
        ..grid.clone()
    }
}

fn rates_where(grid: &Grid, keep: fn(usize, usize) -> bool) -> Grid {
    let count = grid.rates.len();
    let kept =
        |values: &[f64]| (0..count).filter(|&rate| keep(rate, count)).map(|rate| values[rate]).collect();
    Grid {
        rates: kept(&grid.rates),
        losses: grid.losses.iter().map(|losses| kept(losses)).collect(),
        ..grid.clone()
    }
}

fn without_empty_rows(grid: Grid) -> Grid {
    let has_loss = |row: &usize| grid.losses[*row].iter().any(|loss| loss.is_finite());
    let kept: Vec<usize> = (0..grid.batch_sizes.len()).filter(has_loss).collect();
    Grid {
        batch_sizes: kept.iter().map(|&row| grid.batch_sizes[row]).collect(),
        losses: kept.iter().map(|&row| grid.losses[row].clone()).collect(),
        ..grid
    }
}

/// The best rate then falls with the batch size.
fn reversed(grid: &Grid) -> Grid {
    Grid { losses: grid.losses.iter().rev().cloned().collect(), ..grid.clone() }
}

/// One generator for each grid, by its name, so that a variant does not depend on the others.
fn random(grid: &Grid) -> Random {
    Random::new(grid.name.bytes().fold(7, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte)))
}

fn map(grid: &Grid, mut change: impl FnMut(f64) -> f64) -> Grid {
    let losses = grid.losses.iter().map(|row| row.iter().map(|&loss| change(loss)).collect());
    Grid { losses: losses.collect(), ..grid.clone() }
}

fn missing(grid: &Grid, share: f64) -> Grid {
    let mut random = random(grid);
    map(grid, |loss| if random.unit() < share { f64::INFINITY } else { loss })
}

fn noisy(grid: &Grid, share: f64) -> Grid {
    let mut random = random(grid);
    map(grid, |loss| loss * (1.0 + share * normal(&mut random)))
}

/// A number of the standard normal distribution (Box & Muller 1958).
pub fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

/// Parabolas in the logarithm of the rate, their vertices moving with the batch size by any power from -0.5 to 1, with a wall
/// from one to six rates above the best.
fn bowl(seed: u64) -> Grid {
    let mut random = Random::new(seed);
    let rows = 5 + random.below(6);
    let (drift, best) = (1.5 * random.unit() - 0.5, 2.0 + 8.0 * random.unit());
    let (wall, floor) = (1.0 + 5.0 * random.unit(), random.unit() * rows as f64);
    let (width, height) = (0.002 + 0.01 * random.unit(), 0.001 + 0.01 * random.unit());
    let middle = rows as f64 / 2.0;
    let loss = |row: usize, rate: usize, off: f64| {
        let vertex = best + 2.0 * drift * (row as f64 - middle);
        let (from_vertex, from_floor) = (rate as f64 - vertex, row as f64 - floor);
        let above = width * from_vertex.powi(2) + height * from_floor.powi(2);
        if from_vertex > wall { f64::INFINITY } else { 2.5 * (1.0 + above + off) }
    };
    let losses =
        (0..rows).map(|row| (0..12).map(|rate| loss(row, rate, 0.0003 * normal(&mut random))).collect());
    Grid {
        name: format!("bowl {seed}"),
        losses: losses.collect(),
        batch_sizes: (0..rows).map(|row| 32 << row).collect(),
        rates: (0..12).map(|rate| 0.001 * 2f64.powf(f64::from(rate) / 2.0)).collect(),
    }
}
