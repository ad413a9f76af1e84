//! What differs between trials that differ in their seed alone.

use std::fmt;
use std::str::FromStr;

/// What the seed of a trial sets. Random numbers that a module of the user's own draws itself, as dropout does, are not
/// counted: whether it draws any is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeedSets {
    /// The examples: they are made from it.
    pub data: bool,
    /// The initial weights.
    pub weights: bool,
    /// The order of the examples, and so which of them share a batch.
    pub order: bool,
}

/// The word for a seed that sets nothing.
const NOTHING: &str = "nothing";

impl SeedSets {
    /// The words for what it sets, as column `seed_sets` has them.
    fn words(self) -> impl Iterator<Item = &'static str> {
        let words = [("data", self.data), ("weights", self.weights), ("order", self.order)];
        words.into_iter().filter_map(|(word, is_set)| is_set.then_some(word))
    }
}

impl fmt::Display for SeedSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.words().collect();
        f.pad(&if words.is_empty() { NOTHING.to_owned() } else { words.join(", ") })
    }
}

/// Words that do not say what a seed sets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say what a seed sets")]
pub struct UnknownSeedSets(String);

impl FromStr for SeedSets {
    type Err = UnknownSeedSets;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sets = Self { data: false, weights: false, order: false };
        for word in text.split(", ").filter(|word| *word != NOTHING) {
            match word {
                "data" => sets.data = true,
                "weights" => sets.weights = true,
                "order" => sets.order = true,
                _ => return Err(UnknownSeedSets(text.to_owned())),
            }
        }
        Ok(sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_reads_back() {
        for bits in 0..8 {
            let [data, weights, order] = [1, 2, 4].map(|bit| bits & bit > 0);
            let sets = SeedSets { data, weights, order };
            assert_eq!(sets.to_string().parse(), Ok(sets));
        }
        assert_eq!(SeedSets { data: false, weights: false, order: false }.to_string(), "nothing");
        assert!("colour".parse::<SeedSets>().is_err());
    }
}
