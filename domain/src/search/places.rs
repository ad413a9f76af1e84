//! Trials by their places in the grid, which is what the database calls them by.

use super::space::{Cell, Space, Trial};
use crate::grid;
use crate::spec::GridSpec;

/// From places in the grid to trials, and back. The trials of the grid come first, in the order of [`crate::expand`]; those past
/// its edges follow, each at a place of its own, whether it is trained or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Places {
    /// Row and rate of each cell of a group, in the grid's order.
    cells: Vec<(usize, i32)>,
    groups: usize,
    seeds: usize,
}

impl Places {
    pub fn of(grid: &GridSpec, space: &Space) -> Self {
        let typed = grid::cells(grid).into_iter().filter_map(|(batch_size, rate)| {
            let row = (0..space.rows()).find(|&row| space.batch_size(row) == batch_size.get())?;
            let is_it =
                |place: &i32| space.learning_rate(Cell { group: 0, row, rate: *place }) == Some(rate.get());
            Some((row, (0..space.rates(row)).find(is_it)?))
        });
        let past_the_edges = (0..space.rows()).flat_map(|row| {
            let (low, high) = space.reach(row);
            let of_grid = 0..space.rates(row);
            (low..=high).filter(move |rate| !of_grid.contains(rate)).map(move |rate| (row, rate))
        });
        let cells = typed.chain(past_the_edges).collect();
        Self { cells, groups: space.groups(), seeds: space.seeds() }
    }

    /// The place of a trial; `None` outside the space.
    pub fn place(&self, space: &Space, trial: Trial) -> Option<u64> {
        let Trial { cell: Cell { group, row, rate }, seed } = trial;
        let cell = self.cells.iter().position(|&cell| cell == (row, rate))?;
        let of_grid = self.of_grid(space);
        // Within the grid as well as past its edges, seeds count slowest and groups fastest.
        let (first, cell, cells) = match cell.checked_sub(of_grid) {
            None => (0, cell, of_grid),
            Some(past) => (of_grid * self.groups * self.seeds, past, self.cells.len() - of_grid),
        };
        (group < self.groups && seed < self.seeds)
            .then(|| (first + (seed * cells + cell) * self.groups + group) as u64)
    }

    /// The trial at a place; `None` past the last.
    pub fn trial(&self, space: &Space, place: u64) -> Option<Trial> {
        let place = usize::try_from(place).ok()?;
        let of_grid = self.of_grid(space);
        let all_of_grid = of_grid * self.groups * self.seeds;
        let (place, first, cells) = match place.checked_sub(all_of_grid) {
            None => (place, 0, of_grid),
            Some(past) => (past, of_grid, self.cells.len() - of_grid),
        };
        let of_seed = cells.checked_mul(self.groups).filter(|&count| count > 0)?;
        let (seed, of_seed) = (place / of_seed, place % of_seed);
        let &(row, rate) = self.cells.get(first + of_seed / self.groups)?;
        let cell = Cell { group: of_seed % self.groups, row, rate };
        (seed < self.seeds).then_some(Trial { cell, seed })
    }

    /// How many cells of a group are of the grid.
    fn of_grid(&self, space: &Space) -> usize {
        let past = self
            .cells
            .iter()
            .rev()
            .take_while(|&&(row, rate)| space.is_extension(Cell { group: 0, row, rate }));
        self.cells.len() - past.count()
    }
}
