//! A trial's whole state between two steps: saved, and gone on from with the same bits.

use std::path::Path;
use std::time::Instant;

use domain::spec::MicroBatchPolicy;
use domain::{AccumulationPlan, TrialSpec};

use super::Session;
use super::reporter::Reporter;
use super::reporting::realized;
use super::stopwatch::Stopwatch;
use super::trial::AsSaved;
use crate::trainer::device::meter::{LIMITING, READING};
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::event::SavedTrial;
use crate::trainer::state::TrialState;
use crate::trainer::state::encoding::hash_of_spec;
use crate::trainer::state::snapshot::{Snapshot, SnapshotError};

impl Session<'_, '_> {
    /// Saves the state after the last step, whose losses are read and reported. Where it cannot be saved, the log says why,
    /// and training goes on.
    pub(super) fn save(&mut self) -> Result<(), TrialError> {
        let begun = Instant::now();
        let (step, examples) = (self.summary.steps, self.summary.examples);
        let Some(file) = self.checkpoints.file(step) else { return Ok(()) };
        self.between_steps()?;
        let mut snapshot = Snapshot::take(&self.ready.learner, step).doing("saving the trial")?;
        snapshot.session = self.state()?.encode();
        match snapshot.write(&file) {
            Ok(sha256) => self.reporter.saved(SavedTrial { file, sha256, step, examples })?,
            Err(error) => self.reporter.warn(format!("the trial could not be saved: {error}")),
        }
        self.steps_again()?;
        self.checkpoints.done(begun.elapsed());
        Ok(())
    }

    /// Goes on from what an earlier attempt saved, and gives the steps done; 0 where it does not suit what was prepared,
    /// and then the log says why.
    pub(super) fn go_on(&mut self, before: Before) -> Result<u64, TrialError> {
        let done = match self.check(&before.state) {
            Ok(()) => self.take_over(before)?,
            Err(problem) => Err(problem),
        };
        Ok(done.unwrap_or_else(|problem| {
            self.reporter.warn(format!("{START_OVER}: {problem}"));
            0
        }))
    }

    fn check(&self, state: &TrialState) -> Result<(), String> {
        if !(1..=self.ready.course.total_steps()).contains(&state.summary.steps) {
            return Err("its number of steps is not this trial's".to_owned());
        }
        if state.data != self.ready.data_sha256 {
            return Err("it was trained on other data".to_owned());
        }
        if state.kind != self.ready.kind {
            let (then, here) = (&state.kind.0, &self.ready.kind.0);
            return Err(format!("rounding would not be the same here: it was `{then}`, here it is `{here}`"));
        }
        Ok(())
    }

    /// Gives the steps done, or why the tensors do not suit; nothing is changed then.
    fn take_over(&mut self, before: Before) -> Result<Result<u64, String>, TrialError> {
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
        self.ready.plan = state.plan;
        self.micro_batch = state.micro_batch;
        self.evaluation_examples = state.evaluation_examples;
        self.divergence = state.divergence;
        self.summary = state.summary;
        self.noise.go_on_from(state.noise);
        self.watch = Stopwatch::counted(state.train_time);
        self.peak = state.peak;
        self.ooms_before = state.ooms.cast_signed() - ooms.cast_signed();
        let (step, seen) = (self.summary.steps, self.summary.examples);
        self.milestones.retain(|milestone| milestone.examples > seen);
        self.reporter.resumed(step, state.learning_rate)?;
        self.cap_micro_batch();
        self.steps_again()?;
        Ok(Ok(step))
    }

    /// Attempts that were killed since the trial was saved ask for smaller micro-batches than it was saved with. That costs
    /// the last bits of what follows, and the log says so.
    fn cap_micro_batch(&mut self) {
        let Some(cap) = &self.trial.micro_batch_cap else { return };
        let MicroBatchPolicy::Fixed(examples) = cap.limit(self.trial.spec.memory.micro_batch) else { return };
        let split = AccumulationPlan::at_most(self.ready.course.effective_batch_size(), examples);
        if split.micro_batch() < self.micro_batch {
            self.micro_batch = split.micro_batch();
            let from_step = self.summary.steps + 1;
            self.reporter.split(realized(from_step, split, &cap.reason, 0));
            self.reporter.warn(format!(
                "from step {from_step} in micro-batches of {}: {}",
                self.micro_batch, cap.reason
            ));
        }
    }

    fn state(&self) -> Result<TrialState, TrialError> {
        Ok(TrialState {
            spec: hash_of_spec(&self.trial.spec),
            kind: self.ready.kind.clone(),
            data: self.ready.data_sha256,
            threads: u64::try_from(tch::get_num_threads()).unwrap_or(0),
            plan: self.ready.plan.clone(),
            micro_batch: self.micro_batch,
            evaluation_examples: self.evaluation_examples,
            summary: self.summary.clone(),
            divergence: self.divergence.clone(),
            noise: self.noise.samples().to_vec(),
            train_time: self.watch.time(),
            peak: self.peak,
            ooms: self.ooms()?,
            learning_rate: self.reporter.learning_rate(),
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
    state: TrialState,
}

impl Before {
    /// Reads the file, as far as it can be judged before the trial is prepared. `None` where it is of no use, and then the
    /// log says why.
    pub(super) fn read(spec: &TrialSpec, file: &Path, reporter: &mut Reporter<'_>) -> Option<Self> {
        Self::try_read(spec, file)
            .inspect_err(|problem| reporter.warn(format!("{START_OVER}: {problem}")))
            .ok()
    }

    fn try_read(spec: &TrialSpec, file: &Path) -> Result<Self, String> {
        let snapshot = Snapshot::read(file).map_err(|error| error.to_string())?;
        let state = TrialState::decode(&snapshot.session).map_err(|error| error.to_string())?;
        if state.summary.steps != snapshot.steps {
            return Err("it holds the state after another step than its tensors".to_owned());
        }
        if state.spec != hash_of_spec(spec) {
            return Err("it is of another trial".to_owned());
        }
        Ok(Self { snapshot, state })
    }

    /// How it was computed.
    pub(super) fn how_it_was_computed(&self) -> AsSaved {
        AsSaved { threads: self.state.threads, kind: self.state.kind.clone() }
    }
}

const START_OVER: &str = "the checkpoint cannot be used, the trial starts over";
