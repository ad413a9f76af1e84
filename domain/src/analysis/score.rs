//! What is compared: one number a trial, lower is better.

use super::record::TrialRecord;
use crate::spec::{Target, TargetMetric};

/// The metric that trials are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreMetric {
    /// Mean loss over the validation examples at the last evaluation.
    ValidationLoss,
    /// Share of validation examples classified wrongly at the last evaluation.
    ValidationError,
    /// Mean loss over the whole training set after the last step.
    TrainSetLoss,
}

impl ScoreMetric {
    /// What fits a sweep: the validation loss where there are validation examples (the validation error where the target is
    /// set on it), else the loss over the whole training set. Never a mean over an epoch's steps: that mixes the
    /// beginning of the epoch with its end, and the more so the fewer steps it has.
    #[must_use]
    pub fn of(records: &[TrialRecord], target: Option<Target>) -> Self {
        let wants_error = target.is_some_and(|target| target.metric == TargetMetric::ValidationError);
        if wants_error && records.iter().any(|record| record.final_validation_accuracy.is_some()) {
            Self::ValidationError
        } else if records.iter().any(|record| record.final_validation_loss.is_some()) {
            Self::ValidationLoss
        } else {
            Self::TrainSetLoss
        }
    }

    /// A trial's score; `None` where it has none, as a diverged one.
    #[must_use]
    pub fn score(self, record: &TrialRecord) -> Option<f64> {
        match self {
            Self::ValidationLoss => record.final_validation_loss,
            Self::ValidationError => record.final_validation_accuracy.map(|accuracy| 1.0 - accuracy),
            Self::TrainSetLoss => record.train_set_loss,
        }
        .filter(|score| score.is_finite())
    }

    /// Its name for people: `validation loss`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ValidationLoss => "validation loss",
            Self::ValidationError => "validation error",
            Self::TrainSetLoss => "train-set loss",
        }
    }

    /// Its name for programs, after the columns of view `result`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ValidationLoss => "final_validation_loss",
            Self::ValidationError => "final_validation_error",
            Self::TrainSetLoss => "train_set_loss",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::TrialStatus;

    #[test]
    fn validation_comes_first_and_the_target_chooses_its_kind() {
        let bare =
            TrialRecord { train_set_loss: Some(0.7), ..TrialRecord::new(1, 0.1, 0, TrialStatus::Succeeded) };
        let validated = TrialRecord {
            final_validation_loss: Some(0.5),
            final_validation_accuracy: Some(0.75),
            ..bare.clone()
        };
        let error = Target { metric: TargetMetric::ValidationError, below: 0.1 };
        let (bare, validated) = ([bare], [validated]);
        assert_eq!(ScoreMetric::of(&bare, Some(error)), ScoreMetric::TrainSetLoss);
        assert_eq!(ScoreMetric::of(&validated, None), ScoreMetric::ValidationLoss);
        assert_eq!(ScoreMetric::of(&validated, Some(error)), ScoreMetric::ValidationError);
        assert_eq!(ScoreMetric::TrainSetLoss.score(&bare[0]), Some(0.7));
        assert_eq!(ScoreMetric::ValidationError.score(&validated[0]), Some(0.25));
        assert_eq!(ScoreMetric::ValidationLoss.score(&bare[0]), None);
    }
}
