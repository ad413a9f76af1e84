//! The search for the largest micro-batch that fits: probe, predict, verify, bisect.

use super::{Envelope, Failures};

/// What is known about one kind of trial's memory (same model, shapes, precision, optimizer, device), and what to try
/// next. Pure: the trainer runs the probes and records what they gave.
///
/// Batch size, learning rate and budget do not enter, so one search serves a whole fleet, growing as trials ask for
/// more.
///
/// What it finds depends on the memory that steps really take, not on what happens to be known of it: as long as that
/// rises with the micro-batch and bends upwards only, every search ends at the same size, after more probes or fewer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MicroBatchSearch {
    envelope: Envelope,
    failures: Failures,
}

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run a step at this micro-batch and record it.
    Probe(u64),
    /// This is the largest micro-batch that fits, up to the one that was wanted.
    Fits(u64),
    /// Not even one example fits.
    Infeasible,
}

/// Share by which an unmeasured size may be off and still be taken without a probe.
const CERTAIN: f64 = 0.005;

impl MicroBatchSearch {
    /// A probe fitted, and took these bytes (batch + activations).
    pub fn record_fit(&mut self, micro_batch: u64, bytes: u64) {
        self.envelope.record(micro_batch, bytes);
    }

    /// A probe, or a training step, ran out of memory with `room` bytes for its batch and activations.
    pub fn record_failure(&mut self, micro_batch: u64, room: u64) {
        self.failures.record(micro_batch, room);
    }

    /// Adds what others measured and met.
    pub fn merge(&mut self, others: &Self) {
        self.envelope.merge(&others.envelope);
        self.failures.merge(&others.failures);
    }

    /// What was measured so far.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What ran out of memory so far.
    #[must_use]
    pub fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.envelope.points().next().is_none() && self.failures.iter().next().is_none()
    }

    /// The smallest micro-batch that is known to take more than `room` bytes.
    #[must_use]
    pub fn smallest_over(&self, room: u64) -> Option<u64> {
        let measured = self.envelope.points().find(|&(_, bytes)| bytes > room).map(|(size, _)| size);
        [self.failures.smallest(room), measured].into_iter().flatten().min()
    }

    /// What to do to find the largest micro-batch of at most `wanted` examples whose batch and activations take
    /// at most `limit` bytes.
    ///
    /// Sizes double from 1 until the slope is steady, then jump to where the limit is expected; after a failure
    /// the bracket (fits, fails) shrinks with each probe, so the search ends.
    #[must_use]
    pub fn next(&self, wanted: u64, limit: Option<u64>) -> Next {
        let allowed = |bytes: u64| limit.is_none_or(|limit| bytes <= limit);
        let fail = self.smallest_over(limit.unwrap_or(u64::MAX)).unwrap_or(u64::MAX).min(wanted + 1);
        let fit =
            self.envelope.points().map(|(size, _)| size).take_while(|&size| size < fail).last().unwrap_or(0);
        if fail - fit <= 1 {
            return if fit == 0 { Next::Infeasible } else { Next::Fits(fit) };
        }
        if fit == 0 {
            return Next::Probe(if self.envelope.points().next().is_none() { 1 } else { (fail / 2).max(1) });
        }
        if fail > wanted && self.is_certain(wanted) && self.envelope.predict(wanted).is_some_and(allowed) {
            return Next::Fits(wanted);
        }
        Next::Probe(self.guess(fit, fail, fail <= wanted, limit).clamp(fit + 1, fail - 1))
    }

    fn is_certain(&self, micro_batch: u64) -> bool {
        self.envelope.uncertainty(micro_batch).is_some_and(|uncertainty| uncertainty <= CERTAIN)
    }

    /// Where to look between a size that fits and one that does not (or was not asked for).
    fn guess(&self, fit: u64, fail: u64, failed: bool, limit: Option<u64>) -> u64 {
        let expected =
            limit.map_or(Some(fail - 1), |limit| self.envelope.largest_within(limit)).unwrap_or(fail - 1);
        let middle = fit + (fail - fit) / 2;
        // Below a steep end the chord predicts sizes just above the last one, again and again.
        let hardly_moved = self
            .envelope
            .points()
            .map(|(size, _)| size)
            .take_while(|&size| size < fit)
            .last()
            .is_some_and(|before| fit - before <= (fail - fit) / 4);
        if failed {
            // A failure gives no bytes to predict from: where the prediction would repeat it, halve instead.
            match expected {
                _ if expected >= fail || hardly_moved => middle,
                _ if expected <= fit => fit + 1,
                _ => expected,
            }
        } else if self.envelope.is_straight_at_the_end() {
            expected.max(fit + 1)
        } else {
            expected.min(2 * fit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs the search against a device that has `limit` bytes and a step that takes `truth(m)`.
    fn run(
        search: &mut MicroBatchSearch,
        wanted: u64,
        limit: u64,
        truth: impl Fn(u64) -> u64,
    ) -> (Next, u32) {
        let mut probes = 0;
        loop {
            match search.next(wanted, Some(limit)) {
                Next::Probe(size) => {
                    assert!((1..=wanted).contains(&size));
                    probes += 1;
                    if truth(size) <= limit {
                        search.record_fit(size, truth(size));
                    } else {
                        search.record_failure(size, limit);
                    }
                }
                done => return (done, probes),
            }
        }
    }

    #[test]
    fn a_batch_that_fits_is_taken_whole() {
        let mut search = MicroBatchSearch::default();
        assert_eq!(run(&mut search, 1024, u64::MAX, |m| 48 * m).0, Next::Fits(1024));
    }

    #[test]
    fn a_second_trial_of_the_same_kind_needs_no_probe() {
        let mut search = MicroBatchSearch::default();
        let truth = |m| 1000 + 48 * m;
        run(&mut search, 1024, 40_000, truth);
        assert_eq!(run(&mut search, 512, 40_000, truth), (Next::Fits(512), 0));
        assert_eq!(run(&mut search, 4096, 40_000, truth), (Next::Fits(812), 0));
    }

    #[test]
    fn nothing_fits_when_one_example_does_not() {
        assert_eq!(run(&mut MicroBatchSearch::default(), 1024, 10, |m| 48 * m), (Next::Infeasible, 1));
    }

    #[test]
    fn without_a_limit_the_whole_batch_is_probed() {
        let mut search = MicroBatchSearch::default();
        let mut sizes = Vec::new();
        while let Next::Probe(size) = search.next(1000, None) {
            sizes.push(size);
            search.record_fit(size, 100 * size + 7);
        }
        assert_eq!(search.next(1000, None), Next::Fits(1000));
        assert_eq!(sizes, [1, 2, 4, 1000], "straight after three points, so it jumps");
    }

    #[test]
    fn a_peak_that_is_flat_and_then_steep_is_found_in_few_probes() {
        // Met by chance: a constant just below the limit, and a line that crosses it at 27 of 2082 examples.
        let truth = |m: u64| 1 + 85_433.max(3141 * m);
        let (found, probes) = run(&mut MicroBatchSearch::default(), 2082, 85_434, truth);
        assert_eq!(found, Next::Fits(27));
        assert!(probes <= 40, "{probes} probes");
    }

    proptest! {
        #[test]
        fn the_answer_is_the_largest_that_fits_as_brute_force_finds_it(
            lines in prop::collection::vec((0u64..1_000_000, 0u64..10_000), 1..4),
            wanted in 1u64..3000,
            limit in 0u64..10_000_000,
        ) {
            let truth = |m: u64| 1 + lines.iter().map(|(a, b)| a + b * m).max().unwrap();
            let brute = (1..=wanted).take_while(|&m| truth(m) <= limit).last();
            let (found, probes) = run(&mut MicroBatchSearch::default(), wanted, limit, truth);
            prop_assert_eq!(found, brute.map_or(Next::Infeasible, Next::Fits));
            prop_assert!(probes <= 40, "{} probes", probes);
        }

        #[test]
        fn the_answer_does_not_depend_on_what_others_found_out_before(
            lines in prop::collection::vec((0u64..1_000_000, 0u64..10_000), 1..4),
            measured in prop::collection::btree_set(1u64..4000, 0..8),
            failed in prop::collection::vec((1u64..4000, 0.0f64..1.0), 0..8),
            wanted in 1u64..3000,
            limit in 0u64..10_000_000,
        ) {
            let truth = |m: u64| 1 + lines.iter().map(|(a, b)| a + b * m).max().unwrap();
            let mut search = MicroBatchSearch::default();
            measured.iter().for_each(|&size| search.record_fit(size, truth(size)));
            // Under budgets of their own, each too small for its micro-batch.
            failed.iter().for_each(|&(size, share)| {
                search.record_failure(size, ((truth(size) - 1) as f64 * share) as u64);
            });
            let brute = (1..=wanted).take_while(|&m| truth(m) <= limit).last();
            let (found, probes) = run(&mut search, wanted, limit, truth);
            prop_assert_eq!(found, brute.map_or(Next::Infeasible, Next::Fits));
            prop_assert!(probes <= 40, "{} probes", probes);
            prop_assert_eq!(run(&mut search, wanted, limit, truth), (found, 0), "asked again, nothing is probed");
        }
    }
}
