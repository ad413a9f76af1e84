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

/// What is done with a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is trained.
    Begin,
    /// It runs, and is ended.
    Stop,
}

impl Action {
    /// All words for it.
    pub const ALL: [(&'static str, Self); 2] = [("begin", Self::Begin), ("stop", Self::Stop)];

    /// The word for it in SQL.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Stop => "stop",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $sentence:literal;)+) => {
        /// Why something was decided.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant),+ }

        impl Reason {
            /// All words for it.
            pub const ALL: [(&'static str, Self); [$($word),+].len()] = [$(($word, Self::$variant)),+];

            /// The word for it in SQL.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        /// A sentence for people.
        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $sentence),+ })
            }
        }
    };
}

reasons! {
    /// The goal is all cells.
    EveryCell = "every_cell", "every cell of the grid is trained";
    /// Nothing, or little, is known of the middle row.
    Scan = "scan", "a coarse scan of the middle batch size comes first";
    /// A row begins where its neighbour ended.
    Start = "start", "this batch size starts at the best learning rate of a neighbouring one";
    /// The best of a row is not bounded on this side.
    Bracket = "bracket", "the best learning rate of this batch size needs a worse one on either side";
    /// All rates tried in this row diverged or failed.
    Retreat = "retreat", "no learning rate tried so far at this batch size has a score";
    /// As [`Reason::Bracket`], past the edge of the grid.
    Extend = "extend", "the best learning rate sits on the edge of the grid, so the axis grows";
    /// The curve through all rows lets expect a better rate here.
    Shape = "shape", "by the shape of all batch sizes together, a better learning rate may lie here";
    /// The goal is the best cell, and a batch size near it was not tried.
    Probe = "probe", "a batch size near the best one has not been tried";
    /// The goal is the best cell, and the surface through what is known is low here.
    Surface = "surface", "by the surface through the trials so far, the best cell may lie here";
    /// Too few seeds to distinguish this cell from another.
    Seed = "seed", "this cell and the best one cannot be distinguished yet";
    /// The cell was chosen, and each chosen cell gets every seed.
    Repeat = "repeat", "each chosen cell is trained with every seed";
    /// A worker would idle otherwise.
    Ahead = "ahead", "a worker is free, and this cell is likely to be needed";
    /// A running trial is ended.
    Hopeless = "hopeless", "it can no longer become the best of its batch size";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_word_and_a_sentence_of_its_own() {
        let mut sentences: Vec<String> = Reason::ALL.iter().map(|(_, reason)| reason.to_string()).collect();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), Reason::ALL.len());
        assert!(Reason::ALL.into_iter().all(|(word, reason)| reason.word() == word));
        assert!(Action::ALL.into_iter().all(|(word, action)| action.word() == word));
    }
}
