//! A grid that grows: the values of two grids, each once.

use super::{BatchSizeAxis, GridSpec, LearningRateAxis, ModelAxis, TrainAxis, Value};
use crate::units::BatchSize;

/// Two grids that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotGrow(String);

impl GridSpec {
    /// A grid that holds the cells of both, with the values of this one first in each axis.
    ///
    /// # Errors
    /// [`CannotGrow`] where one has an axis that the other has not, since then no trial of the one is a trial of the other, and
    /// where learning rates follow two rules.
    pub fn with(&self, other: &Self) -> Result<Self, CannotGrow> {
        let names = |grid: &Self| grid.others().map(|axis| axis.name()).collect::<Vec<_>>();
        if names(self) != names(other) {
            return Err(CannotGrow(
                "a grid grows along its own axes, in their order: none can be added or removed".into(),
            ));
        }
        let train = self.train.iter().zip(&other.train);
        let model = self.model.iter().zip(&other.model);
        Ok(Self {
            batch_size: self.batch_size.with(&other.batch_size),
            learning_rate: self.learning_rate.with(&other.learning_rate)?,
            train: train
                .map(|(one, other)| TrainAxis { key: one.key, values: each_once(&one.values, &other.values) })
                .collect(),
            model: model
                .map(|(one, other)| ModelAxis {
                    key: one.key.clone(),
                    values: each_once(&one.values, &other.values),
                })
                .collect(),
            seed: both(&self.seed, &other.seed),
        })
    }
}

impl BatchSizeAxis {
    fn with(&self, other: &Self) -> Self {
        if self == other { self.clone() } else { Self::List(both(&self.values(), &other.values())) }
    }
}

impl LearningRateAxis {
    fn with(&self, other: &Self) -> Result<Self, CannotGrow> {
        match (self, other) {
            _ if self == other => Ok(self.clone()),
            (
                &Self::Scaled { base, at, rule, ref times },
                Self::Scaled { base: other_base, at: other_at, rule: other_rule, times: other_times },
            ) if (base, at, rule) == (*other_base, *other_at, *other_rule) => {
                Ok(Self::Scaled { base, at, rule, times: both(times, other_times) })
            }
            (Self::Scaled { .. }, _) | (_, Self::Scaled { .. }) => Err(CannotGrow(
                "learning rates that follow a rule grow by `times` of the same `base`, `at` and `rule`"
                    .into(),
            )),
            _ => Ok(Self::List(both(&self.typed(), &other.typed()))),
        }
    }

    /// Its values, where they are the same for every batch size.
    fn typed(&self) -> Vec<f64> {
        let Ok(any) = BatchSize::try_new(1) else { return Vec::new() };
        (0..self.len()).filter_map(|index| self.value_at(any, index)).collect()
    }
}

fn both<T: Clone + PartialEq>(one: &[T], other: &[T]) -> Vec<T> {
    union(one, other, T::eq)
}

/// By what they set: 0 and 0.0 are one value.
fn each_once(one: &[Value], other: &[Value]) -> Vec<Value> {
    union(one, other, |one, other| match (one, other) {
        (Value::Integer(whole), Value::Number(number)) | (Value::Number(number), Value::Integer(whole)) => {
            *whole as f64 == *number
        }
        _ => one == other,
    })
}

fn union<T: Clone>(one: &[T], other: &[T], is_same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut values = one.to_vec();
    for value in other {
        if !values.iter().any(|known| is_same(known, value)) {
            values.push(value.clone());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ScalingRule, TrainKey};

    fn grid(batch_sizes: &[u64], learning_rate: LearningRateAxis, momenta: &[f64]) -> GridSpec {
        let momentum = TrainAxis {
            key: TrainKey::Momentum,
            values: momenta.iter().map(|&momentum| Value::Number(momentum)).collect(),
        };
        GridSpec {
            batch_size: BatchSizeAxis::List(batch_sizes.to_vec()),
            learning_rate,
            train: if momenta.is_empty() { Vec::new() } else { vec![momentum] },
            model: Vec::new(),
            seed: vec![0],
        }
    }

    #[test]
    fn a_grid_that_grows_has_the_values_of_both() {
        let rates = LearningRateAxis::LogSpaced { from: 0.01, to: 1.0, count: 3 };
        let one = grid(&[8, 32], rates, &[0.0]);
        let mut other = grid(&[128, 32], LearningRateAxis::List(vec![1.0, 10.0]), &[0.9]);
        other.train[0].values.push(Value::Integer(0));
        let grown = one.with(&other).unwrap();
        assert_eq!(grown.batch_size.values(), [8, 32, 128]);
        assert_eq!(grown.learning_rate, LearningRateAxis::List(vec![0.01, 0.1, 1.0, 10.0]));
        assert_eq!(grown.train[0].values, [Value::Number(0.0), Value::Number(0.9)]);
        assert_eq!(one.with(&one), Ok(one));
    }

    #[test]
    fn a_rule_grows_by_its_factors_and_no_axis_is_added() {
        let scaled = |base, times: &[f64]| LearningRateAxis::Scaled {
            base,
            at: 32,
            rule: ScalingRule::Sqrt,
            times: times.to_vec(),
        };
        let one = grid(&[8], scaled(0.1, &[1.0]), &[]);
        let grown = one.with(&grid(&[8], scaled(0.1, &[2.0]), &[])).unwrap();
        assert_eq!(grown.learning_rate, scaled(0.1, &[1.0, 2.0]));
        assert!(one.with(&grid(&[8], scaled(0.2, &[1.0]), &[])).is_err());
        assert!(
            one.with(&grid(&[8], scaled(0.1, &[1.0]), &[0.9]))
                .unwrap_err()
                .to_string()
                .contains("its own axes")
        );
    }
}
