//! What is compared: one number a trial, lower is better.

use super::record::TrialRecord;
use crate::spec::{TargetMetric, TrainSpec};

/// The metric that trials are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreMetric {
    /// Mean loss over the validation examples at the last evaluation.
    ValidationLoss,
    /// Share of validation examples classified wrongly at the last evaluation.
    ValidationError,
    /// Mean loss over the whole training set after the last step.
    TrainSetLoss,
    /// Optimizer steps at the first evaluation that met the target. It tunes the learning rate of a batch size;
    /// between batch sizes, fewer steps are not better by themselves.
    StepsToTarget,
}

impl ScoreMetric {
    /// What fits a sweep: the steps to the target where trials ended there (their losses are then all alike); else
    /// the validation loss where there are validation examples (the validation error where the target is set on
    /// it), else the loss over the whole training set. Never a mean over an epoch's steps: that mixes the beginning
    /// of the epoch with its end, and the more so the fewer steps it has.
    #[must_use]
    pub fn of(records: &[TrialRecord], train: Option<&TrainSpec>) -> Self {
        let target = train.and_then(|train| train.target);
        let wants_error = target.is_some_and(|target| target.metric == TargetMetric::ValidationError);
        let ends_at_target = train.is_some_and(|train| train.stop_at_target);
        let any = |has: fn(&TrialRecord) -> bool| records.iter().any(has);
        if ends_at_target && any(|record| record.steps_to_target.is_some()) {
            Self::StepsToTarget
        } else if wants_error && any(|record| record.final_validation_accuracy.is_some()) {
            Self::ValidationError
        } else if any(TrialRecord::was_validated) {
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
            Self::StepsToTarget => record.steps_to_target.map(|steps| steps as f64),
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
            Self::StepsToTarget => "steps to target",
        }
    }

    /// Its name for programs, after the columns of view `result`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ValidationLoss => "final_validation_loss",
            Self::ValidationError => "final_validation_error",
            Self::TrainSetLoss => "train_set_loss",
            Self::StepsToTarget => "steps_to_target",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::TrialStatus;
    use crate::spec::Target;

    #[test]
    fn validation_comes_first_and_the_target_chooses_its_kind() {
        let bare =
            TrialRecord { train_set_loss: Some(0.7), ..TrialRecord::new(1, 0.1, 0, TrialStatus::Succeeded) };
        let validated = TrialRecord {
            final_validation_loss: Some(0.5),
            final_validation_accuracy: Some(0.75),
            ..bare.clone()
        };
        let target = Target { metric: TargetMetric::ValidationError, below: 0.1 };
        let error = TrainSpec { target: Some(target), ..TrainSpec::default() };
        let (bare, validated) = ([bare], [validated]);
        assert_eq!(ScoreMetric::of(&bare, Some(&error)), ScoreMetric::TrainSetLoss);
        assert_eq!(ScoreMetric::of(&validated, None), ScoreMetric::ValidationLoss);
        assert_eq!(ScoreMetric::of(&validated, Some(&error)), ScoreMetric::ValidationError);
        assert_eq!(ScoreMetric::TrainSetLoss.score(&bare[0]), Some(0.7));
        assert_eq!(ScoreMetric::ValidationError.score(&validated[0]), Some(0.25));
        assert_eq!(ScoreMetric::ValidationLoss.score(&bare[0]), None);
    }
    #[test]
    fn trials_that_end_at_their_target_are_compared_by_the_steps_to_it() {
        let stop = TrainSpec { stop_at_target: true, ..TrainSpec::default() };
        let missed =
            TrialRecord { train_set_loss: Some(0.5), ..TrialRecord::new(1, 0.1, 0, TrialStatus::Succeeded) };
        let met = TrialRecord { steps_to_target: Some(7), ..missed.clone() };
        assert_eq!(ScoreMetric::of(std::slice::from_ref(&met), None), ScoreMetric::TrainSetLoss);
        assert_eq!(ScoreMetric::of(std::slice::from_ref(&missed), Some(&stop)), ScoreMetric::TrainSetLoss);
        assert_eq!(ScoreMetric::of(&[met.clone(), missed.clone()], Some(&stop)), ScoreMetric::StepsToTarget);
        assert_eq!(ScoreMetric::StepsToTarget.score(&met), Some(7.0));
        assert_eq!(ScoreMetric::StepsToTarget.score(&missed), None);
    }
}
