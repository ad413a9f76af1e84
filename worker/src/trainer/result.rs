//! A trial's result in the words of the wire.

use domain::memory::MemoryParts;
use domain::noise_scale::NoiseScale;
use domain::spec::TargetMetric;
use proto::v1::{self, MetricName};
use tch::Device;

use super::device;
use super::setup::{DoesNotFit, Ready};
use super::summary::Summary;

/// Numbers of a trained trial that are not in its curves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The largest micro-batch in force at the end.
    pub micro_batch: u64,
    /// Time in training steps.
    pub train_seconds: f64,
    /// The most bytes that training steps took.
    pub peak_bytes: u64,
    /// The most bytes that the allocator held in them.
    pub peak_reserved_bytes: u64,
    /// Allocations refused.
    pub ooms: u64,
    /// The gradient noise scale, where it was determined.
    pub noise_scale: Option<NoiseScale>,
}

/// The result of a trial that took steps.
pub(super) fn trained(
    ready: &Ready,
    summary: &Summary,
    measured: &Measured,
    device: Device,
    (outcome, message): (v1::Outcome, String),
) -> v1::TrialResult {
    let split = domain::AccumulationPlan::at_most(ready.course.batch_size(), measured.micro_batch);
    let parts = ready.account.parts(measured.peak_bytes, split.micro_batch());
    let memory = v1::Memory {
        peak_memory_bytes: measured.peak_bytes,
        peak_reserved_bytes: measured.peak_reserved_bytes,
        predicted_peak_memory_bytes: ready.plan.predicted.total(),
        memory_budget_bytes: ready.account.budget,
        ..proto::to_wire::memory_parts(parts)
    };
    let is_infeasible = outcome == v1::Outcome::Infeasible;
    let accumulation = match (split.accumulation_steps(), ready.learner.model.inexact_when_split()) {
        (1, _) => v1::Accumulation::None,
        (_, None) => v1::Accumulation::Exact,
        (_, Some(_)) => v1::Accumulation::Approximate,
    };
    let to_target = summary.to_target;
    v1::TrialResult {
        outcome: outcome.into(),
        message,
        micro_batch: if is_infeasible { 0 } else { split.micro_batch() },
        accumulation_steps: if is_infeasible { 0 } else { split.accumulation_steps() },
        accumulation: accumulation.into(),
        device: device_with_model(device),
        steps: summary.steps,
        examples: summary.examples,
        epochs: summary.examples as f64 / ready.shape.train_examples as f64,
        first_train_loss: finite(summary.first_train_loss),
        final_train_loss: finite(summary.final_train_loss),
        train_set_loss: finite(summary.train_set_loss),
        last_epoch_train_loss: finite(summary.last_epoch_train_loss()),
        train_loss_std: finite(summary.train_loss_std()),
        final_validation_loss: finite(summary.final_validation_loss),
        final_validation_accuracy: finite(summary.final_validation_accuracy),
        best_validation_loss: finite(summary.best_validation_loss),
        best_validation_accuracy: finite(summary.best_validation_accuracy),
        steps_to_target: to_target.map(|(steps, _, _)| steps),
        examples_to_target: to_target.map(|(_, examples, _)| examples),
        seconds_to_target: to_target.map(|(_, _, seconds)| seconds),
        train_seconds: measured.train_seconds,
        examples_per_second: finite(Some(summary.examples as f64 / measured.train_seconds)),
        memory: Some(memory),
        oom_count: measured.ooms,
        gradient_noise_scale: finite(measured.noise_scale.map(|scale| scale.value)),
    }
}

/// The result of a trial that fits in no way: its memory is what was predicted, nothing was measured.
pub(super) fn infeasible(trial: &DoesNotFit, device: Device) -> v1::TrialResult {
    v1::TrialResult {
        outcome: v1::Outcome::Infeasible.into(),
        message: trial.infeasible.message.clone(),
        accumulation: v1::Accumulation::None.into(),
        device: device_with_model(device),
        memory: Some(predicted(trial.infeasible.needed, trial.budget)),
        oom_count: trial.ooms,
        ..v1::TrialResult::default()
    }
}

/// Memory as it was planned: the predicted peak in its parts.
pub(super) fn predicted(parts: MemoryParts, budget: Option<u64>) -> v1::Memory {
    v1::Memory {
        predicted_peak_memory_bytes: parts.total(),
        memory_budget_bytes: budget,
        peak_memory_bytes: 0,
        peak_reserved_bytes: 0,
        ..proto::to_wire::memory_parts(parts)
    }
}

/// The curve that a target is set on.
pub(super) fn metric_of(target: TargetMetric) -> MetricName {
    match target {
        TargetMetric::ValidationError => MetricName::ValidationError,
        TargetMetric::ValidationLoss => MetricName::ValidationLoss,
        TargetMetric::TrainSetLoss => MetricName::TrainSetLoss,
    }
}

fn device_with_model(device: Device) -> String {
    match device {
        Device::Cpu => device::name(device),
        _ => format!("{} {}", device::name(device), device::describe(device, None).description),
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}
