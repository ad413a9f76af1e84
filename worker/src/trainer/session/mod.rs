//! One trial, from its description to its result. The training loop is [`Session::run`].

mod evaluations;

mod noise;

mod saving;

mod stopwatch;

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{AccumulationPlan, TrialSpec, schedule};
use proto::v1::{self, SplitKind};

use crate::trainer::account::Infeasible;
use crate::trainer::checkpoint::Checkpoints;
use crate::trainer::course::Batch;
use crate::trainer::divergence::Divergence;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::learner::{Norms, StepError, StepOptions};
use crate::trainer::memory::READING;
use crate::trainer::milestones::{Milestone, milestones};
use crate::trainer::planner::Trained;
use crate::trainer::report::Reporter;
use crate::trainer::result;
use crate::trainer::setup::{Host, Ready};
use crate::trainer::snapshot::fingerprint;
use crate::trainer::summary::{StepPoint, Summary};
use crate::trainer::tape::LossTape;

use noise::NoiseMeter;
use saving::Before;
use stopwatch::Stopwatch;

/// How a trial ended.
#[derive(Debug)]
pub enum Ended {
    /// With a result.
    Finished(Box<v1::TrialResult>),
    /// As it was asked to, without one.
    Stopped,
}

/// Trains a trial.
///
/// # Errors
/// [`TrialError`] when there can be no result. Diverged and infeasible trials have one.
pub fn train(
    spec: &TrialSpec,
    host: &mut Host,
    reporter: &mut Reporter<'_>,
    stop: &AtomicBool,
) -> Result<Ended, TrialError> {
    reporter.progress(v1::Progress { phase: v1::Phase::Preparing.into(), ..v1::Progress::default() })?;
    // For this trial only, whatever becomes of it.
    let mut checkpoints = mem::take(&mut host.checkpoints);
    let before = checkpoints.take_resume().and_then(|file| Before::read(spec, &file, reporter));
    host.as_saved = before.as_ref().map(Before::how_it_was_computed);
    let probes_before = host.planner.probes();
    let prepared = host.prepare(spec)?;
    reporter.note(told_probes(host.planner.probes() - probes_before));
    let data_sha256 = match &prepared {
        Ok(ready) => ready.data_sha256.clone(),
        Err(does_not_fit) => does_not_fit.data_sha256.clone(),
    };
    let data_sha256 = data_sha256.unwrap_or_default();
    reporter.found(v1::Findings { data_sha256, memory: host.planner.take_news() })?;
    match prepared {
        Ok(ready) => {
            let meter = ready.meter;
            let ended = Session::new(spec, host, *ready, reporter, stop, checkpoints)?.run(before);
            meter.set_limit(None).doing("lifting the memory limit")?;
            ended
        }
        Err(does_not_fit) => {
            let Infeasible { needed, message } = &does_not_fit.infeasible;
            reporter.no_split(SplitKind::Planned, 1, message, needed.total());
            reporter.flush()?;
            let result = result::infeasible(&does_not_fit, host.device);
            Ok(Ended::Finished(Box::new(result)))
        }
    }
}

fn told_probes(probes: u64) -> String {
    match probes {
        0 => "its memory was known: planned without running a micro-batch".to_owned(),
        1 => "planned after running 1 micro-batch to measure its memory".to_owned(),
        _ => format!("planned after running {probes} micro-batches to measure their memory"),
    }
}

/// A trial being trained.
struct Session<'a, 'b> {
    spec: &'a TrialSpec,
    host: &'a mut Host,
    ready: Ready,
    reporter: &'a mut Reporter<'b>,
    stop: &'a AtomicBool,
    /// The largest micro-batch that may be used; it falls when a step runs out of memory.
    micro_batch: u64,
    tape: LossTape,
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

/// The most memory that training steps took; what happens between them does not count.
#[derive(Debug, Default)]
struct Peak {
    bytes: u64,
    reserved: u64,
}

impl<'a, 'b> Session<'a, 'b> {
    fn new(
        spec: &'a TrialSpec,
        host: &'a mut Host,
        ready: Ready,
        reporter: &'a mut Reporter<'b>,
        stop: &'a AtomicBool,
        checkpoints: Checkpoints,
    ) -> Result<Self, TrialError> {
        let (shape, course) = (&ready.shape, &ready.course);
        let target = spec.settings.train.target.map(|target| target.metric);
        let mut milestones =
            milestones(shape.train_examples, course.total_examples(), shape.feature_elements(), target);
        milestones.reverse();
        let tape = LossTape::new(host.device).doing("making room for step losses")?;
        Ok(Self {
            spec,
            micro_batch: ready.plan.split.micro_batch(),
            evaluation_examples: ready.plan.evaluation_examples,
            // Replaced before the first step, when the loss is known.
            divergence: Divergence::new(f64::INFINITY, course.batch_size()),
            noise: NoiseMeter::new(course.total_steps()),
            host,
            ready,
            reporter,
            stop,
            tape,
            unread: Vec::with_capacity(LossTape::CAPACITY),
            milestones,
            summary: Summary::default(),
            watch: Stopwatch::default(),
            peak: Peak::default(),
            checkpoints,
            ooms_before: 0,
        })
    }

    fn run(mut self, before: Option<Before>) -> Result<Ended, TrialError> {
        let done = before.map_or(Ok(0), |before| self.go_on(before))?;
        if done == 0 {
            self.report_plan();
            self.evaluate_untrained()?;
        }
        for batch in self.ready.course.clone().skip(usize::try_from(done).unwrap_or(usize::MAX)) {
            if self.stop.load(Ordering::Acquire) {
                return self.stop_here();
            }
            if batch.start == 0 || batch.step == done + 1 {
                self.start_epoch(batch.epoch)?;
            }
            if let Some(reason) = self.step(&batch)? {
                return self.finish(v1::Outcome::Infeasible, reason);
            }
            let is_milestone =
                self.milestones.last().is_some_and(|next| batch.examples_after >= next.examples);
            let is_time = is_milestone || self.unread.len() == LossTape::CAPACITY || self.reporter.is_due();
            let is_saved = self.checkpoints.is_due(batch.step);
            if (is_time || is_saved)
                && let Some(reason) = self.read_losses()?
            {
                return self.finish(v1::Outcome::Diverged, reason);
            }
            if is_milestone {
                if let Some(reason) = self.evaluate()? {
                    return self.finish(v1::Outcome::Diverged, reason);
                }
                if self.spec.settings.train.stop_at_target && self.summary.to_target.is_some() {
                    self.evaluate_trained()?;
                    break;
                }
            }
            if is_saved {
                self.save()?;
            }
        }
        self.finish(v1::Outcome::Succeeded, String::new())
    }

    /// Stops between two steps, and saves the trial first where that is wanted and was not just done.
    fn stop_here(mut self) -> Result<Ended, TrialError> {
        if self.checkpoints.is_wanted() {
            if let Some(reason) = self.read_losses()? {
                return self.finish(v1::Outcome::Diverged, reason);
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
        let settings = &self.spec.settings;
        let train = &settings.train;
        let total_steps = self.ready.course.total_steps();
        let learning_rate = settings.learning_rate.get()
            * schedule::factor(train.schedule, train.warmup_steps, batch.step, total_steps);
        let at_milestone = self.milestones.last().is_some_and(|next| batch.examples_after >= next.examples);
        let norms = match (self.noise.is_sampled(batch, self.micro_batch), at_milestone) {
            (true, _) => Norms::BatchAndPart,
            (false, true) => Norms::Batch,
            (false, false) => Norms::None,
        };
        let options = StepOptions { learning_rate, norms, meter: self.ready.meter };
        let Ready { learner, feed, .. } = &mut self.ready;
        let before = self.micro_batch;
        let report = match learner.train_batch(feed, batch, &mut self.micro_batch, &mut self.tape, &options) {
            Ok(report) => report,
            Err(StepError::DoesNotFit(message)) => {
                let reason = self.does_not_fit_any_more(batch.step, &message);
                self.reporter.no_split(SplitKind::Realized, batch.step, &reason, 0);
                return Ok(Some(reason));
            }
            Err(StepError::Torch(source)) => {
                return Err(TrialError::Torch { doing: "training a step", source });
            }
        };
        self.noise.add(batch, &report);
        let gradient_norm = report.gradient_norm.filter(|_| at_milestone);
        let point = StepPoint { batch: *batch, seconds: self.watch.seconds(), learning_rate, gradient_norm };
        self.unread.push(point);
        if self.micro_batch != before {
            let (planner, Ready { key, account, feed, .. }) = (&mut self.host.planner, &self.ready);
            let trained = Trained { key, account, feed };
            for refusal in &report.refusals {
                planner.record_failure(&trained, refusal.split);
            }
            let split = AccumulationPlan::at_most(self.ready.course.batch_size(), self.micro_batch);
            let predicted = planner.predict(&trained, split).unwrap_or(0);
            let tried: Vec<_> =
                report.refusals.iter().map(|refusal| refusal.split.micro_batch().to_string()).collect();
            let reason =
                format!("step {} ran out of memory with micro-batches of {}", batch.step, tried.join(", "));
            self.reporter.split(SplitKind::Realized, batch.step, split, &reason, predicted);
            self.reporter.warn(format!("{reason}; it was redone with {}", self.micro_batch));
            self.tell_news()?;
        }
        Ok(None)
    }

    /// Fetches the losses of the steps since the last time and reports them; the reason if the trial has diverged.
    /// Steps after the one where it did are not told.
    fn read_losses(&mut self) -> Result<Option<String>, TrialError> {
        let losses = self.tape.fetch().doing("reading the step losses")?;
        let mut diverged = None;
        for (point, loss) in mem::take(&mut self.unread).iter().zip(losses) {
            self.summary.add_step(point, loss);
            self.reporter.step(point, loss);
            diverged =
                self.divergence.after_step(loss).map(|reason| format!("step {}: {reason}", point.batch.step));
            if diverged.is_some() {
                break;
            }
        }
        if self.reporter.is_due() {
            self.report_progress(v1::Phase::Training)?;
        }
        Ok(diverged)
    }

    fn report_plan(&mut self) {
        let plan = &self.ready.plan;
        self.reporter.split(SplitKind::Planned, 1, plan.split, &plan.reason, plan.predicted.total());
        for remark in &self.ready.remarks {
            self.reporter.warn(remark.clone());
        }
    }

    /// What was found out about memory is told at once: others may be planning.
    fn tell_news(&mut self) -> Result<(), TrialError> {
        let memory = self.host.planner.take_news();
        Ok(self.reporter.found(v1::Findings { memory, ..v1::Findings::default() })?)
    }

    /// Whether the steps took what the plan said, where they were split as it said.
    fn verify_plan(&mut self) -> Result<(), TrialError> {
        let Ready { key, account, feed, plan, .. } = &self.ready;
        if self.summary.steps == 0 || self.micro_batch != plan.split.micro_batch() {
            return Ok(());
        }
        if let Some(difference) =
            self.host.planner.verify(&Trained { key, account, feed }, plan, self.peak.bytes)
        {
            self.reporter.warn(difference);
        }
        self.tell_news()
    }

    fn report_progress(&mut self, phase: v1::Phase) -> Result<(), TrialError> {
        Ok(self.reporter.progress(v1::Progress {
            phase: phase.into(),
            step: self.summary.steps,
            total_steps: self.ready.course.total_steps(),
            train_loss: self.summary.final_train_loss.filter(|loss| loss.is_finite()),
            micro_batch: self.micro_batch,
        })?)
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

    fn does_not_fit_any_more(&self, step: u64, message: &str) -> String {
        format!(
            "step {step} does not fit even with one example at a time, though the plan said it would ({message}); \
             something else may have taken the device's memory"
        )
    }

    fn finish(mut self, outcome: v1::Outcome, message: String) -> Result<Ended, TrialError> {
        self.watch.stop();
        self.keep_peak()?;
        let noise_scale = self.noise.scale(self.ready.shape.train_examples);
        if let Some(found) = noise_scale {
            self.reporter.note(noise::in_words(&found));
        }
        self.verify_plan()?;
        if outcome == v1::Outcome::Succeeded {
            let sha256 = fingerprint(&self.ready.learner).doing("reading the trained model")?;
            self.reporter.note(format!("SHA-256 of the trained model: {sha256}"));
        }
        self.reporter.flush()?;
        let measured = result::Measured {
            micro_batch: self.micro_batch,
            train_seconds: self.watch.seconds(),
            peak_bytes: self.peak.bytes,
            peak_reserved_bytes: self.peak.reserved,
            ooms: self.ooms()?,
            noise_scale,
        };
        let result =
            result::trained(&self.ready, &self.summary, &measured, self.host.device, (outcome, message));
        Ok(Ended::Finished(Box::new(result)))
    }
}
