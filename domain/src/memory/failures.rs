//! Micro-batches that ran out of memory.

use std::collections::BTreeMap;

/// Micro-batches that ran out of memory, each with the room that it was given: the bytes that were left for what grows
/// with the micro-batch. It takes more than that; what it does with a larger room, nobody knows yet.
///
/// Of two failures, the one of a smaller (or equal) micro-batch in a larger (or equal) room says all that the other one
/// does, so only failures are kept that say something of their own: rooms rise with the micro-batch. What is kept does
/// not depend on the order in which failures were met.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    rooms: BTreeMap<u64, u64>,
}

impl Failures {
    /// A micro-batch ran out of memory with `room` bytes.
    pub fn record(&mut self, micro_batch: u64, room: u64) {
        let said_before =
            self.rooms.range(..=micro_batch).next_back().is_some_and(|(_, &known)| known >= room);
        if said_before {
            return;
        }
        self.rooms.retain(|&other, known| other < micro_batch || *known > room);
        self.rooms.insert(micro_batch, room);
    }

    /// The smallest micro-batch that is known to need more than `room` bytes.
    #[must_use]
    pub fn smallest(&self, room: u64) -> Option<u64> {
        self.rooms.iter().find(|&(_, &known)| known >= room).map(|(&micro_batch, _)| micro_batch)
    }

    /// Micro-batches and their rooms, both rising.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.rooms.iter().map(|(&micro_batch, &room)| (micro_batch, room))
    }

    /// Adds what others met.
    pub fn merge(&mut self, others: &Self) {
        others.iter().for_each(|(micro_batch, room)| self.record(micro_batch, room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_failure_in_a_small_room_says_nothing_about_a_larger_one() {
        let mut failures = Failures::default();
        failures.record(64, 1000);
        assert_eq!(failures.smallest(1000), Some(64));
        assert_eq!(failures.smallest(500), Some(64));
        assert_eq!(failures.smallest(1001), None);
        failures.record(256, 5000);
        assert_eq!((failures.smallest(1000), failures.smallest(5000)), (Some(64), Some(256)));
    }

    proptest! {
        #[test]
        fn the_answer_is_that_of_all_failures_together(
            met in prop::collection::vec((1u64..50, 0u64..50), 0..20),
            room in 0u64..50,
        ) {
            let mut failures = Failures::default();
            met.iter().for_each(|&(micro_batch, room)| failures.record(micro_batch, room));
            let all = met.iter().filter(|&&(_, known)| known >= room).map(|&(micro_batch, _)| micro_batch).min();
            prop_assert_eq!(failures.smallest(room), all);
        }
    }
}
