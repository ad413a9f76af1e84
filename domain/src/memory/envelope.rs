//! Peak memory as a function of the micro-batch.

use std::collections::BTreeMap;

/// Bytes that grow with the micro-batch (batch + activations), as measured at some micro-batches.
///
/// The truth is the upper envelope of several lines, `max_j (a_j + b_j m)`, since another moment of the step
/// wins at another size: a convex, piecewise linear function. So between two measured points the chord is never
/// below it, and past the last point the last slope is never above it: the first is safe, the second must be
/// verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    points: BTreeMap<u64, u64>,
}

impl Envelope {
    /// Adds what was measured at a micro-batch; a repeated measurement keeps the larger value.
    pub fn record(&mut self, micro_batch: u64, bytes: u64) {
        let entry = self.points.entry(micro_batch).or_insert(bytes);
        *entry = bytes.max(*entry);
    }

    /// Adds what others measured.
    pub fn merge(&mut self, others: &Self) {
        others.points().for_each(|(micro_batch, bytes)| self.record(micro_batch, bytes));
    }

    /// The bytes measured at exactly this micro-batch.
    #[must_use]
    pub fn measured(&self, micro_batch: u64) -> Option<u64> {
        self.points.get(&micro_batch).copied()
    }

    /// The measured points, smallest micro-batch first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + '_ {
        self.points.iter().map(|(&micro_batch, &bytes)| (micro_batch, bytes))
    }

    /// The bytes expected at a micro-batch: measured, on the chord, or on the line of the nearest two points.
    /// A single point is taken as proportional. `None` before the first measurement.
    #[must_use]
    pub fn predict(&self, micro_batch: u64) -> Option<u64> {
        if let Some(&bytes) = self.points.get(&micro_batch) {
            return Some(bytes);
        }
        let (left, right) = match (self.below(micro_batch), self.above(micro_batch)) {
            (Some(left), Some(right)) => (left, right),
            (Some(last), None) => (self.below(last.0).unwrap_or((0, 0)), last),
            (None, Some(first)) => ((0, 0), first),
            (None, None) => return None,
        };
        Some(line(left, right, micro_batch).ceil().max(0.0) as u64)
    }

    /// How far the truth may lie below [`Envelope::predict`] between two measured points, as a share of it: the
    /// gap between the chord and the neighbouring lines, drawn on. `None` where nothing bounds it: past the last
    /// point, or before the first.
    #[must_use]
    pub fn uncertainty(&self, micro_batch: u64) -> Option<f64> {
        if self.points.contains_key(&micro_batch) {
            return Some(0.0);
        }
        let (left, right) = (self.below(micro_batch)?, self.above(micro_batch)?);
        let chord = line(left, right, micro_batch);
        let from_left = self.below(left.0).map(|before| line(before, left, micro_batch));
        let from_right = self.above(right.0).map(|after| line(right, after, micro_batch));
        let floor = from_left.into_iter().chain(from_right).fold(left.1 as f64, f64::max);
        Some(((chord - floor) / chord).max(0.0))
    }

    /// Whether the last two slopes agree to 1 %: then the next point may be further away.
    #[must_use]
    pub fn is_straight_at_the_end(&self) -> bool {
        let mut last = self.points().rev();
        let (Some(c), Some(b), Some(a)) = (last.next(), last.next(), last.next()) else { return false };
        let slope = |left: (u64, u64), right: (u64, u64)| {
            (right.1 as f64 - left.1 as f64) / (right.0 - left.0) as f64
        };
        let (before, after) = (slope(a, b), slope(b, c));
        (after - before).abs() <= 0.01 * after.abs()
    }

    /// The largest micro-batch expected within `limit` bytes; `None` when no size is, or nothing was measured.
    #[must_use]
    pub fn largest_within(&self, limit: u64) -> Option<u64> {
        let (last, _) = self.points().next_back()?;
        let fits = |micro_batch: u64| self.predict(micro_batch).is_some_and(|bytes| bytes <= limit);
        // `predict` is monotone for what real steps give; the bounds below make the bisection end on any input.
        let mut fit = 0;
        let mut fail = last;
        while fits(fail) {
            fit = fail;
            fail = fail.checked_mul(2).filter(|&size| size < 1 << 40)?;
        }
        while fail - fit > 1 {
            let middle = fit + (fail - fit) / 2;
            if fits(middle) { fit = middle } else { fail = middle }
        }
        (fit > 0).then_some(fit)
    }

    fn below(&self, micro_batch: u64) -> Option<(u64, u64)> {
        self.points.range(..micro_batch).next_back().map(|(&m, &bytes)| (m, bytes))
    }

    fn above(&self, micro_batch: u64) -> Option<(u64, u64)> {
        self.points.range(micro_batch + 1..).next().map(|(&m, &bytes)| (m, bytes))
    }
}

/// The line through two points, at `micro_batch`.
fn line(left: (u64, u64), right: (u64, u64), micro_batch: u64) -> f64 {
    let slope = (right.1 as f64 - left.1 as f64) / (right.0 - left.0) as f64;
    right.1 as f64 + slope * (micro_batch as f64 - right.0 as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn measured(truth: impl Fn(u64) -> u64, at: &[u64]) -> Envelope {
        let mut envelope = Envelope::default();
        at.iter().for_each(|&micro_batch| envelope.record(micro_batch, truth(micro_batch)));
        envelope
    }

    #[test]
    fn a_line_is_known_from_two_points() {
        let envelope = measured(|m| 1000 + 48 * m, &[8, 16]);
        assert_eq!(envelope.predict(512), Some(1000 + 48 * 512));
        assert_eq!(envelope.largest_within(1000 + 48 * 300 + 47), Some(300));
    }

    #[test]
    fn a_bend_shows_in_the_last_slopes() {
        // Measured on an MLP: 2048 bytes an example up to about 128, then 6144.
        let truth = |m: u64| (500_000 + 2048 * m).max(6144 * m);
        let below = measured(truth, &[8, 16, 32, 64]);
        assert!(below.is_straight_at_the_end());
        assert!(below.predict(256).unwrap() < truth(256), "the trap: a straight start predicts too little");
        let past = measured(truth, &[64, 128, 256]);
        assert!(!past.is_straight_at_the_end());
    }

    proptest! {
        #[test]
        fn between_points_the_chord_is_safe_and_its_uncertainty_honest(
            lines in prop::collection::vec((0u64..1_000_000, 0u64..10_000), 1..4),
            at in prop::collection::btree_set(1u64..2000, 2..8),
            micro_batch in 1u64..2000,
        ) {
            let truth = |m: u64| 1 + lines.iter().map(|(a, b)| a + b * m).max().unwrap();
            let at: Vec<_> = at.into_iter().collect();
            let envelope = measured(truth, &at);
            if let Some(uncertainty) = envelope.uncertainty(micro_batch) {
                let predicted = envelope.predict(micro_batch).unwrap();
                prop_assert!(predicted >= truth(micro_batch));
                let lowest = predicted as f64 * (1.0 - uncertainty) - 2.0;
                prop_assert!(lowest <= truth(micro_batch) as f64);
            }
        }
    }
}
