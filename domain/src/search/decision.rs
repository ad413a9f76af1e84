//! What the search decides, and why: one row of view `decision`.

use std::fmt;

use super::space::Trial;

/// One decision. It is final: a trial is begun once, and stopped once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The trial that it is done with.
    pub trial: Trial,
    /// Why.
    pub reason: Reason,
    /// The trials whose results led to it, in the order of their places; those with which the search would have decided
    /// otherwise. Empty where nothing was known.
    pub because: Vec<Trial>,
}

words! {
    /// What is done with a trial.
    Action {
        /// It is trained.
        Begin = "begin",
        /// It runs, and is ended.
        Stop = "stop",
        /// It is not trained: see [`super::Skip`].
        Skip = "skip",
    }
}

words! {
    /// Why something was decided.
    Reason {
        /// The goal is all cells.
        EveryCell = "every_cell",
        /// Nothing, or little, is known of the middle row.
        Scan = "scan",
        /// A row begins where its neighbour ended.
        Start = "start",
        /// The best of a row is not bounded on this side.
        Bracket = "bracket",
        /// All rates tried in this row diverged or failed.
        Retreat = "retreat",
        /// As [`Reason::Bracket`], past the edge of the grid.
        Extend = "extend",
        /// The curve through all rows lets expect a better rate here.
        Shape = "shape",
        /// The goal is the best cell, and a batch size near it was not tried.
        Probe = "probe",
        /// The goal is the best cell, and the surface through what is known is low here.
        Surface = "surface",
        /// Too few seeds to distinguish this cell from another.
        Seed = "seed",
        /// The cell was chosen, and each chosen cell gets every seed.
        Repeat = "repeat",
        /// A worker would idle otherwise.
        Ahead = "ahead",
        /// A running trial is ended.
        Hopeless = "hopeless",
    }
}

/// A sentence for people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EveryCell => "every cell of the grid is trained",
            Self::Scan => "a coarse scan of the middle batch size comes first",
            Self::Start => "this batch size starts at the best learning rate of a neighbouring one",
            Self::Bracket => "the best learning rate of this batch size needs a worse one on either side",
            Self::Retreat => "no learning rate tried so far at this batch size has a score",
            Self::Extend => "the best learning rate sits on the edge of the grid, so the axis grows",
            Self::Shape => "by the shape of all batch sizes together, a better learning rate may lie here",
            Self::Probe => "a batch size near the best one has not been tried",
            Self::Surface => "by the surface through the trials so far, the best cell may lie here",
            Self::Seed => "this cell and the best one cannot be distinguished yet",
            Self::Repeat => "each chosen cell is trained with every seed",
            Self::Ahead => "a worker is free, and this cell is likely to be needed",
            Self::Hopeless => "it can no longer become the best of its batch size",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_sentence_of_its_own() {
        let mut sentences: Vec<String> = Reason::ALL.iter().map(|(_, reason)| reason.to_string()).collect();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), Reason::ALL.len());
    }
}
