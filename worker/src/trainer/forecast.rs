//! From what is known of micro-batches to what a split takes, and back from what a split took.
//!
//! What is known of a micro-batch is known with as many examples sent ahead as it has itself, since it does not depend on
//! the length of an epoch then. Here that is put right for the examples that are really sent ahead.

use domain::AccumulationPlan;
use domain::memory::{KnownMemory, MicroBatchSearch};

use super::data::Feed;

/// Bytes of examples ahead that an epoch does not have behind a micro-batch of this size at its beginning.
pub fn missing_ahead(feed: &Feed, examples: u64) -> u64 {
    feed.ahead_bytes(examples.saturating_sub(feed.left_after(examples)))
}

/// What a split takes that grows with its micro-batches, as far as anything is known.
pub fn grown(known: &KnownMemory, feed: &Feed, split: AccumulationPlan) -> Option<u64> {
    let first = split.micro_batch();
    let whole = known.whole.envelope().predict(first);
    let Some(second) = split.sizes().nth(1) else {
        return whole.map(|bytes| bytes.saturating_sub(missing_ahead(feed, first)));
    };
    let (before, after) = ahead_of(feed, split, second);
    let whole = whole.map(|bytes| bytes.saturating_sub(before));
    whole.max(known.accumulated.envelope().predict(second).map(|bytes| bytes + after))
}

/// Bytes ahead that the first micro-batch of a split has less, and the second one more, than is known of them.
fn ahead_of(feed: &Feed, split: AccumulationPlan, second: u64) -> (u64, u64) {
    let more = feed.ahead_bytes(split.micro_batch() - second);
    let is_last_batch = feed.left_after(split.batch_size()) == 0;
    (more, if is_last_batch { 0 } else { more })
}

/// Whether what a split takes was measured, not predicted from sizes around it.
pub fn is_measured(known: &KnownMemory, split: AccumulationPlan) -> bool {
    let measured = |search: &MicroBatchSearch, size| search.envelope().measured(size).is_some();
    measured(&known.whole, split.micro_batch())
        && split.sizes().nth(1).is_none_or(|second| measured(&known.accumulated, second))
}

/// Notes that training in this split took so much.
pub fn record_peak(known: &mut KnownMemory, feed: &Feed, split: AccumulationPlan, grown: u64) {
    match split.sizes().nth(1) {
        None => {
            let first = split.micro_batch();
            known.whole.record_fit(first, grown + missing_ahead(feed, first));
        }
        Some(second) => {
            let (_, after) = ahead_of(feed, split, second);
            known.accumulated.record_fit(second, grown.saturating_sub(after));
        }
    }
}

/// Notes that training in this split ran out of memory with this room.
pub fn record_failure(known: &mut KnownMemory, feed: &Feed, split: AccumulationPlan, room: u64) {
    let first = split.micro_batch();
    match split.accumulation_steps() {
        1 => known.record_whole_failure(first, room + missing_ahead(feed, first)),
        _ => known.accumulated.record_failure(first, room),
    }
}
