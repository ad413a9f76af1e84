//! How far seeds lie apart, as one range: what is compared to tell whether two medians differ.

use super::interval::Interval;
use super::random::Random;
use crate::statistics::median;

/// From so many values on, resampling says more than the extremes, which drift apart with every seed that is added.
pub const MANY: usize = 8;

const REPLICATES: usize = 500;

/// A fixed start, so that the same seeds give the same range.
const SEED: u64 = 0x7370_7265_6164;

/// Of fewer than [`MANY`] values, from the least to the most, infinite ones left out; else the 95 % bootstrap interval of their
/// median, in which an infinite value counts as such. `None` where no value is finite.
#[must_use]
pub fn spread(values: &[f64]) -> Option<Interval> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let all = Interval::spanning(finite)?;
    if values.len() < MANY {
        return Some(all);
    }
    let mut random = Random::new(SEED);
    let medians: Vec<f64> = (0..REPLICATES).filter_map(|_| median(&random.resample(values))).collect();
    let interval = Interval::middle_95_percent(&medians)?;
    // An even number of values may have a median that few samples reach.
    Interval::spanning([interval.low, interval.high].into_iter().chain(median(values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_few_values_reach_from_the_least_to_the_most() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Interval { low: 1.0, high: 3.0 }));
        assert_eq!(spread(&[3.0, f64::INFINITY]), Some(Interval { low: 3.0, high: 3.0 }));
        assert_eq!(spread(&[f64::INFINITY; 9]), None);
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn of_many_values_one_outlier_does_not_widen_the_range() {
        let mut values: Vec<f64> = (0..20).map(|index| 1.0 + 0.001 * f64::from(index)).collect();
        values.push(100.0);
        let range = spread(&values).unwrap();
        assert!(range.low > 1.0 && range.high < 1.02, "{range:?}");
        assert_eq!(spread(&values), Some(range));
    }

    #[test]
    fn many_that_diverge_leave_the_range_open() {
        let values: Vec<f64> = (0..10).map(|index| if index < 6 { 1.0 } else { f64::INFINITY }).collect();
        assert_eq!(spread(&values), Some(Interval { low: 1.0, high: f64::INFINITY }));
    }

    proptest! {
        #[test]
        fn the_range_holds_the_median(values in prop::collection::vec(-1e3f64..1e3, 1..30)) {
            prop_assert!(spread(&values).unwrap().contains(median(&values).unwrap()));
        }
    }
}
