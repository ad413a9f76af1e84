//! What is known of one kind of trial's memory, whoever found it out.

use super::MicroBatchSearch;

/// Peaks and failures of trials that take the same memory at the same micro-batch, in bytes that grow with it (batch
/// and activations).
///
/// What several workers know is put together by [`KnownMemory::merge`], in any order and any number of times: it is
/// commutative, associative and idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownMemory {
    /// Of batches trained whole: gradients come into being during the only backward.
    pub whole: MicroBatchSearch,
    /// Of batches that are split: gradients are there when a micro-batch begins.
    pub accumulated: MicroBatchSearch,
}

impl KnownMemory {
    /// Adds what others know.
    pub fn merge(&mut self, others: &Self) {
        self.whole.merge(&others.whole);
        self.accumulated.merge(&others.accumulated);
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.accumulated.is_empty()
    }

    /// A batch of `micro_batch` examples ran out of memory, alone, with `room` bytes for what grows: so it would have as
    /// the first micro-batch of a larger batch.
    pub fn record_whole_failure(&mut self, micro_batch: u64, room: u64) {
        self.whole.record_failure(micro_batch, room);
        self.accumulated.record_failure(micro_batch, room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_search() -> impl Strategy<Value = MicroBatchSearch> {
        let points = prop::collection::vec((1u64..20, 0u64..1000), 0..6);
        let failures = prop::collection::vec((1u64..20, 0u64..1000), 0..6);
        (points, failures).prop_map(|(points, failures)| {
            let mut search = MicroBatchSearch::default();
            points.into_iter().for_each(|(micro_batch, bytes)| search.record_fit(micro_batch, bytes));
            failures.into_iter().for_each(|(micro_batch, room)| search.record_failure(micro_batch, room));
            search
        })
    }

    fn any_known() -> impl Strategy<Value = KnownMemory> {
        (any_search(), any_search()).prop_map(|(whole, accumulated)| KnownMemory { whole, accumulated })
    }

    fn merged(known: &KnownMemory, others: &KnownMemory) -> KnownMemory {
        let mut both = known.clone();
        both.merge(others);
        both
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in any_known(), b in any_known(), c in any_known()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a.clone());
            prop_assert_eq!(merged(&merged(&a, &b), &b), merged(&a, &b));
            prop_assert_eq!(merged(&a, &KnownMemory::default()), a);
        }
    }
}
