//! What may be trained: the cells of the grid, and those past its edges that `extend` allows.

use crate::spec::{GridSpec, SearchSpec, Value, round_to_digits};
use crate::units::{BatchSize, LearningRate};

/// A batch size and a learning rate of one group, by their places in a [`Space`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Which combination of the other axes.
    pub group: usize,
    /// Which batch size, the smallest first.
    pub row: usize,
    /// Which learning rate of the row, the smallest of the grid being 0; negative and past the last where the axis grew.
    pub rate: i32,
}

/// A cell with one of the grid's seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trial {
    /// What is trained.
    pub cell: Cell,
    /// Which seed, in the grid's order.
    pub seed: usize,
}

/// All that may be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    groups: Vec<Vec<(String, Value)>>,
    rows: Vec<Row>,
    seeds: Vec<u64>,
    extend: i32,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    batch_size: u64,
    /// Ascending.
    rates: Vec<f64>,
}

impl Space {
    /// The cells of a grid. What the check of a sweep refuses is left out.
    #[must_use]
    pub fn of(grid: &GridSpec, extend: u32) -> Self {
        let rows = grid.batch_size.values().into_iter().filter_map(|size| BatchSize::try_new(size).ok());
        let rates = |size| {
            (0..grid.learning_rate.len()).filter_map(move |index| grid.learning_rate.value_at(size, index))
        };
        let groups = grid.combinations().into_iter().map(|combination| {
            combination.into_iter().map(|(axis, value)| (axis.name(), value.clone())).collect()
        });
        let rows = rows.map(|size| (size.get(), rates(size).collect()));
        Self::new(groups.collect(), rows.collect(), grid.seed.clone(), extend)
    }

    /// Cells by their values: the values of the other axes for each group, and the learning rates of each batch size, in any
    /// order. Rates are given to each row by itself, since a scaling rule moves them; rates at the same place in their rows
    /// belong together.
    #[must_use]
    pub fn new(
        groups: Vec<Vec<(String, Value)>>,
        rows: Vec<(u64, Vec<f64>)>,
        seeds: Vec<u64>,
        extend: u32,
    ) -> Self {
        let rows = rows.into_iter().map(|(batch_size, rates)| {
            let mut rates: Vec<f64> =
                rates.into_iter().filter(|&rate| LearningRate::try_new(rate).is_ok()).collect();
            rates.sort_by(f64::total_cmp);
            rates.dedup();
            Row { batch_size, rates }
        });
        let mut rows: Vec<Row> = rows.filter(|row| !row.rates.is_empty()).collect();
        rows.sort_by_key(|row| row.batch_size);
        Self {
            groups,
            rows,
            seeds,
            extend: i32::try_from(extend.min(SearchSpec::FARTHEST)).unwrap_or_default(),
        }
    }

    /// How many combinations of the other axes there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// How many batch sizes there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many seeds there are.
    #[must_use]
    pub fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// How many learning rates of the grid this batch size has.
    #[must_use]
    pub fn rates(&self, row: usize) -> i32 {
        self.rows.get(row).map_or(0, |row| i32::try_from(row.rates.len()).unwrap_or(i32::MAX))
    }

    /// The first and the last rate that this batch size may be trained with, those past the edges included.
    #[must_use]
    pub fn reach(&self, row: usize) -> (i32, i32) {
        let count = self.rates(row);
        // One rate has no ratio to grow at.
        let extend = if count > 1 { self.extend } else { 0 };
        (-extend, count - 1 + extend)
    }

    /// Whether a rate lies past the edges of the grid.
    #[must_use]
    pub fn is_extension(&self, cell: Cell) -> bool {
        !(0..self.rates(cell.row)).contains(&cell.rate)
    }

    /// Examples an optimizer step; 0 for no row of this space.
    #[must_use]
    pub fn batch_size(&self, row: usize) -> u64 {
        self.rows.get(row).map_or(0, |row| row.batch_size)
    }

    /// The learning rate of a cell; `None` outside the space. Past an edge it follows the axis's own ratio, to 6 significant
    /// digits: of the whole axis where that is even, else of the two rates at that edge.
    #[must_use]
    pub fn learning_rate(&self, cell: Cell) -> Option<f64> {
        let (low, high) = self.reach(cell.row);
        if !(low..=high).contains(&cell.rate) {
            return None;
        }
        let rates = &self.rows.get(cell.row)?.rates;
        if let Ok(place) = usize::try_from(cell.rate)
            && let Some(&rate) = rates.get(place)
        {
            return Some(rate);
        }
        let (first, last) = (*rates.first()?, *rates.last()?);
        let (edge, steps, at_edge) = if cell.rate < 0 {
            (first, cell.rate, rates.get(1)? / first)
        } else {
            (last, cell.rate - self.rates(cell.row) + 1, last / rates.get(rates.len() - 2)?)
        };
        let whole = (last / first).powf(1.0 / (rates.len() - 1) as f64);
        let is_even = (at_edge / whole - 1.0).abs() < 0.01;
        let ratio = if is_even { whole } else { at_edge };
        let rate = round_to_digits(edge * ratio.powi(steps), 6);
        LearningRate::try_new(rate).ok().map(LearningRate::get)
    }

    /// The seed of a trial; `None` outside the space.
    #[must_use]
    pub fn seed(&self, trial: Trial) -> Option<u64> {
        self.seeds.get(trial.seed).copied()
    }

    /// The values of the other axes of a group.
    #[must_use]
    pub fn axes(&self, group: usize) -> &[(String, Value)] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// The trial with these values, if the space has it.
    #[must_use]
    pub fn find(&self, axes: &[(String, Value)], batch_size: u64, rate: f64, seed: u64) -> Option<Trial> {
        let group = self.groups.iter().position(|group| group == axes)?;
        let row = self.rows.iter().position(|row| row.batch_size == batch_size)?;
        let seed = self.seeds.iter().position(|&other| other == seed)?;
        let (low, high) = self.reach(row);
        let same = |found: f64| (found / rate - 1.0).abs() < 1e-9;
        let cells = (low..=high).map(|rate| Cell { group, row, rate });
        let mut found = cells.filter(|&cell| self.learning_rate(cell).is_some_and(same));
        Some(Trial { cell: found.next()?, seed })
    }

    /// The trials of a cell, in the order of seeds.
    pub fn trials(&self, cell: Cell) -> impl Iterator<Item = Trial> + use<> {
        (0..self.seeds.len()).map(move |seed| Trial { cell, seed })
    }

    /// All cells of the grid, none past its edges, in the order in which they are best trained: batch sizes and rates of the
    /// middle first.
    #[must_use]
    pub fn grid(&self) -> Vec<Cell> {
        let from_middle = |place: usize, count: usize| (2 * place).abs_diff(count);
        let mut cells: Vec<Cell> = Vec::new();
        for group in 0..self.groups.len() {
            for row in 0..self.rows.len() {
                cells.extend((0..self.rates(row)).map(|rate| Cell { group, row, rate }));
            }
        }
        cells.sort_by_key(|cell| {
            let rate = usize::try_from(cell.rate).unwrap_or_default();
            let rates = usize::try_from(self.rates(cell.row)).unwrap_or_default();
            (from_middle(rate, rates), from_middle(cell.row, self.rows.len()), *cell)
        });
        cells
    }

    /// Where a batch size lies, in factors of two.
    pub(super) fn octaves(&self, row: usize) -> f64 {
        (self.batch_size(row).max(1) as f64).log2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(rates: &[f64], extend: u32) -> Space {
        Space::new(vec![Vec::new()], vec![(64, rates.to_vec()), (8, rates.to_vec())], vec![5, 6], extend)
    }

    fn rates(space: &Space) -> Vec<f64> {
        let (low, high) = space.reach(0);
        (low..=high).filter_map(|rate| space.learning_rate(Cell { group: 0, row: 0, rate })).collect()
    }

    #[test]
    fn an_axis_grows_at_its_own_ratio() {
        assert_eq!(rates(&space(&[0.1, 0.01, 1.0], 2)), [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0]);
        // A list of uneven ratios goes on as it ends.
        assert_eq!(rates(&space(&[0.1, 0.2, 0.8], 1)), [0.05, 0.1, 0.2, 0.8, 3.2]);
        assert_eq!(rates(&space(&[0.1], 3)), [0.1]);
    }

    #[test]
    fn trials_are_found_by_their_values() {
        let space = space(&[0.1, 0.2, 0.4], 1);
        let cell = Cell { group: 0, row: 1, rate: 3 };
        assert_eq!(space.find(&[], 64, 0.8, 6), Some(Trial { cell, seed: 1 }));
        assert_eq!(space.find(&[], 64, 1.6, 6), None);
        assert_eq!(space.find(&[], 32, 0.1, 6), None);
        assert_eq!((space.batch_size(0), space.batch_size(1)), (8, 64));
        assert!(space.is_extension(cell) && !space.is_extension(Cell { rate: 2, ..cell }));
    }

    #[test]
    fn the_middle_of_the_grid_comes_first() {
        let cells = space(&[0.1, 0.2, 0.4], 2).grid();
        assert_eq!(cells.len(), 6);
        assert_eq!(cells[0], Cell { group: 0, row: 1, rate: 1 });
    }
}
