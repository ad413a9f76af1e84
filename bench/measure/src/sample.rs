//! Repeated measurements of one quantity.

use std::time::Duration;

use domain::statistics::median;

/// Measurements, in the order of their making.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample(pub Vec<f64>);

impl Sample {
    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.0).unwrap_or(f64::NAN)
    }

    /// The smallest one.
    #[must_use]
    pub fn lowest(&self) -> f64 {
        self.quantile(0.0)
    }

    /// The largest one.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.quantile(1.0)
    }

    /// The smallest one that at least this share is not above.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
    }

    /// Measurement by measurement, these over those: what slows a whole round down cancels out.
    #[must_use]
    pub fn over(&self, those: &Self) -> Self {
        Self(self.0.iter().zip(&those.0).map(|(this, that)| this / that).collect())
    }

    /// Times in milliseconds.
    #[must_use]
    pub fn of_times(times: impl IntoIterator<Item = Duration>) -> Self {
        Self(times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    /// The middle one, and in brackets the lowest and the highest.
    #[must_use]
    pub fn told(&self, decimals: usize) -> String {
        let [median, lowest, highest] = [self.median(), self.lowest(), self.highest()];
        format!("{median:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_measurements() {
        let sample = Sample((1..=100).rev().map(f64::from).collect());
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| sample.quantile(share)), [1.0, 50.0, 99.0, 100.0]);
        assert_eq!(Sample(vec![3.0]).quantile(0.99), 3.0);
        assert!(Sample::default().quantile(0.5).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (these, those) = (Sample(vec![10.0, 20.0, 30.0]), Sample(vec![5.0, 10.0, 10.0]));
        assert_eq!(these.over(&those), Sample(vec![2.0, 2.0, 3.0]));
        assert_eq!(these.over(&those).told(1), "2.0 (2.0 to 3.0)");
    }
}
