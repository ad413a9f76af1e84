//! `[search]`: which cells of the grid are trained, and in how many repeats.

/// How trials are chosen. Without it every cell is trained with every seed, which is also the default of each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchSpec {
    /// What is looked for.
    pub goal: Goal,
    /// Points by which an axis of learning rates may grow past either edge, at its own ratio, where the best rate sits on the
    /// edge.
    pub extend: u32,
    /// How many of the grid's seeds each chosen cell gets.
    pub seeds: SeedRule,
    /// Whether a running trial ends once it can no longer become the best of its row.
    pub stop: bool,
    /// The most trials that are begun, those that fail included; `None` for no limit but the grid's.
    pub max_trials: Option<u64>,
}

impl SearchSpec {
    /// The farthest that an axis may grow past an edge, in points: at a ratio of two that is a factor of 10^19.
    pub const FARTHEST: u32 = 64;

    /// Whether trials are chosen at all: without it, the grid is trained as it is.
    #[must_use]
    pub fn is_search(&self) -> bool {
        *self != Self::default()
    }
}

words! {
    /// What is looked for.
    #[derive(Default)]
    Goal {
        /// The best learning rate of every batch size, between two that are worse.
        Rows = "rows",
        /// The best cell of the grid, whatever its batch size.
        Best = "best",
        /// Nothing in particular: every cell is trained.
        #[default]
        All = "all",
    }
}

words! {
    /// How many of the grid's seeds each chosen cell gets.
    #[derive(Default)]
    SeedRule {
        /// All of them.
        #[default]
        All = "all",
        /// One first, and more only for cells that matter and cannot be distinguished yet.
        Decide = "decide",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_every_cell_is_trained_with_every_seed() {
        let spec = SearchSpec::default();
        assert_eq!((spec.goal, spec.seeds), (Goal::All, SeedRule::All));
        assert_eq!((spec.extend, spec.stop, spec.max_trials), (0, false, None));
        assert!(!spec.is_search() && SearchSpec { max_trials: Some(60), ..spec }.is_search());
    }
}
