//! What the numbers of targets are, gathered piece by piece.

use std::collections::HashSet;

use domain::problem::{IGNORED, Integers, TargetValues};

use super::column::{Column, Storage};

/// Of the targets so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    different: HashSet<i64>,
    ignored: u64,
    others_than_0_and_1: bool,
}

impl Seen {
    /// Adds some targets.
    pub fn add(&mut self, targets: &Column) {
        if !targets.storage.holds_integers() {
            self.others_than_0_and_1 |= !targets.all_0_or_1();
            return;
        }
        for number in targets.integers() {
            if number == IGNORED {
                self.ignored += 1;
            } else {
                self.different.insert(number);
            }
        }
    }

    /// What they are, stored in this way.
    pub fn values(&self, storage: Storage) -> TargetValues {
        if !storage.holds_integers() {
            return TargetValues::Numbers { all_0_or_1: !self.others_than_0_and_1 };
        }
        TargetValues::Integers(Integers {
            least: self.different.iter().copied().min().unwrap_or(0),
            largest: self.different.iter().copied().max().unwrap_or(0),
            different: self.different.len() as u64,
            ignored: self.ignored,
        })
    }
}
