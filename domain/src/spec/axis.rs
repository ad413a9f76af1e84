//! `[grid]`: the axes, as typed. Their values come from [`BatchSizeAxis::values`] and
//! [`LearningRateAxis::values_at`].

use super::train::{TrainKey, Value};
use crate::units::BatchSize;

/// The axes whose product is the sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct GridSpec {
    /// Batch sizes, in examples per optimizer step.
    pub batch_size: BatchSizeAxis,
    /// Learning rates, the same for every batch size or scaled with it.
    pub learning_rate: LearningRateAxis,
    /// Axes over keys of `[train]`, in file order.
    pub train: Vec<TrainAxis>,
    /// Axes over keys of `[model]` and over arguments of its function, in file order.
    pub model: Vec<ModelAxis>,
    /// Seeds: repeats that differ in initial weights, data order and (unless fixed) synthetic data.
    pub seed: Vec<u64>,
}

impl GridSpec {
    /// How many trials it holds; `None` past 2^64. Needs no expansion, so it is safe on any input.
    #[must_use]
    pub fn trial_count(&self) -> Option<u64> {
        let others = self.others().map(|axis| axis.values().len() as u64);
        others
            .chain([self.batch_size.values().len() as u64, self.seed.len() as u64, self.learning_rate.len()])
            .try_fold(1u64, u64::checked_mul)
    }

    /// The axes besides batch size, learning rate and seed: those of `[train]`, then those of `[model]`.
    pub fn others(&self) -> impl Iterator<Item = Axis<'_>> {
        self.train.iter().map(Axis::Train).chain(self.model.iter().map(Axis::Model))
    }

    /// Every combination of [`Self::others`], the last axis fastest; one empty combination when there is none.
    #[must_use]
    pub fn combinations(&self) -> Vec<Vec<(Axis<'_>, &Value)>> {
        self.others().fold(vec![Vec::new()], |combinations, axis| {
            combinations
                .iter()
                .flat_map(|head: &Vec<_>| {
                    axis.values()
                        .iter()
                        .map(move |value| head.iter().copied().chain([(axis, value)]).collect())
                })
                .collect()
        })
    }
}

/// An axis besides batch size, learning rate and seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Axis<'a> {
    /// Over a key of `[train]`.
    Train(&'a TrainAxis),
    /// Over a key of `[model]`.
    Model(&'a ModelAxis),
}

impl<'a> Axis<'a> {
    /// Its name in `[grid]` and among a trial's parameters, such as `optimizer` or `model.width`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Train(axis) => axis.key.word().to_owned(),
            Self::Model(axis) => axis.name(),
        }
    }

    /// Its values, in order.
    #[must_use]
    pub fn values(&self) -> &'a [Value] {
        match self {
            Self::Train(axis) => &axis.values,
            Self::Model(axis) => &axis.values,
        }
    }
}

/// An axis over a scalar key of `[model]`, or over an argument of the function that builds a model of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelAxis {
    /// The key, or the argument.
    pub key: String,
    /// Its values, in order.
    pub values: Vec<Value>,
}

impl ModelAxis {
    /// Its name in `[grid]` and among a trial's parameters.
    #[must_use]
    pub fn name(&self) -> String {
        format!("model.{}", self.key)
    }
}

/// An axis over one key of `[train]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainAxis {
    /// The key of `[train]` that it varies.
    pub key: TrainKey,
    /// Its values, in order.
    pub values: Vec<Value>,
}

/// `batch_size = [..]` or `{ from, to, factor }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchSizeAxis {
    /// As listed.
    List(Vec<u64>),
    /// `from`, `from * factor`, `from * factor^2`, ... as long as it is at most `to`.
    Geometric {
        /// The first batch size.
        from: u64,
        /// The bound, included where the series hits it.
        to: u64,
        /// At least 2.
        factor: u64,
    },
}

impl BatchSizeAxis {
    /// The batch sizes in order, by integer arithmetic. Values that [`BatchSize`] refuses are kept, for the check
    /// to name them; a factor below 2 gives `from` alone.
    #[must_use]
    pub fn values(&self) -> Vec<u64> {
        match *self {
            Self::List(ref values) => values.clone(),
            Self::Geometric { from, to, factor } => {
                let next =
                    |&size: &u64| if factor < 2 || size == 0 { None } else { size.checked_mul(factor) };
                std::iter::successors(Some(from), next).take_while(|&size| size <= to).collect()
            }
        }
    }
}

/// `learning_rate = [..]`, `{ from, to, count }` or `{ base, at, rule, times }`.
#[derive(Debug, Clone, PartialEq)]
pub enum LearningRateAxis {
    /// As listed.
    List(Vec<f64>),
    /// `count` values spaced evenly in the logarithm, both ends included, each rounded to 6 significant digits
    /// so that a file reads the same everywhere.
    LogSpaced {
        /// The first value.
        from: f64,
        /// The last value.
        to: f64,
        /// How many, at least 2.
        count: u64,
    },
    /// `times[i] x base x f(batch_size / at)`: a grid whose centre moves with the batch size.
    Scaled {
        /// The learning rate at batch size `at`.
        base: f64,
        /// The batch size that `base` belongs to.
        at: u64,
        /// How it moves.
        rule: ScalingRule,
        /// Factors around the centre.
        times: Vec<f64>,
    },
}

words! {
    /// How a learning rate moves with the batch size.
    ScalingRule {
        /// Proportional to the batch size (Goyal et al. 2017).
        Linear = "linear",
        /// Proportional to its square root (Krizhevsky 2014; Malladi et al. 2022 for Adam).
        Sqrt = "sqrt",
    }
}

impl ScalingRule {
    fn factor(self, ratio: f64) -> f64 {
        match self {
            Self::Linear => ratio,
            Self::Sqrt => ratio.sqrt(),
        }
    }
}

impl LearningRateAxis {
    /// How many values each batch size gets.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::List(values) => values.len() as u64,
            Self::LogSpaced { count, .. } => *count,
            Self::Scaled { times, .. } => times.len() as u64,
        }
    }

    /// Whether there is no value at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value number `index` at this batch size; unchecked, so that the check can name a bad one.
    #[must_use]
    pub fn value_at(&self, batch_size: BatchSize, index: u64) -> Option<f64> {
        match self {
            Self::List(values) => values.get(usize::try_from(index).ok()?).copied(),
            Self::LogSpaced { from, to, count } => (index < *count).then(|| {
                let share = if *count < 2 { 0.0 } else { index as f64 / (*count - 1) as f64 };
                round_to_digits(from * (to / from).powf(share), 6)
            }),
            Self::Scaled { base, at, rule, times } => {
                let times = times.get(usize::try_from(index).ok()?)?;
                let ratio = batch_size.get() as f64 / *at as f64;
                Some(round_to_digits(base * rule.factor(ratio) * times, 6))
            }
        }
    }
}

/// Rounds to a number of significant digits, through the decimal text so that 0.01 comes out as 0.01.
pub(crate) fn round_to_digits(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(axis: &LearningRateAxis, batch_size: u64) -> Vec<f64> {
        let batch_size = BatchSize::try_new(batch_size).unwrap();
        (0..axis.len()).filter_map(|index| axis.value_at(batch_size, index)).collect()
    }

    #[test]
    fn a_geometric_axis_stops_at_its_bound() {
        let axis = |from, to, factor| BatchSizeAxis::Geometric { from, to, factor }.values();
        assert_eq!(axis(8, 8192, 4), [8, 32, 128, 512, 2048, 8192]);
        assert_eq!(axis(8, 100, 4), [8, 32]);
        assert_eq!(axis(1 << 62, u64::MAX, 4), [1 << 62]);
        assert_eq!(axis(8, 100, 1), [8]);
        assert_eq!(axis(8, 4, 2), [0u64; 0]);
    }

    #[test]
    fn log_spaced_learning_rates_are_round_decimals() {
        let axis = LearningRateAxis::LogSpaced { from: 1e-3, to: 1.0, count: 7 };
        assert_eq!(at(&axis, 32), [0.001, 0.00316228, 0.01, 0.0316228, 0.1, 0.316228, 1.0]);
    }

    #[test]
    fn scaled_learning_rates_follow_the_batch_size() {
        let axis = |rule| LearningRateAxis::Scaled { base: 0.1, at: 256, rule, times: vec![0.5, 1.0, 2.0] };
        assert_eq!(at(&axis(ScalingRule::Linear), 256), [0.05, 0.1, 0.2]);
        assert_eq!(at(&axis(ScalingRule::Linear), 1024), [0.2, 0.4, 0.8]);
        assert_eq!(at(&axis(ScalingRule::Sqrt), 1024), [0.1, 0.2, 0.4]);
    }
}
