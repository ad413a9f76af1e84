//! A trial's whole state between two steps: saved, and gone on from with the same bits.

use std::path::Path;
use std::time::{Duration, Instant};

use domain::spec::MicroBatchPolicy;
use domain::{AccumulationPlan, TrialSpec};
use prost::Message;
use proto::v1::{self, SplitKind};
use proto::{from_wire, to_wire};
use sha2::{Digest, Sha256};

use super::stopwatch::Stopwatch;
use super::{Peak, Session};
use crate::digest::hex;
use crate::trainer::divergence::Divergence;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::memory::{LIMITING, READING};
use crate::trainer::planner::Plan;
use crate::trainer::report::Reporter;
use crate::trainer::setup::AsSaved;
use crate::trainer::snapshot::{Snapshot, SnapshotError};
use crate::trainer::summary::Summary;

impl Session<'_, '_> {
    /// Saves the state after the last step, whose losses are read and told. What cannot be saved is told in the log, and
    /// training goes on.
    pub(super) fn save(&mut self) -> Result<(), TrialError> {
        let begun = Instant::now();
        let Some(file) = self.checkpoints.file(self.summary.steps) else { return Ok(()) };
        self.between_steps()?;
        let state = self.state()?;
        let mut snapshot = Snapshot::take(&self.ready.learner, state.step).doing("saving the trial")?;
        snapshot.session = state.encode_to_vec();
        match snapshot.write(&file) {
            Ok(sha256) => self.reporter.saved(v1::SavedTrial {
                file: file.to_string_lossy().into_owned(),
                sha256,
                step: state.step,
                examples: self.summary.examples,
            })?,
            Err(error) => self.reporter.warn(format!("the trial could not be saved: {error}")),
        }
        self.steps_again()?;
        self.checkpoints.done(begun.elapsed());
        Ok(())
    }

    /// Goes on from what an earlier attempt saved, and gives the steps done; 0 where it does not suit what was prepared,
    /// which the log then tells.
    pub(super) fn go_on(&mut self, before: Before) -> Result<u64, TrialError> {
        let done = match self.check(&before.state) {
            Ok(()) => self.take_over(&before)?,
            Err(problem) => Err(problem),
        };
        Ok(done.unwrap_or_else(|problem| {
            self.reporter.warn(format!("{START_OVER}: {problem}"));
            0
        }))
    }

    fn check(&self, state: &v1::TrialState) -> Result<(), String> {
        if !(1..=self.ready.course.total_steps()).contains(&state.step) {
            return Err("its number of steps is not this trial's".to_owned());
        }
        if state.data_sha256 != self.ready.data_sha256.clone().unwrap_or_default() {
            return Err("it was trained on other data".to_owned());
        }
        if state.kind != self.ready.key.0 {
            let (then, here) = (&state.kind, &self.ready.key.0);
            return Err(format!("rounding would not be the same here: it was `{then}`, here it is `{here}`"));
        }
        Ok(())
    }

    /// Gives the steps done, or why the tensors do not suit; nothing is changed then.
    fn take_over(&mut self, before: &Before) -> Result<Result<u64, String>, TrialError> {
        let Before { snapshot, state } = before;
        let meter = self.ready.meter;
        let ooms = meter.ooms().doing(READING)?;
        // A tensor at a time is there twice, for a moment that is no training.
        meter.set_limit(None).doing(LIMITING)?;
        let restored = snapshot.restore(&mut self.ready.learner);
        meter.set_limit(Some(self.ready.account.limit)).doing(LIMITING)?;
        match restored {
            Ok(()) => {}
            Err(SnapshotError::Torch(source)) => {
                return Err(TrialError::Torch { doing: "restoring the trial", source });
            }
            Err(problem) => return Ok(Err(problem.to_string())),
        }
        let batch_size = self.ready.course.batch_size();
        if let Some(plan) = &state.plan {
            self.ready.plan = Plan {
                split: AccumulationPlan::at_most(plan.batch_size.max(1), plan.micro_batch.max(1)),
                predicted: from_wire::memory_parts(&plan.predicted.unwrap_or_default()),
                evaluation_examples: plan.evaluation_examples,
                reason: plan.reason.clone(),
                is_measured: plan.is_measured,
            };
        }
        self.micro_batch = state.micro_batch.max(1);
        self.evaluation_examples = state.evaluation_examples.max(1);
        self.divergence = Divergence::from_saved(&state.divergence.unwrap_or_default(), batch_size);
        self.summary = Summary::from_saved(&state.summary.unwrap_or_default());
        self.noise.go_on_from(&state.noise);
        self.watch = Stopwatch::counted(Duration::from_nanos(state.train_nanos));
        self.peak = Peak { bytes: state.peak_bytes, reserved: state.peak_reserved_bytes };
        self.ooms_before = state.ooms.cast_signed() - ooms.cast_signed();
        let seen = self.summary.examples;
        self.milestones.retain(|milestone| milestone.examples > seen);
        self.reporter.resumed(state.step, state.told_learning_rate)?;
        self.cap_micro_batch();
        self.steps_again()?;
        Ok(Ok(state.step))
    }

    /// Attempts that were killed since the trial was saved ask for smaller micro-batches than it was saved with. That costs
    /// the last bits of what follows, and is told.
    fn cap_micro_batch(&mut self) {
        let Some(cap) = self.ready.micro_batch_cap.clone() else { return };
        let before = self.micro_batch;
        let MicroBatchPolicy::Fixed(examples) = cap.limit(self.spec.memory.micro_batch) else { return };
        let split = AccumulationPlan::at_most(self.ready.course.batch_size(), examples);
        if split.micro_batch() < before {
            self.micro_batch = split.micro_batch();
            let from_step = self.summary.steps + 1;
            self.reporter.split(SplitKind::Realized, from_step, split, &cap.reason, 0);
            self.reporter.warn(format!(
                "from step {from_step} in micro-batches of {}: {}",
                self.micro_batch, cap.reason
            ));
        }
    }

    fn state(&self) -> Result<v1::TrialState, TrialError> {
        let plan = &self.ready.plan;
        Ok(v1::TrialState {
            step: self.summary.steps,
            spec_sha256: spec_sha256(self.spec),
            kind: self.ready.key.0.clone(),
            data_sha256: self.ready.data_sha256.clone().unwrap_or_default(),
            micro_batch: self.micro_batch,
            evaluation_examples: self.evaluation_examples,
            plan: Some(v1::SavedPlan {
                batch_size: plan.split.batch_size(),
                micro_batch: plan.split.micro_batch(),
                predicted: Some(to_wire::memory_parts(plan.predicted)),
                evaluation_examples: plan.evaluation_examples,
                reason: plan.reason.clone(),
                is_measured: plan.is_measured,
            }),
            summary: Some(self.summary.saved()),
            divergence: Some(self.divergence.saved()),
            noise: self.noise.saved(),
            train_nanos: self.watch.nanos(),
            peak_bytes: self.peak.bytes,
            peak_reserved_bytes: self.peak.reserved,
            ooms: self.ooms()?,
            told_learning_rate: self.reporter.told_learning_rate(),
            threads: u64::try_from(tch::get_num_threads()).unwrap_or(0),
        })
    }

    /// Allocations refused, those of the attempts before included.
    pub(super) fn ooms(&self) -> Result<u64, TrialError> {
        let here = self.ready.meter.ooms().doing(READING)?;
        Ok(here.saturating_add_signed(self.ooms_before))
    }
}

/// What an earlier attempt of the trial saved.
#[derive(Debug)]
pub(super) struct Before {
    snapshot: Snapshot,
    state: v1::TrialState,
}

impl Before {
    /// Reads the file, as far as it can be judged before the trial is prepared. `None` where it is of no use, which the log
    /// then tells.
    pub(super) fn read(spec: &TrialSpec, file: &Path, reporter: &mut Reporter<'_>) -> Option<Self> {
        Self::try_read(spec, file)
            .inspect_err(|problem| reporter.warn(format!("{START_OVER}: {problem}")))
            .ok()
    }

    fn try_read(spec: &TrialSpec, file: &Path) -> Result<Self, String> {
        let snapshot = Snapshot::read(file).map_err(|error| error.to_string())?;
        let state = v1::TrialState::decode(snapshot.session.as_slice())
            .map_err(|_| "it does not hold the state of a trial".to_owned())?;
        let (plan, summary) = (state.plan.is_some(), state.summary.is_some());
        if !(plan && summary && state.divergence.is_some()) || state.step != snapshot.steps {
            return Err("it does not hold the whole state of a trial".to_owned());
        }
        if state.spec_sha256 != spec_sha256(spec) {
            return Err("it is of another trial".to_owned());
        }
        Ok(Self { snapshot, state })
    }

    /// How it was computed.
    pub(super) fn how_it_was_computed(&self) -> AsSaved {
        AsSaved { threads: self.state.threads, kind: self.state.kind.clone() }
    }
}

fn spec_sha256(spec: &TrialSpec) -> String {
    hex(&Sha256::digest(to_wire::trial(spec).encode_to_vec()))
}

const START_OVER: &str = "the checkpoint cannot be used, the trial starts over";
