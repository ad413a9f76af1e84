//! `[search]`.

use domain::spec::{Goal, SearchSpec, SeedRule};

use crate::convert::{Wire, WireError, word};
use crate::v1;

impl Wire for SearchSpec {
    type Message = v1::SearchSpec;

    fn to_wire(&self) -> v1::SearchSpec {
        v1::SearchSpec {
            goal: self.goal.word().to_owned(),
            extend: self.extend,
            seeds: self.seeds.word().to_owned(),
            stop: self.stop,
            max_trials: self.max_trials,
        }
    }

    fn from_wire(message: v1::SearchSpec) -> Result<Self, WireError> {
        Ok(Self {
            goal: word("search.goal", &Goal::ALL, &message.goal)?,
            extend: message.extend,
            seeds: word("search.seeds", &SeedRule::ALL, &message.seeds)?,
            stop: message.stop,
            max_trials: message.max_trials,
        })
    }
}
