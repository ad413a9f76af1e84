//! One trial, from its description to its result. The training loop is [`Session::run`].
//!
//! - [`trial`]: what is to be trained; [`host`]: what a process keeps between trials,
//! - [`prepare`]: data opened, model built, memory planned, until it is [`ready`]; [`own_code`]: what is found out of a model of
//!   the user's own; [`planned`]: that alone, as an answer; [`untrainable`]: batches
//!   that cannot be trained on whatever memory there is,
//! - [`mod@milestones`] and [`evaluations`]: when a trial is evaluated, and what that means,
//! - [`saving`]: its state saved, and gone on from,
//! - [`stopwatch`], [`noise`], [`reporter`], [`reporting`], [`result`]: what is measured and reported.

mod evaluations;
mod host;
pub mod milestones;
mod noise;
mod own_code;
mod planned;
mod prepare;
mod ready;
mod reporter;
mod reporting;
mod result;
mod saving;
mod stopwatch;
mod trial;
mod untrainable;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::lifecycle::Outcome;
use domain::run::{Findings, Phase, Progress, SplitKind, TrialResult};
use domain::schedule;

use crate::trainer::device::meter::{LIMITING, READING, RELEASING};
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::state::Peak;
use crate::trainer::state::checkpoint::Checkpoints;
use crate::trainer::state::divergence::Divergence;
use crate::trainer::state::snapshot::fingerprint;
use crate::trainer::state::summary::{StepPoint, Summary};
use crate::trainer::step::course::Batch;
use crate::trainer::step::learner::{Norms, StepError, StepOptions};
use crate::trainer::step::tape::StepTape;

use milestones::{Milestone, milestones};
use noise::NoiseMeter;
use reporting::{does_not_fit_any_more, no_split, one_example_is_too_few};
use saving::Before;
use stopwatch::Stopwatch;

pub use host::Host;
pub use planned::{plan, try_out};
pub use ready::{DoesNotFit, Prepared, Ready};
pub use reporter::Reporter;
pub use trial::{AsSaved, TrainTrial};

/// How a trial ended.
#[derive(Debug)]
pub enum Ended {
    /// With a result.
    Finished(Box<TrialResult>),
    /// As it was asked to, without one.
    Stopped,
}

/// What is wished of the trial in progress.
#[derive(Debug, Default)]
pub struct Wishes {
    /// It is to stop at its next step.
    pub stop: AtomicBool,
    /// Its result so far is wanted, if it is to stop.
    pub conclude: AtomicBool,
    /// It is to be saved, before it stops if it is to stop.
    pub save: Arc<AtomicBool>,
}

/// Why a trial has no more steps.
const ENDED_EARLY: &str = "it could no longer become the best of its batch size";

/// Trains a trial.
///
/// # Errors
/// [`TrialError`] when there can be no result. Diverged and infeasible trials have one.
pub fn train(
    trial: &TrainTrial,
    host: &mut Host,
    reporter: &mut Reporter<'_>,
    wishes: &Wishes,
) -> Result<Ended, TrialError> {
    reporter.progress(Progress::default())?;
    let resume_file = trial.checkpointing.resume_file.as_deref();
    let before = resume_file.and_then(|file| Before::read(&trial.spec, file, reporter));
    let as_saved = before.as_ref().map(Before::how_it_was_computed);
    let probes_before = host.planner.probes();
    let prepared = host.prepare(trial, as_saved.as_ref())?;
    reporter.note(probes_in_words(host.planner.probes() - probes_before));
    let data_sha256 = match &prepared {
        Ok(ready) => ready.data_sha256,
        Err(does_not_fit) => does_not_fit.data_sha256,
    };
    reporter.found(Findings { data_sha256, memory: host.planner.take_unreported() })?;
    match prepared {
        Ok(ready) => {
            let meter = ready.meter;
            let ended = Session::new(trial, host, *ready, reporter, wishes)?.run(before);
            meter.set_limit(None).doing(LIMITING)?;
            // Others may have it until the next trial.
            meter.release_cache().doing(RELEASING)?;
            ended
        }
        Err(does_not_fit) => {
            reporter.note(does_not_fit.facts.data.clone());
            reporter.split(no_split(
                SplitKind::Planned,
                1,
                &does_not_fit.infeasible.message,
                does_not_fit.infeasible.needed.total(),
            ));
            reporter.flush()?;
            Ok(Ended::Finished(Box::new(result::infeasible(&does_not_fit, host.device))))
        }
    }
}

fn probes_in_words(probes: u64) -> String {
    match probes {
        0 => "its memory was known: planned without running a micro-batch".to_owned(),
        1 => "planned after running 1 micro-batch to measure its memory".to_owned(),
        _ => format!("planned after running {probes} micro-batches to measure their memory"),
    }
}

/// A trial being trained.
struct Session<'a, 'b> {
    trial: &'a TrainTrial,
    host: &'a mut Host,
    ready: Ready,
    reporter: &'a mut Reporter<'b>,
    wishes: &'a Wishes,
    /// The largest micro-batch that may be used; it falls when a step runs out of memory.
    micro_batch: u64,
    /// Steps whose losses are still on the tape.
    unread: Vec<StepPoint>,
    /// Evaluations to come, the next one last.
    milestones: Vec<Milestone>,
    evaluation_examples: u64,
    divergence: Divergence,
    noise: NoiseMeter,
    summary: Summary,
    watch: Stopwatch,
    peak: Peak,
    checkpoints: Checkpoints,
    /// Allocations refused in earlier attempts, less those refused in this one before it went on from them.
    ooms_before: i64,
}

impl<'a, 'b> Session<'a, 'b> {
    fn new(
        trial: &'a TrainTrial,
        host: &'a mut Host,
        ready: Ready,
        reporter: &'a mut Reporter<'b>,
        wishes: &'a Wishes,
    ) -> Result<Self, TrialError> {
        let (shape, course) = (&ready.shape, &ready.course);
        let target = trial.spec.settings.train.target.map(|target| target.metric);
        let mut milestones =
            milestones(shape.train_examples, course.total_examples(), shape.input_elements(), target);
        milestones.reverse();
        Ok(Self {
            micro_batch: ready.plan.split.micro_batch(),
            evaluation_examples: ready.plan.evaluation_examples,
            // Replaced before the first step, when the loss is known.
            divergence: Divergence::new(f64::INFINITY, course.effective_batch_size()),
            noise: NoiseMeter::new(course.total_steps()),
            unread: Vec::with_capacity(StepTape::CAPACITY),
            milestones,
            summary: Summary::default(),
            watch: Stopwatch::default(),
            peak: Peak::default(),
            checkpoints: Checkpoints::new(trial.checkpointing.clone(), Arc::clone(&wishes.save)),
            ooms_before: 0,
            wishes,
            trial,
            host,
            ready,
            reporter,
        })
    }

    fn run(mut self, before: Option<Before>) -> Result<Ended, TrialError> {
        let done = before.map_or(Ok(0), |before| self.go_on(before))?;
        if done == 0 {
            self.report_plan();
            self.evaluate_untrained()?;
        }
        for batch in self.ready.course.clone().skip(usize::try_from(done).unwrap_or(usize::MAX)) {
            if self.wishes.stop.load(Ordering::Acquire) {
                return self.stop_here();
            }
            if batch.start == 0 || batch.step == done + 1 {
                self.start_epoch(batch.epoch)?;
            }
            if let Some(reason) = self.step(&batch)? {
                return self.finish(Outcome::Infeasible, reason);
            }
            let is_milestone =
                self.milestones.last().is_some_and(|next| batch.examples_after >= next.examples);
            let is_time = is_milestone || self.unread.len() == StepTape::CAPACITY || self.reporter.is_due();
            let is_saved = self.checkpoints.is_due(batch.step);
            if (is_time || is_saved)
                && let Some(reason) = self.read_losses()?
            {
                return self.finish(Outcome::Diverged, reason);
            }
            if is_milestone {
                if let Some(reason) = self.evaluate()? {
                    return self.finish(Outcome::Diverged, reason);
                }
                if self.trial.spec.settings.train.stop_at_target && self.summary.reached_target.is_some() {
                    self.evaluate_trained()?;
                    break;
                }
            }
            if is_saved {
                self.save()?;
            }
        }
        self.finish(Outcome::Succeeded, String::new())
    }

    /// Stops between two steps, and saves the trial first where that is wanted and was not just done.
    fn stop_here(mut self) -> Result<Ended, TrialError> {
        if self.wishes.conclude.load(Ordering::Relaxed) {
            return match self.read_losses()? {
                Some(reason) => self.finish(Outcome::Diverged, reason),
                None => self.finish(Outcome::Stopped, ENDED_EARLY.to_owned()),
            };
        }
        if self.checkpoints.is_wanted() {
            if let Some(reason) = self.read_losses()? {
                return self.finish(Outcome::Diverged, reason);
            }
            if self.summary.steps > 0 {
                self.save()?;
            }
        }
        Ok(Ended::Stopped)
    }

    /// One optimizer step; the reason if not even one example at a time fits any more.
    fn step(&mut self, batch: &Batch) -> Result<Option<String>, TrialError> {
        self.watch.start();
        let at_milestone = self.milestones.last().is_some_and(|next| batch.examples_after >= next.examples);
        let options = self.step_options(batch, at_milestone);
        let Ready { learner, feed, tape, .. } = &mut self.ready;
        let report = match learner.train_batch(feed, batch, &mut self.micro_batch, tape, &options) {
            Ok(report) => report,
            Err(StepError::DoesNotFit(message)) => {
                let reason = does_not_fit_any_more(batch.step, &message);
                self.reporter.split(no_split(SplitKind::Realized, batch.step, &reason, 0));
                return Ok(Some(reason));
            }
            Err(StepError::OneExample(micro_batch)) => {
                let reason = one_example_is_too_few(batch.step, micro_batch);
                self.reporter.split(no_split(SplitKind::Realized, batch.step, &reason, 0));
                return Ok(Some(reason));
            }
            Err(StepError::Torch(source)) => {
                return Err(TrialError::Torch { doing: "training a step", source });
            }
        };
        if options.norms == Norms::BatchAndPart {
            self.noise.count();
        }
        let (learning_rate, seconds) = (options.learning_rate, self.watch.seconds());
        self.unread.push(StepPoint { batch: *batch, seconds, learning_rate, at_milestone });
        if !report.refusals.is_empty() {
            self.report_refusals(batch.step, &report.refusals)?;
        }
        Ok(None)
    }

    fn step_options(&self, batch: &Batch, at_milestone: bool) -> StepOptions {
        let settings = &self.trial.spec.settings;
        let train = &settings.train;
        let total_steps = self.ready.course.total_steps();
        let factor = schedule::factor(train.schedule, train.warmup_steps, batch.step, total_steps);
        let norms = match (self.noise.is_sampled(batch, self.micro_batch), at_milestone) {
            (true, _) => Norms::BatchAndPart,
            (false, true) => Norms::Batch,
            (false, false) => Norms::None,
        };
        StepOptions { learning_rate: settings.learning_rate.get() * factor, norms, meter: self.ready.meter }
    }

    /// Fetches the losses of the steps since the last time and reports them; the reason if the trial has diverged.
    /// Steps after the one where it did are not reported.
    fn read_losses(&mut self) -> Result<Option<String>, TrialError> {
        let readings = self.ready.tape.fetch().doing("reading the step losses")?;
        let mut diverged = None;
        for (point, reading) in mem::take(&mut self.unread).iter().zip(readings) {
            self.noise.add(&point.batch, &reading);
            self.summary.add_step(point, reading.loss);
            self.reporter.step(point, &reading);
            diverged = reading
                .loss
                .and_then(|loss| self.divergence.after_step(loss))
                .map(|reason| format!("step {}: {reason}", point.batch.step));
            if diverged.is_some() {
                break;
            }
        }
        if self.reporter.is_due() {
            self.report_progress(Phase::Training)?;
        }
        Ok(diverged)
    }

    /// The gather of an epoch belongs to the training time, but not to the memory of a step.
    fn start_epoch(&mut self, epoch: u64) -> Result<(), TrialError> {
        self.keep_peak()?;
        self.watch.start();
        self.ready.feed.start_epoch(epoch).doing("shuffling the training set")?;
        self.ready.meter.reset_peak().doing(READING)
    }

    /// Stops the clock and keeps the peak, before something that is not training.
    fn between_steps(&mut self) -> Result<(), TrialError> {
        self.watch.stop();
        // No gradient is needed any more: this leaves the more room for larger micro-batches.
        self.ready.learner.model.clear_gradients().doing("dropping gradients")?;
        self.keep_peak()
    }

    /// Lets the peak count again; the clock starts with the next step.
    fn steps_again(&mut self) -> Result<(), TrialError> {
        self.ready.meter.reset_peak().doing(READING)
    }

    fn keep_peak(&mut self) -> Result<(), TrialError> {
        if self.watch.is_unused() {
            return Ok(());
        }
        let meter = &self.ready.meter;
        let (bytes, reserved) = (meter.peak(), meter.reserved_peak());
        self.peak.bytes = self.peak.bytes.max(bytes.doing(READING)?);
        self.peak.reserved = self.peak.reserved.max(reserved.doing(READING)?);
        Ok(())
    }

    fn finish(mut self, outcome: Outcome, message: String) -> Result<Ended, TrialError> {
        self.watch.stop();
        self.keep_peak()?;
        let noise_scale = self.noise.scale(self.ready.shape.train_examples);
        if let Some(found) = noise_scale {
            self.reporter.note(noise::in_words(&found));
        }
        self.verify_plan()?;
        if outcome == Outcome::Succeeded {
            let sha256 = fingerprint(&self.ready.learner).doing("reading the trained model")?;
            self.reporter.note(format!("SHA-256 of the trained model: {sha256}"));
        }
        self.reporter.flush()?;
        let ending = result::Ending {
            outcome,
            message,
            micro_batch: self.micro_batch,
            train_seconds: self.watch.seconds(),
            peak: self.peak,
            ooms: self.ooms()?,
            noise_scale,
        };
        let result = result::trained(&self.ready, &self.summary, ending, self.host.device);
        Ok(Ended::Finished(Box::new(result)))
    }
}
