//! What happens at milestones, and before the first step.

use domain::problem::TaskKind;
use domain::run::{MetricName, OwnMetricName, Phase, Place};
use domain::spec::TargetMetric;

use super::Session;
use super::milestones::Milestone;
use super::ready::Ready;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::state::divergence::Divergence;
use crate::trainer::state::summary::Summary;
use crate::trainer::step::evaluate::{Evaluation, evaluate};

impl Session<'_, '_> {
    /// Evaluates at a milestone; the reason if the trial has diverged.
    pub(super) fn evaluate(&mut self) -> Result<Option<String>, TrialError> {
        self.between_steps()?;
        let seen = self.summary.examples;
        let due = |milestone: &Milestone| milestone.examples <= seen;
        let mut train_set = false;
        while let Some(milestone) = self.milestones.pop_if(|milestone| due(milestone)) {
            train_set |= milestone.train_set;
        }
        let mut diverged = None;
        if train_set {
            let loss = self.evaluate_train_set()?;
            diverged = self.divergence.at_evaluation(loss);
        }
        self.evaluate_validation()?;
        self.steps_again()?;
        Ok(diverged.map(|reason| format!("step {}: {reason}", self.summary.steps)))
    }

    /// The loss before the first step, which divergence is measured against: of the whole training set when that is
    /// small, else of its first examples.
    pub(super) fn evaluate_untrained(&mut self) -> Result<(), TrialError> {
        const ENOUGH: u64 = 1024;
        let train_examples = self.ready.shape.train_examples;
        let start = self.evaluate_rows(0, train_examples.min(ENOUGH))?.loss;
        self.divergence = Divergence::new(start, self.ready.course.effective_batch_size());
        if train_examples <= ENOUGH {
            self.report_evaluation(&MetricName::TrainSetLoss, start);
        }
        self.evaluate_validation()?;
        // What was found before any step is no result of training.
        self.summary = Summary::default();
        self.steps_again()
    }

    /// Evaluates the training set after the last step of a trial that ends where it met its target, if that milestone did
    /// not: its last one, at which the training set is always evaluated, does not come.
    pub(super) fn evaluate_trained(&mut self) -> Result<(), TrialError> {
        if self.summary.train_set_loss.is_none() {
            self.between_steps()?;
            self.evaluate_train_set()?;
            self.steps_again()?;
        }
        Ok(())
    }

    fn evaluate_train_set(&mut self) -> Result<f64, TrialError> {
        let Evaluation { loss, own, .. } = self.evaluate_rows(0, self.ready.shape.train_examples)?;
        self.summary.add_train_set(loss);
        self.report_evaluation(&MetricName::TrainSetLoss, loss);
        if self.ready.shape.validation_examples == 0 {
            self.report_own(own);
        }
        Ok(loss)
    }

    fn evaluate_validation(&mut self) -> Result<(), TrialError> {
        let (first, count) = (self.ready.shape.train_examples, self.ready.shape.validation_examples);
        if count == 0 {
            return Ok(());
        }
        let Evaluation { loss, accuracy, own } = self.evaluate_rows(first, count)?;
        self.summary.add_validation(loss, accuracy);
        self.report_evaluation(&MetricName::ValidationLoss, loss);
        if let Some(accuracy) = accuracy {
            self.report_evaluation(&MetricName::ValidationAccuracy, accuracy);
            self.report_evaluation(&MetricName::ValidationError, 1.0 - accuracy);
        }
        if self.ready.task.kind() == TaskKind::Sequence {
            self.report_in_metrics(&MetricName::ValidationPerplexity, loss.exp());
        }
        self.report_own(own);
        Ok(())
    }

    /// Metrics of the model's own: of the validation examples, or of the training set where there are none.
    fn report_own(&mut self, own: Vec<(String, f64)>) {
        for (name, value) in own {
            if let Some(name) = OwnMetricName::new(&name) {
                self.report_in_metrics(&MetricName::Own(name), value);
            }
        }
    }

    /// A metric that has no column of its own.
    fn report_in_metrics(&mut self, name: &MetricName, value: f64) {
        self.summary.set_metric(name, value);
        self.report_evaluation(name, value);
    }

    fn evaluate_rows(&mut self, start: u64, count: u64) -> Result<Evaluation, TrialError> {
        if self.reporter.is_due() {
            self.report_progress(Phase::Evaluating)?;
        }
        let Ready { learner, feed, .. } = &mut self.ready;
        let rows = start..start + count;
        evaluate(learner, feed, rows, &mut self.evaluation_examples).doing("evaluating")
    }

    fn report_evaluation(&mut self, name: &MetricName, value: f64) {
        let seconds = self.watch.seconds();
        let place = Place { step: self.summary.steps, examples: self.summary.examples, seconds };
        self.reporter.metric(name.clone(), place, value);
        if let Some(target) = self.trial.spec.settings.train.target
            && curve_of(target.metric) == *name
            && self.summary.steps > 0
        {
            self.summary.check_target(target, value, seconds);
        }
    }
}

/// The curve that a target is set on.
fn curve_of(target: TargetMetric) -> MetricName {
    match target {
        TargetMetric::ValidationError => MetricName::ValidationError,
        TargetMetric::ValidationLoss => MetricName::ValidationLoss,
        TargetMetric::TrainSetLoss => MetricName::TrainSetLoss,
    }
}
