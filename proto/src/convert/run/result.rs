use domain::lifecycle::Outcome;
use domain::memory::{MemoryParts, StaticParts};
use domain::problem::TaskKind;
use domain::run::{Accumulation, MetricName, PeakMemory, ReachedTarget, SeedSets, TrialResult};

use crate::convert::{Wire, WireError, parsed, required, unspecified, word};
use crate::v1;

impl Wire for TrialResult {
    type Message = v1::TrialResult;

    fn to_wire(&self) -> v1::TrialResult {
        let target = self.reached_target;
        v1::TrialResult {
            outcome: self.outcome.to_wire().into(),
            message: self.message.clone(),
            micro_batch: self.micro_batch,
            accumulation_steps: self.accumulation_steps,
            accumulation: self.accumulation.to_wire().into(),
            device: self.device.clone(),
            steps: self.steps,
            examples: self.examples,
            epochs: self.epochs,
            first_train_loss: self.first_train_loss,
            final_train_loss: self.final_train_loss,
            train_set_loss: self.train_set_loss,
            last_epoch_train_loss: self.last_epoch_train_loss,
            train_loss_std: self.train_loss_std,
            final_validation_loss: self.final_validation_loss,
            final_validation_accuracy: self.final_validation_accuracy,
            best_validation_loss: self.best_validation_loss,
            best_validation_accuracy: self.best_validation_accuracy,
            steps_to_target: target.map(|target| target.steps),
            examples_to_target: target.map(|target| target.examples),
            seconds_to_target: target.map(|target| target.seconds),
            train_seconds: self.train_seconds,
            examples_per_second: self.examples_per_second,
            memory: Some(self.memory.to_wire()),
            oom_count: self.oom_count,
            gradient_noise_scale: self.gradient_noise_scale,
            seed_sets: self.seed_sets.map(|sets| sets.to_wire()),
            task: self.task.map(|task| task.word().to_owned()).unwrap_or_default(),
            tokens: self.tokens,
            metrics: self.metrics.iter().map(last_to_wire).collect(),
        }
    }

    /// Numbers that are not finite are none, but for those that every result has.
    fn from_wire(message: v1::TrialResult) -> Result<Self, WireError> {
        Ok(Self {
            outcome: Outcome::from_wire(message.outcome())?,
            accumulation: Accumulation::from_wire(message.accumulation())?,
            reached_target: reached_target(&message)?,
            micro_batch: message.micro_batch,
            accumulation_steps: message.accumulation_steps,
            steps: message.steps,
            examples: message.examples,
            epochs: finite("result.epochs", message.epochs)?,
            first_train_loss: if_finite(message.first_train_loss),
            final_train_loss: if_finite(message.final_train_loss),
            train_set_loss: if_finite(message.train_set_loss),
            last_epoch_train_loss: if_finite(message.last_epoch_train_loss),
            train_loss_std: if_finite(message.train_loss_std),
            final_validation_loss: if_finite(message.final_validation_loss),
            final_validation_accuracy: if_finite(message.final_validation_accuracy),
            best_validation_loss: if_finite(message.best_validation_loss),
            best_validation_accuracy: if_finite(message.best_validation_accuracy),
            train_seconds: finite("result.train_seconds", message.train_seconds)?,
            examples_per_second: if_finite(message.examples_per_second),
            memory: required("result.memory", message.memory)?,
            oom_count: message.oom_count,
            gradient_noise_scale: if_finite(message.gradient_noise_scale),
            seed_sets: message.seed_sets.map(SeedSets::from_wire).transpose()?,
            task: match &*message.task {
                "" => None,
                task => Some(word("result.task", &TaskKind::ALL, task)?),
            },
            tokens: message.tokens,
            metrics: message.metrics.into_iter().map(last_from_wire).collect::<Result<Vec<_>, _>>()?,
            message: message.message,
            device: message.device,
        })
    }
}

fn last_to_wire((name, value): &(MetricName, f64)) -> v1::LastMetric {
    v1::LastMetric { name: name.word().to_owned(), value: *value }
}

fn last_from_wire(message: v1::LastMetric) -> Result<(MetricName, f64), WireError> {
    Ok((parsed("result.metrics.name", &message.name)?, finite("result.metrics.value", message.value)?))
}

/// All three of it, or none.
fn reached_target(message: &v1::TrialResult) -> Result<Option<ReachedTarget>, WireError> {
    match (message.steps_to_target, message.examples_to_target, if_finite(message.seconds_to_target)) {
        (Some(steps), Some(examples), Some(seconds)) => Ok(Some(ReachedTarget { steps, examples, seconds })),
        (None, None, None) => Ok(None),
        _ => Err(WireError::new(
            "result.steps_to_target",
            "comes together with examples_to_target and seconds_to_target, or none of them does",
        )),
    }
}

fn finite(field: &'static str, value: f64) -> Result<f64, WireError> {
    if_finite(Some(value)).ok_or_else(|| WireError::new(field, "is not finite"))
}

fn if_finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

impl Wire for SeedSets {
    type Message = v1::SeedSets;

    fn to_wire(&self) -> v1::SeedSets {
        let Self { data, weights, order } = *self;
        v1::SeedSets { data, weights, order }
    }

    fn from_wire(message: v1::SeedSets) -> Result<Self, WireError> {
        let v1::SeedSets { data, weights, order } = message;
        Ok(Self { data, weights, order })
    }
}

impl Wire for Outcome {
    type Message = v1::Outcome;

    fn to_wire(&self) -> v1::Outcome {
        match self {
            Self::Succeeded => v1::Outcome::Succeeded,
            Self::Diverged => v1::Outcome::Diverged,
            Self::Infeasible => v1::Outcome::Infeasible,
            Self::Stopped => v1::Outcome::Stopped,
        }
    }

    fn from_wire(message: v1::Outcome) -> Result<Self, WireError> {
        Ok(match message {
            v1::Outcome::Succeeded => Self::Succeeded,
            v1::Outcome::Diverged => Self::Diverged,
            v1::Outcome::Infeasible => Self::Infeasible,
            v1::Outcome::Stopped => Self::Stopped,
            v1::Outcome::Unspecified => return Err(unspecified("result.outcome")),
        })
    }
}

impl Wire for Accumulation {
    type Message = v1::Accumulation;

    fn to_wire(&self) -> v1::Accumulation {
        match self {
            Self::None => v1::Accumulation::None,
            Self::Exact => v1::Accumulation::Exact,
            Self::Approximate => v1::Accumulation::Approximate,
        }
    }

    fn from_wire(message: v1::Accumulation) -> Result<Self, WireError> {
        Ok(match message {
            v1::Accumulation::None => Self::None,
            v1::Accumulation::Exact => Self::Exact,
            v1::Accumulation::Approximate => Self::Approximate,
            v1::Accumulation::Unspecified => return Err(unspecified("result.accumulation")),
        })
    }
}

impl Wire for PeakMemory {
    type Message = v1::Memory;

    fn to_wire(&self) -> v1::Memory {
        let MemoryParts { fixed, batch_bytes, activation_bytes, resident_data_bytes } = self.parts;
        v1::Memory {
            parameter_bytes: fixed.parameter_bytes,
            gradient_bytes: fixed.gradient_bytes,
            optimizer_state_bytes: fixed.optimizer_state_bytes,
            batch_bytes,
            activation_bytes,
            resident_data_bytes,
            peak_memory_bytes: self.peak_bytes,
            peak_reserved_bytes: self.peak_reserved_bytes,
            predicted_peak_memory_bytes: self.predicted_peak_bytes,
            memory_budget_bytes: self.budget_bytes,
        }
    }

    fn from_wire(message: v1::Memory) -> Result<Self, WireError> {
        Ok(Self {
            parts: MemoryParts {
                fixed: StaticParts {
                    parameter_bytes: message.parameter_bytes,
                    gradient_bytes: message.gradient_bytes,
                    optimizer_state_bytes: message.optimizer_state_bytes,
                },
                batch_bytes: message.batch_bytes,
                activation_bytes: message.activation_bytes,
                resident_data_bytes: message.resident_data_bytes,
            },
            peak_bytes: message.peak_memory_bytes,
            peak_reserved_bytes: message.peak_reserved_bytes,
            predicted_peak_bytes: message.predicted_peak_memory_bytes,
            budget_bytes: message.memory_budget_bytes,
        })
    }
}
