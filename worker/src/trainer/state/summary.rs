//! What a trial's curves amount to.

use domain::run::{MetricName, ReachedTarget};
use domain::spec::Target;

use crate::trainer::step::course::Batch;

/// A finished step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPoint {
    /// Its examples.
    pub batch: Batch,
    /// Training seconds once it was done.
    pub seconds: f64,
    /// The learning rate it used.
    pub learning_rate: f64,
    /// Whether it reached a milestone, where the norm of the gradient is reported.
    pub at_milestone: bool,
}

/// Numbers gathered over a trial's steps and evaluations.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Steps done.
    pub steps: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Loss of the first step.
    pub first_train_loss: Option<f64>,
    /// Loss of the last step.
    pub final_train_loss: Option<f64>,
    /// At the last evaluation of the whole training set, if no step was done since.
    pub train_set_loss: Option<f64>,
    /// At the last evaluation.
    pub final_validation_loss: Option<f64>,
    /// At the last evaluation.
    pub final_validation_accuracy: Option<f64>,
    /// The lowest.
    pub best_validation_loss: Option<f64>,
    /// The highest.
    pub best_validation_accuracy: Option<f64>,
    /// The first evaluation that met the target.
    pub reached_target: Option<ReachedTarget>,
    /// The last value of each metric that has no place above.
    pub metrics: Vec<(MetricName, f64)>,
    pub(super) epoch: u64,
    pub(super) epoch_losses: Spread,
}

/// Mean and spread of the losses of one epoch's steps.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    pub steps: u64,
    pub mean: f64,
    /// Sum of squared differences from the mean (Welford 1962).
    pub squares: f64,
    pub examples: u64,
    /// Sum of the losses, each times its examples.
    pub example_sum: f64,
}

impl Summary {
    /// A step is done, with its loss if it has one.
    pub fn add_step(&mut self, point: &StepPoint, loss: Option<f64>) {
        let Batch { step, epoch, examples, examples_after, .. } = point.batch;
        (self.steps, self.examples) = (step, examples_after);
        self.train_set_loss = None;
        if epoch != self.epoch {
            (self.epoch, self.epoch_losses) = (epoch, Spread::default());
        }
        if let Some(loss) = loss {
            self.first_train_loss.get_or_insert(loss);
            self.final_train_loss = Some(loss);
            self.epoch_losses.add(loss, examples);
        }
    }

    /// The whole training set was evaluated.
    pub fn add_train_set(&mut self, loss: f64) {
        self.train_set_loss = Some(loss);
    }

    /// The validation set was evaluated.
    pub fn add_validation(&mut self, loss: f64, accuracy: Option<f64>) {
        self.final_validation_loss = Some(loss);
        self.final_validation_accuracy = accuracy;
        // `min` and `max` prefer a number to NaN.
        self.best_validation_loss = Some(self.best_validation_loss.map_or(loss, |best| best.min(loss)));
        self.best_validation_accuracy = match (self.best_validation_accuracy, accuracy) {
            (Some(best), Some(accuracy)) => Some(best.max(accuracy)),
            (best, accuracy) => accuracy.or(best),
        };
    }

    /// A metric was measured that has no place of its own.
    pub fn set_metric(&mut self, name: &MetricName, value: f64) {
        match self.metrics.iter_mut().find(|(known, _)| known == name) {
            Some((_, last)) => *last = value,
            None => self.metrics.push((name.clone(), value)),
        }
    }

    /// A metric with a target was evaluated: the first time it is strictly below, its cost is kept.
    pub fn check_target(&mut self, target: Target, value: f64, seconds: f64) {
        if value < target.below && self.reached_target.is_none() {
            let (steps, examples) = (self.steps, self.examples);
            self.reached_target = Some(ReachedTarget { steps, examples, seconds });
        }
    }

    /// Mean loss of the last epoch's steps, each weighted by its examples.
    #[must_use]
    pub fn last_epoch_train_loss(&self) -> Option<f64> {
        let Spread { examples, example_sum, .. } = self.epoch_losses;
        (examples > 0).then(|| example_sum / examples as f64)
    }

    /// Standard deviation of the last epoch's step losses around their mean, divided by n: how much the loss jumps
    /// from step to step. An epoch of one step has none to jump to: 0.
    #[must_use]
    pub fn train_loss_std(&self) -> Option<f64> {
        let Spread { steps, squares, .. } = self.epoch_losses;
        (steps > 0).then(|| (squares / steps as f64).sqrt())
    }
}

impl Spread {
    fn add(&mut self, loss: f64, examples: u64) {
        self.steps += 1;
        let difference = loss - self.mean;
        self.mean += difference / self.steps as f64;
        self.squares += difference * (loss - self.mean);
        self.examples += examples;
        self.example_sum += loss * examples as f64;
    }
}

#[cfg(test)]
mod tests {
    use domain::spec::TargetMetric;

    use super::*;

    fn step(step: u64, epoch: u64, examples: u64) -> StepPoint {
        let batch = Batch { step, epoch, start: 0, examples, examples_after: step * 10 };
        StepPoint { batch, seconds: step as f64, learning_rate: 0.1, at_milestone: false }
    }

    #[test]
    fn the_last_epoch_alone_gives_mean_and_spread() {
        let mut summary = Summary::default();
        summary.add_step(&step(1, 0, 10), Some(100.0));
        summary.add_step(&step(2, 1, 30), Some(1.0));
        summary.add_step(&step(3, 1, 10), Some(3.0));
        assert_eq!(summary.last_epoch_train_loss(), Some((30.0 + 30.0) / 40.0));
        assert_eq!(summary.train_loss_std(), Some(1.0));
        assert_eq!((summary.first_train_loss, summary.final_train_loss), (Some(100.0), Some(3.0)));
    }

    #[test]
    fn an_epoch_of_one_step_has_no_spread_and_no_step_has_no_numbers() {
        let mut summary = Summary::default();
        assert_eq!((summary.train_loss_std(), summary.last_epoch_train_loss()), (None, None));
        summary.add_step(&step(1, 0, 10), Some(2.0));
        assert_eq!(summary.train_loss_std(), Some(0.0));
    }

    #[test]
    fn a_target_is_met_once_and_strictly_below() {
        let target = Target { metric: TargetMetric::ValidationLoss, below: 0.5 };
        let mut summary = Summary::default();
        for (number, value) in [(1, 0.6), (2, 0.5), (3, 0.4), (4, 0.1)] {
            summary.add_step(&step(number, 0, 10), Some(1.0));
            summary.check_target(target, value, number as f64);
        }
        assert_eq!(summary.reached_target, Some(ReachedTarget { steps: 3, examples: 30, seconds: 3.0 }));
    }

    #[test]
    fn a_step_without_a_loss_counts_for_no_mean() {
        let mut summary = Summary::default();
        summary.add_step(&step(1, 0, 10), None);
        assert_eq!((summary.first_train_loss, summary.last_epoch_train_loss()), (None, None));
        summary.add_step(&step(2, 0, 10), Some(2.0));
        summary.add_step(&step(3, 0, 10), None);
        assert_eq!((summary.final_train_loss, summary.last_epoch_train_loss()), (Some(2.0), Some(2.0)));
        assert_eq!(summary.steps, 3);
    }
}
