//! What to do after a trainer was killed by signal 9: most likely the host ran out of memory, which no budget of the device
//! sees coming. The next attempt takes smaller micro-batches.

/// A micro-batch that was in use, known or not, when a trial of this batch size was killed; in order of the attempts.
///
/// Each kill halves what was in use. Where that is not known, because it happened before the first step, what was allowed
/// is quartered: probing starts low, and something large was being tried. `None` where nothing was killed.
#[must_use]
pub fn micro_batch_cap(batch_size: u64, killed_at: &[Option<u64>]) -> Option<u64> {
    let smaller = |cap: u64, killed_at: &Option<u64>| match killed_at {
        Some(micro_batch) => cap.min(micro_batch / 2).max(1),
        None => (cap / 4).max(1),
    };
    (!killed_at.is_empty()).then(|| killed_at.iter().fold(batch_size, smaller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kill_halves_what_was_in_use_and_quarters_what_is_unknown() {
        assert_eq!(micro_batch_cap(1024, &[]), None);
        assert_eq!(micro_batch_cap(1024, &[Some(512)]), Some(256));
        assert_eq!(micro_batch_cap(1024, &[Some(512), Some(256)]), Some(128));
        assert_eq!(micro_batch_cap(1024, &[None]), Some(256));
        assert_eq!(micro_batch_cap(1024, &[None, None]), Some(64));
        assert_eq!(micro_batch_cap(2, &[Some(1), None]), Some(1));
    }
}
