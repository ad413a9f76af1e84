//! Small statistics, each stated exactly.

/// The arithmetic mean; `None` of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of the values themselves (divided by n, not n - 1), so that a single value has the
/// spread 0 that it shows; `None` of nothing.
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    Some((squares / values.len() as f64).sqrt())
}

/// The middle value, or the mean of the middle two; `None` of nothing. Non-finite values sort last.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_examples() {
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(standard_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(2.0));
        assert_eq!(standard_deviation(&[0.7]), Some(0.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!((mean(&[]), standard_deviation(&[]), median(&[])), (None, None, None));
    }

    proptest! {
        #[test]
        fn mean_and_median_lie_within_the_values(values in prop::collection::vec(-1e6f64..1e6, 1..50)) {
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            for middle in [mean(&values), median(&values)].into_iter().flatten() {
                prop_assert!(middle >= low - 1e-6 && middle <= high + 1e-6);
            }
            prop_assert!(standard_deviation(&values).unwrap() <= (high - low) / 2.0 + 1e-6);
        }
    }
}
