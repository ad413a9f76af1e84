//! `[train]`.

use domain::spec::{Budget, Loss, OptimizerKind, Precision, ScheduleKind, Target, TargetMetric, TrainSpec};

use crate::convert::{Wire, WireError, missing, word};
use crate::v1;

impl Wire for TrainSpec {
    type Message = v1::TrainSpec;

    fn to_wire(&self) -> v1::TrainSpec {
        v1::TrainSpec {
            budget: self.budget.as_ref().map(Wire::to_wire),
            optimizer: self.optimizer.word().to_owned(),
            momentum: self.momentum,
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            loss: self.loss.word().to_owned(),
            schedule: self.schedule.word().to_owned(),
            warmup_steps: self.warmup_steps,
            shuffle: self.shuffle,
            precision: self.precision.word().to_owned(),
            drop_last: self.drop_last,
            target: self.target.as_ref().map(Wire::to_wire),
            stop_at_target: self.stop_at_target,
        }
    }

    fn from_wire(message: v1::TrainSpec) -> Result<Self, WireError> {
        Ok(Self {
            budget: message.budget.map(Budget::from_wire).transpose()?,
            optimizer: word("train.optimizer", &OptimizerKind::ALL, &message.optimizer)?,
            momentum: message.momentum,
            nesterov: message.nesterov,
            weight_decay: message.weight_decay,
            beta1: message.beta1,
            beta2: message.beta2,
            epsilon: message.epsilon,
            loss: word("train.loss", &Loss::ALL, &message.loss)?,
            schedule: word("train.schedule", &ScheduleKind::ALL, &message.schedule)?,
            warmup_steps: message.warmup_steps,
            shuffle: message.shuffle,
            precision: word("train.precision", &Precision::ALL, &message.precision)?,
            drop_last: message.drop_last,
            target: message.target.map(Target::from_wire).transpose()?,
            stop_at_target: message.stop_at_target,
        })
    }
}

impl Wire for Budget {
    type Message = v1::Budget;

    fn to_wire(&self) -> v1::Budget {
        use v1::budget::Length;
        let length = match *self {
            Self::Epochs(amount) => Length::Epochs(amount),
            Self::Steps(amount) => Length::Steps(amount),
            Self::Examples(amount) => Length::Examples(amount),
        };
        v1::Budget { length: Some(length) }
    }

    fn from_wire(message: v1::Budget) -> Result<Self, WireError> {
        use v1::budget::Length;
        Ok(match message.length.ok_or_else(|| missing("train.epochs"))? {
            Length::Epochs(amount) => Self::Epochs(amount),
            Length::Steps(amount) => Self::Steps(amount),
            Length::Examples(amount) => Self::Examples(amount),
        })
    }
}

impl Wire for Target {
    type Message = v1::Target;

    fn to_wire(&self) -> v1::Target {
        v1::Target { metric: self.metric.word().to_owned(), below: self.below }
    }

    fn from_wire(message: v1::Target) -> Result<Self, WireError> {
        let metric = word("train.target.metric", &TargetMetric::ALL, &message.metric)?;
        Ok(Self { metric, below: message.below })
    }
}
