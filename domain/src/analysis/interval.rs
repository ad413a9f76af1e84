//! A range of values, with what a reader may take from it.

/// A closed range, `low <= high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The smallest interval that holds all values; `None` of nothing, or where one is not a number.
    #[must_use]
    pub fn spanning(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) =
            values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                if value.is_nan() { (f64::NAN, f64::NAN) } else { (low.min(value), high.max(value)) }
            });
        (low <= high).then_some(Self { low, high })
    }

    /// The middle 95 % of a sample: its 2.5 and 97.5 percentiles, interpolated linearly between ordered values (the
    /// percentile bootstrap of Efron 1979). `None` of nothing, or where one is not a number.
    #[must_use]
    pub fn middle_95_percent(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() || sorted.iter().any(|value| value.is_nan()) {
            return None;
        }
        Some(Self { low: quantile(&sorted, 0.025), high: quantile(&sorted, 0.975) })
    }

    /// Whether a value lies in it, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether the two have a value in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    // Not a weighted sum where there is nothing to weigh: infinities would give NaN.
    if rest == 0.0 || sorted[below] == sorted[above] {
        sorted[below]
    } else {
        sorted[below] + rest * (sorted[above] - sorted[below])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_examples() {
        assert_eq!(Interval::spanning([3.0, 1.0, 2.0]), Some(Interval { low: 1.0, high: 3.0 }));
        assert_eq!(Interval::spanning([]), None);
        assert_eq!(Interval::spanning([1.0, f64::NAN]), None);
        let hundred: Vec<f64> = (0..=1000).map(f64::from).collect();
        assert_eq!(Interval::middle_95_percent(&hundred), Some(Interval { low: 25.0, high: 975.0 }));
        assert_eq!(Interval::middle_95_percent(&[7.0]), Some(Interval { low: 7.0, high: 7.0 }));
        assert_eq!(Interval::middle_95_percent(&[]), None);
    }

    #[test]
    fn ranges_that_touch_overlap() {
        let range = |low, high| Interval { low, high };
        assert!(range(0.0, 1.0).overlaps(&range(1.0, 2.0)));
        assert!(!range(0.0, 1.0).overlaps(&range(1.1, 2.0)));
        assert!(range(0.0, 1.0).contains(1.0) && !range(0.0, 1.0).contains(1.01));
    }

    proptest! {
        #[test]
        fn the_middle_lies_within_the_whole(values in prop::collection::vec(-1e9f64..1e9, 1..60)) {
            let middle = Interval::middle_95_percent(&values).unwrap();
            let whole = Interval::spanning(values).unwrap();
            prop_assert!(middle.low <= middle.high);
            prop_assert!(whole.contains(middle.low) && whole.contains(middle.high));
        }
    }
}
