//! Repeated measurements of one quantity.

use domain::statistics::median;

/// Measurements, in the order of the rounds.
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
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The largest one.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Round by round, these over those: what slows a whole round down cancels out.
    #[must_use]
    pub fn over(&self, those: &Self) -> Self {
        Self(self.0.iter().zip(&those.0).map(|(this, that)| this / that).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (theirs, ours) = (Sample(vec![10.0, 20.0, 30.0]), Sample(vec![5.0, 10.0, 10.0]));
        let ratio = theirs.over(&ours);
        assert_eq!(ratio, Sample(vec![2.0, 2.0, 3.0]));
        assert_eq!((ratio.median(), ratio.lowest(), ratio.highest()), (2.0, 2.0, 3.0));
    }
}
