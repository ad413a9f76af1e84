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

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Goal {
    /// The best learning rate of every batch size, between two that are worse.
    Rows,
    /// The best cell of the grid, whatever its batch size.
    Best,
    /// Nothing in particular: every cell is trained.
    #[default]
    All,
}

impl Goal {
    /// All words for it, in the sweep file's order.
    pub const ALL: [(&'static str, Self); 3] =
        [("rows", Self::Rows), ("best", Self::Best), ("all", Self::All)];

    /// The word for it in the sweep file and in SQL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Best => "best",
            Self::All => "all",
        }
    }
}

/// How many of the grid's seeds each chosen cell gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SeedRule {
    /// All of them.
    #[default]
    All,
    /// One first, and more only for cells that matter and cannot be distinguished yet.
    Decide,
}

impl SeedRule {
    /// All words for it, in the sweep file's order.
    pub const ALL: [(&'static str, Self); 2] = [("all", Self::All), ("decide", Self::Decide)];

    /// The word for it in the sweep file and in SQL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Decide => "decide",
        }
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
    }

    #[test]
    fn each_word_reads_back() {
        assert!(Goal::ALL.into_iter().all(|(word, goal)| goal.word() == word));
        assert!(SeedRule::ALL.into_iter().all(|(word, rule)| rule.word() == word));
    }
}
