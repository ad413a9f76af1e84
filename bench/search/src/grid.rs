//! Grids of finished trials: what a search would find out, without training anything.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, Result, bail};
use domain::search::{Cell, Space};

/// One grid: the loss of each batch size at each learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What its trials share, in words.
    pub name: String,
    /// Ascending.
    pub batch_sizes: Vec<u64>,
    /// Ascending.
    pub rates: Vec<f64>,
    /// By batch size, then rate; infinite where the trial diverged.
    pub losses: Vec<Vec<f64>>,
}

/// With fewer learning rates or batch sizes there is next to nothing to search.
const FEWEST: (usize, usize) = (3, 6);

/// The grids of a table with the columns `parameters, tokens, batch_size, learning_rate` and a loss. Rows that share parameters
/// and tokens are one grid; a cell that is missing counts as diverged. Also: how many grids were too small.
pub fn read(table: impl Read) -> Result<(Vec<Grid>, usize)> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table);
    let header = reader.headers()?.clone();
    let column = |names: &[&str]| {
        let place = header.iter().position(|name| names.contains(&name));
        place.with_context(|| format!("the table has no column {}", names.join(" or ")))
    };
    let columns = [column(&["parameters"])?, column(&["tokens"])?, column(&["batch_size"])?];
    let (rate, loss) = (column(&["learning_rate"])?, column(&["smooth_loss", "loss"])?);
    let mut grids: BTreeMap<(u64, u64), BTreeMap<(u64, u64), f64>> = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let number = |place: usize| -> Result<f64> {
            let word = row.get(place).unwrap_or_default();
            word.parse().with_context(|| format!("`{word}` is no number, in row {row:?}"))
        };
        let [parameters, tokens, batch_size] = columns.map(number);
        let rate = number(rate)?;
        if !(rate.is_finite() && rate > 0.0) {
            bail!("{rate} is no learning rate, in row {row:?}");
        }
        // Positive numbers are ordered as their bits are.
        let cell = (batch_size? as u64, rate.to_bits());
        let loss = Some(number(loss)?).filter(|loss| loss.is_finite()).unwrap_or(f64::INFINITY);
        grids.entry((parameters? as u64, tokens? as u64)).or_default().insert(cell, loss);
    }
    let all = grids.len();
    let grids: Vec<Grid> = grids.into_iter().map(|(key, cells)| Grid::of(key, &cells)).collect();
    let large: Vec<Grid> = grids.into_iter().filter(Grid::is_large).collect();
    let small = all - large.len();
    Ok((large, small))
}

impl Grid {
    fn of((parameters, tokens): (u64, u64), cells: &BTreeMap<(u64, u64), f64>) -> Self {
        let mut batch_sizes: Vec<u64> = cells.keys().map(|(size, _)| *size).collect();
        batch_sizes.dedup();
        let mut rates: Vec<u64> = cells.keys().map(|(_, rate)| *rate).collect();
        rates.sort_unstable();
        rates.dedup();
        let row = |size: u64| {
            rates.iter().map(|&rate| cells.get(&(size, rate)).copied().unwrap_or(f64::INFINITY)).collect()
        };
        Self {
            name: format!("{parameters} parameters, {tokens} tokens"),
            losses: batch_sizes.iter().map(|&size| row(size)).collect(),
            batch_sizes,
            rates: rates.into_iter().map(f64::from_bits).collect(),
        }
    }

    fn is_large(&self) -> bool {
        self.batch_sizes.len() >= FEWEST.0 && self.rates.len() >= FEWEST.1 && self.least().is_finite()
    }

    /// All of its cells, those that diverged included.
    pub fn cells(&self) -> usize {
        self.batch_sizes.len() * self.rates.len()
    }

    /// The loss of a cell of its space; infinite outside.
    pub fn loss(&self, cell: Cell) -> f64 {
        let rate = usize::try_from(cell.rate).ok();
        let loss = rate.and_then(|rate| self.losses.get(cell.row)?.get(rate));
        loss.copied().unwrap_or(f64::INFINITY)
    }

    /// The least loss.
    pub fn least(&self) -> f64 {
        self.losses.iter().flatten().copied().fold(f64::INFINITY, f64::min)
    }

    /// As a space to search, with so many seeds.
    pub fn space(&self, seeds: u64) -> Space {
        let rows = self.batch_sizes.iter().map(|&size| (size, self.rates.clone()));
        Space::new(vec![Vec::new()], rows.collect(), (0..seeds).collect(), 0)
    }
}
