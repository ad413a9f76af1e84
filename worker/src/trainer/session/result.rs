//! A trial's result, put together at its end.

use domain::AccumulationPlan;
use domain::lifecycle::Outcome;
use domain::memory::MemoryParts;
use domain::noise_scale::NoiseScale;
use domain::run::{Accumulation, PeakMemory, TrialResult};
use tch::Device;

use super::ready::{DoesNotFit, Ready};
use crate::trainer::device;
use crate::trainer::state::Peak;
use crate::trainer::state::summary::Summary;

/// How a trial that took steps ended, and numbers of it that are not in its curves.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// What became of it.
    pub outcome: Outcome,
    /// Why; empty where it succeeded.
    pub message: String,
    /// The largest micro-batch in force at the end.
    pub micro_batch: u64,
    /// Time in training steps.
    pub train_seconds: f64,
    /// The most memory that training steps took.
    pub peak: Peak,
    /// Allocations refused.
    pub ooms: u64,
    /// The gradient noise scale, where it was determined.
    pub noise_scale: Option<NoiseScale>,
}

/// The result of a trial that took steps.
pub(super) fn trained(ready: &Ready, summary: &Summary, ending: Ending, device: Device) -> TrialResult {
    let split = AccumulationPlan::at_most(ready.course.effective_batch_size(), ending.micro_batch);
    let is_infeasible = ending.outcome == Outcome::Infeasible;
    TrialResult {
        outcome: ending.outcome,
        message: ending.message,
        micro_batch: if is_infeasible { 0 } else { split.micro_batch() },
        accumulation_steps: if is_infeasible { 0 } else { split.accumulation_steps() },
        accumulation: match (split.accumulation_steps(), ready.learner.model.inexact_when_split()) {
            (1, _) => Accumulation::None,
            (_, None) => Accumulation::Exact,
            (_, Some(_)) => Accumulation::Approximate,
        },
        device: name_with_model(device),
        epochs: summary.examples as f64 / ready.shape.train_examples as f64,
        train_seconds: ending.train_seconds,
        examples_per_second: finite(Some(summary.examples as f64 / ending.train_seconds)),
        memory: PeakMemory {
            parts: ready.account.parts(ending.peak.bytes, split.micro_batch()),
            peak_bytes: ending.peak.bytes,
            peak_reserved_bytes: ending.peak.reserved,
            predicted_peak_bytes: ready.plan.predicted.total(),
            budget_bytes: ready.account.budget,
        },
        oom_count: ending.ooms,
        gradient_noise_scale: finite(ending.noise_scale.map(|scale| scale.value)),
        task: Some(ready.task.kind()),
        tokens: ready.task.tokens().map(|each| each * summary.examples),
        seed_sets: ready.facts.seed_sets,
        ..curves(summary)
    }
}

/// The result of a trial that fits in no way: its memory is what was predicted, nothing was measured.
pub(super) fn infeasible(trial: &DoesNotFit, device: Device) -> TrialResult {
    TrialResult {
        message: trial.infeasible.message.clone(),
        task: Some(trial.task),
        device: name_with_model(device),
        memory: predicted(trial.infeasible.needed, trial.budget),
        oom_count: trial.ooms,
        ..curves(&Summary::default())
    }
}

/// What a trial's curves amount to; the rest is as if it could not be trained.
fn curves(summary: &Summary) -> TrialResult {
    TrialResult {
        steps: summary.steps,
        examples: summary.examples,
        first_train_loss: finite(summary.first_train_loss),
        final_train_loss: finite(summary.final_train_loss),
        train_set_loss: finite(summary.train_set_loss),
        last_epoch_train_loss: finite(summary.last_epoch_train_loss()),
        train_loss_std: finite(summary.train_loss_std()),
        final_validation_loss: finite(summary.final_validation_loss),
        final_validation_accuracy: finite(summary.final_validation_accuracy),
        best_validation_loss: finite(summary.best_validation_loss),
        best_validation_accuracy: finite(summary.best_validation_accuracy),
        reached_target: summary.reached_target,
        outcome: Outcome::Infeasible,
        message: String::new(),
        micro_batch: 0,
        accumulation_steps: 0,
        accumulation: Accumulation::None,
        device: String::new(),
        epochs: 0.0,
        train_seconds: 0.0,
        examples_per_second: None,
        memory: PeakMemory::default(),
        oom_count: 0,
        gradient_noise_scale: None,
        task: None,
        tokens: None,
        metrics: summary.metrics.iter().filter(|(_, value)| value.is_finite()).cloned().collect(),
        seed_sets: None,
    }
}

/// Memory as it was planned: the predicted peak in its parts.
pub(super) fn predicted(parts: MemoryParts, budget_bytes: Option<u64>) -> PeakMemory {
    PeakMemory { parts, predicted_peak_bytes: parts.total(), budget_bytes, ..PeakMemory::default() }
}

fn name_with_model(device: Device) -> String {
    match device {
        Device::Cpu => device::name(device),
        _ => format!("{} {}", device::name(device), device::describe(device).model),
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
