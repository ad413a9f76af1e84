//! What a trial in progress says of itself: its splits, its memory, how far it is.

use domain::AccumulationPlan;
use domain::run::{Findings, Phase, Progress, Split, SplitKind};

use super::Session;
use super::ready::Ready;
use super::untrainable;
use crate::trainer::error::TrialError;
use crate::trainer::facts::Facts;
use crate::trainer::memory::planner::Trained;
use crate::trainer::step::learner::Refusal;

impl Session<'_, '_> {
    /// A step was done over in smaller micro-batches, which hold from then on.
    pub(super) fn report_refusals(&mut self, step: u64, refusals: &[Refusal]) -> Result<(), TrialError> {
        let (planner, Ready { kind, account, feed, .. }) = (&mut self.host.planner, &self.ready);
        let trained = Trained { kind, account, feed };
        for refusal in refusals {
            planner.record_failure(&trained, refusal.split);
        }
        let split = AccumulationPlan::at_most(self.ready.course.effective_batch_size(), self.micro_batch);
        let predicted = planner.predict(&trained, split).unwrap_or(0);
        let tried: Vec<_> = refusals.iter().map(|refusal| refusal.split.micro_batch().to_string()).collect();
        let reason = format!("step {step} ran out of memory with micro-batches of {}", tried.join(", "));
        self.reporter.split(realized(step, split, &reason, predicted));
        self.reporter.warn(format!("{reason}; it was redone with {}", self.micro_batch));
        self.report_known_memory()
    }

    pub(super) fn report_plan(&mut self) {
        let plan = &self.ready.plan;
        let split = realized(1, plan.split, &plan.reason, plan.predicted.total());
        self.reporter.split(Split { kind: SplitKind::Planned, ..split });
        let Facts { data, remarks, remark_on_weights, .. } = self.ready.facts.clone();
        self.reporter.note(data);
        remarks.into_iter().chain(remark_on_weights).for_each(|remark| self.reporter.warn(remark));
    }

    /// What was measured is reported at once: others may be planning.
    fn report_known_memory(&mut self) -> Result<(), TrialError> {
        let memory = self.host.planner.take_unreported();
        Ok(self.reporter.found(Findings { data_sha256: None, memory })?)
    }

    /// Whether the steps took what the plan said, where they were split as it said.
    pub(super) fn verify_plan(&mut self) -> Result<(), TrialError> {
        let Ready { kind, account, feed, plan, .. } = &self.ready;
        if self.summary.steps == 0 || self.micro_batch != plan.split.micro_batch() {
            return Ok(());
        }
        if let Some(difference) =
            self.host.planner.verify(&Trained { kind, account, feed }, plan, self.peak.bytes)
        {
            self.reporter.warn(difference);
        }
        self.report_known_memory()
    }

    pub(super) fn report_progress(&mut self, phase: Phase) -> Result<(), TrialError> {
        Ok(self.reporter.progress(Progress {
            phase,
            step: self.summary.steps,
            total_steps: self.ready.course.total_steps(),
            train_loss: self.summary.final_train_loss.filter(|loss| loss.is_finite()),
            micro_batch: self.micro_batch,
        })?)
    }
}

/// A split in force from a step on.
pub(super) fn realized(
    from_step: u64,
    split: AccumulationPlan,
    reason: &str,
    predicted_peak_bytes: u64,
) -> Split {
    Split {
        kind: SplitKind::Realized,
        from_step,
        micro_batch: split.micro_batch(),
        accumulation_steps: split.accumulation_steps(),
        reason: reason.to_owned(),
        predicted_peak_bytes,
    }
}

/// No split fits: before the first step, or from a step on.
pub(super) fn no_split(kind: SplitKind, from_step: u64, reason: &str, predicted_peak_bytes: u64) -> Split {
    let (micro_batch, accumulation_steps, reason) = (0, 0, reason.to_owned());
    Split { kind, from_step, micro_batch, accumulation_steps, reason, predicted_peak_bytes }
}

/// Why a trial ends whose batches would have to be split into single examples, which its model cannot take.
pub(super) fn one_example_is_too_few(step: u64, micro_batch: u64) -> String {
    let why = untrainable::one_value("a micro-batch", "allow more memory");
    format!(
        "step {step} ran out of memory with micro-batches of {micro_batch}, and cannot be split further: {why}"
    )
}

/// Why a trial ends whose plan held until then.
pub(super) fn does_not_fit_any_more(step: u64, message: &str) -> String {
    format!(
        "step {step} does not fit even with one example at a time, though the plan said it would ({message}); \
         something else may have taken the device's memory"
    )
}
