//! The two numbers every trial has.

use std::fmt;
use std::num::NonZeroU32;

/// A value outside the range that its unit allows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{quantity} must be {rule}, not {found}")]
pub struct OutOfRange {
    /// What the value was meant to be.
    pub quantity: &'static str,
    /// The range, in words.
    pub rule: &'static str,
    /// The value as given.
    pub found: String,
}

/// Examples that one optimizer step averages over: at least 1, at most 2^31 - 1.
///
/// This is the *effective* batch size: gradient accumulation changes the micro-batch, never this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchSize(NonZeroU32);

impl BatchSize {
    /// The largest batch size accepted.
    pub const MAX: u64 = i32::MAX as u64;

    /// Checks the range.
    ///
    /// # Errors
    /// [`OutOfRange`] for 0 and for more than [`BatchSize::MAX`].
    pub fn try_new(examples: u64) -> Result<Self, OutOfRange> {
        u32::try_from(examples)
            .ok()
            .filter(|_| examples <= Self::MAX)
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or_else(|| OutOfRange {
                quantity: "batch size",
                rule: "a whole number from 1 to 2147483647",
                found: examples.to_string(),
            })
    }

    /// The number of examples.
    #[must_use]
    pub fn get(self) -> u64 {
        u64::from(self.0.get())
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The step length of the optimizer: finite and greater than 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct LearningRate(f64);

impl LearningRate {
    /// Checks the range.
    ///
    /// # Errors
    /// [`OutOfRange`] for zero, negative and non-finite values.
    pub fn try_new(value: f64) -> Result<Self, OutOfRange> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(OutOfRange {
                quantity: "learning rate",
                rule: "a finite number greater than 0",
                found: value.to_string(),
            })
        }
    }

    /// The plain number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for LearningRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A sweep's share of the workers beside other sweeps: one of weight 2 runs twice as many trials at a time as one of
/// weight 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct SweepWeight(f64);

impl SweepWeight {
    /// Checks the range, which Postgres's own check of `core.sweep.weight` repeats.
    ///
    /// # Errors
    /// [`OutOfRange`] below 0.001, above 1000 and for what is no number.
    pub fn try_new(value: f64) -> Result<Self, OutOfRange> {
        if (0.001..=1000.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(OutOfRange {
                quantity: "weight",
                rule: "a number from 0.001 to 1000",
                found: value.to_string(),
            })
        }
    }

    /// The plain number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for SweepWeight {
    /// What a sweep has unless it is given another.
    fn default() -> Self {
        Self(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_size_is_at_least_one_example() {
        assert_eq!(BatchSize::try_new(0).unwrap_err().to_string(), {
            "batch size must be a whole number from 1 to 2147483647, not 0"
        });
        assert_eq!(BatchSize::try_new(1024).unwrap().get(), 1024);
        assert!(BatchSize::try_new(BatchSize::MAX).is_ok());
        assert!(BatchSize::try_new(BatchSize::MAX + 1).is_err());
    }

    #[test]
    fn a_learning_rate_is_finite_and_positive() {
        for bad in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(LearningRate::try_new(bad).is_err(), "{bad}");
        }
        assert_eq!(LearningRate::try_new(0.01).unwrap().to_string(), "0.01");
    }

    #[test]
    fn a_weight_is_a_share_of_something() {
        assert!([0.001, 1.0, 1000.0].into_iter().all(|weight| SweepWeight::try_new(weight).is_ok()));
        for weight in [0.0, -1.0, 1000.1, f64::NAN, f64::INFINITY] {
            assert!(SweepWeight::try_new(weight).is_err(), "{weight}");
        }
        assert_eq!(
            SweepWeight::try_new(0.0).unwrap_err().to_string(),
            "weight must be a number from 0.001 to 1000, not 0"
        );
    }
}
