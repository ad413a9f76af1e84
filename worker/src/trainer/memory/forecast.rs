//! From what is known of micro-batches to what a split takes, and back from what a split took.
//!
//! What is known of a micro-batch is known with as many examples sent ahead as it has itself, since it does not depend on
//! the length of an epoch then. Here that is put right for the examples that are really sent ahead.

use domain::AccumulationPlan;
use domain::memory::{KnownMemory, MicroBatchSearch};

use crate::trainer::data::Feed;

/// Bytes of examples ahead that an epoch does not have behind a micro-batch of this size at its beginning.
pub fn missing_ahead(feed: &Feed, examples: u64) -> u64 {
    feed.ahead_bytes(examples.saturating_sub(feed.left_after(examples)))
}

/// What a split of an epoch's first batch takes that grows with its micro-batches, as far as anything is known.
pub fn grown(known: &KnownMemory, feed: &Feed, split: AccumulationPlan) -> Option<u64> {
    let steps = feed.micro_batches(0, split).enumerate();
    let mut kinds: Vec<_> = steps.map(|(index, (size, ahead))| (index == 0, size, ahead)).collect();
    kinds.dedup();
    let takes = kinds.into_iter().filter_map(|(is_first, size, ahead)| {
        let search = if is_first { &known.whole } else { &known.accumulated };
        let bytes = search.envelope().predict(size)? + feed.ahead_bytes(ahead);
        Some(bytes.saturating_sub(feed.ahead_bytes(size)))
    });
    takes.max()
}

/// Whether what a split takes was measured, not predicted from sizes around it.
pub fn is_measured(known: &KnownMemory, split: AccumulationPlan) -> bool {
    let measured = |search: &MicroBatchSearch, size| search.envelope().measured(size).is_some();
    measured(&known.whole, split.micro_batch())
        && split.sizes().nth(1).is_none_or(|second| measured(&known.accumulated, second))
}

/// Notes that training in this split took so much; which of its micro-batches did, only it knows, so it is told of the
/// one that mostly does.
pub fn record_peak(known: &mut KnownMemory, feed: &Feed, split: AccumulationPlan, grown: u64) {
    let mut steps = feed.micro_batches(0, split);
    let (first, second) = (steps.next(), steps.next());
    let Some((size, ahead)) = second.or(first) else { return };
    let bytes = (grown + feed.ahead_bytes(size)).saturating_sub(feed.ahead_bytes(ahead));
    let search = if second.is_some() { &mut known.accumulated } else { &mut known.whole };
    search.record_fit(size, bytes);
}

/// Notes that training in this split ran out of memory with this room.
pub fn record_failure(known: &mut KnownMemory, feed: &Feed, split: AccumulationPlan, room: u64) {
    let first = split.micro_batch();
    match split.accumulation_steps() {
        1 => known.record_whole_failure(first, room + missing_ahead(feed, first)),
        _ => known.accumulated.record_failure(first, room),
    }
}
