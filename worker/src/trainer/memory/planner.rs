//! From a batch size and a memory budget to micro-batches: probe, predict, verify, and remember.
//!
//! A plan is a function of the memory that steps really take, not of what happens to be known of it: whoever probed first,
//! every worker of a kind splits the same trial in the same way. Knowing more saves probes. Two things do depend on what
//! is known: the predicted peak, by less than [`CERTAIN`], where it is read between two measured sizes; and, where no
//! budget is set, the limit itself, which is what the device has free at that moment.

use domain::AccumulationPlan;
use domain::memory::{KnownMemory, MemoryParts, MicroBatchSearch, Next};
use domain::run::MemoryOfKind;
use domain::spec::MicroBatchPolicy;
use tch::Device;

use super::account::{Account, Infeasible};
use super::forecast::{self, grown, is_measured, missing_ahead};
use super::known::{KnownKind, KnownKinds, TrialKind};
use super::probe::{self, Depth};
use crate::shim::TorchError;
use crate::trainer::data::Feed;
use crate::trainer::device::meter::{LIMITING, Meter};
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::step::learner::Learner;

/// Plans trials with the memory that is known, measured here or elsewhere. Learning rate, batch size, seed and budget do
/// not enter into what is known, so the trials of a sweep share what one of them measured.
#[derive(Debug, Default)]
pub struct Planner {
    known: KnownKinds,
    probes: u64,
}

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// All that memory depends on.
    pub kind: TrialKind,
    /// Examples of a full step.
    pub batch_size: u64,
    /// The user's wish.
    pub policy: MicroBatchPolicy,
    /// What the trial may take, and what is fixed of it.
    pub account: &'a Account,
}

/// How a trial's batches are to be trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The split of a full batch.
    pub split: AccumulationPlan,
    /// The predicted peak, in its parts.
    pub predicted: MemoryParts,
    /// Examples that are surely evaluated together within the memory that this leaves.
    pub evaluation_examples: u64,
    /// Why this split, in words.
    pub reason: String,
    /// Whether the peak was measured at exactly these sizes, rather than predicted from sizes around them.
    pub is_measured: bool,
}

impl Planner {
    /// Adds what others know.
    pub fn merge_known(&mut self, others: &[MemoryOfKind]) {
        self.known.merge(others);
    }

    /// What was measured here since the last call.
    pub fn take_unreported(&mut self) -> Vec<MemoryOfKind> {
        self.known.take_unreported()
    }

    /// How often micro-batches were run so far, to find out what they take.
    #[must_use]
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// The largest micro-batch within the limit, found by running some unless enough is known already. That nothing fits is
    /// the end of a trial, so it is always found here, whatever others say of it.
    ///
    /// # Errors
    /// [`TrialError`] for failures other than a lack of memory.
    pub fn plan(
        &mut self,
        question: &Question<'_>,
        learner: &mut Learner,
        feed: &mut Feed,
        meter: &Meter,
    ) -> Result<Result<Plan, Infeasible>, TrialError> {
        let answer = self.answer(question, learner, feed, meter)?;
        if answer.is_err() && self.known.of(&question.kind).forget_others() {
            return self.answer(question, learner, feed, meter);
        }
        Ok(answer)
    }

    fn answer(
        &mut self,
        question: &Question<'_>,
        learner: &mut Learner,
        feed: &mut Feed,
        meter: &Meter,
    ) -> Result<Result<Plan, Infeasible>, TrialError> {
        let known = self.known.of(&question.kind);
        let limit = question.account.limit;
        let mut inquiry = Inquiry { question, known, learner, feed, meter, limit, probes: &mut self.probes };

        // Measured under the device's own limit only, so that "it does not fit" can be told in bytes.
        inquiry.limit = limit.max(meter.available().doing(LIMITING)?);
        meter.set_limit(Some(inquiry.limit)).doing(LIMITING)?;
        let one = inquiry.first_probe();
        inquiry.limit = limit;
        meter.set_limit(Some(limit)).doing(LIMITING)?;
        one?;

        if question.policy == MicroBatchPolicy::Off || inquiry.cap() >= question.batch_size {
            if inquiry.whole_batch_fits()? {
                return Ok(Ok(inquiry.plan_of(question.batch_size)?));
            }
            if question.policy == MicroBatchPolicy::Off {
                return Ok(Err(inquiry.infeasible_whole()));
            }
        }
        Ok(match inquiry.largest_micro_batch()? {
            Some(micro_batch) => Ok(inquiry.plan_of(micro_batch)?),
            None => Err(inquiry.infeasible()),
        })
    }

    /// Remembers that a split ran out of memory in training, so that later trials start lower.
    pub fn record_failure(&mut self, trained: &Trained<'_>, split: AccumulationPlan) {
        let room = trained.account.room().unwrap_or(0);
        let known = self.known.of(trained.kind);
        known.record(|known| forecast::record_failure(known, trained.feed, split, room));
    }

    /// The peak to expect of a split, as far as anything is known.
    pub fn predict(&mut self, trained: &Trained<'_>, split: AccumulationPlan) -> Option<u64> {
        let grown = grown(self.known.of(trained.kind).memory(), trained.feed, split);
        grown.map(|grown| trained.account.base() + grown)
    }

    /// Compares a plan with the peak of the steps that followed it. What was measured elsewhere is believed until this
    /// says otherwise: a higher peak corrects what is known, here and, once reported, everywhere. Gives what is to be said
    /// about a difference.
    pub fn verify(&mut self, trained: &Trained<'_>, plan: &Plan, peak: u64) -> Option<String> {
        let predicted = plan.predicted.total();
        let difference = peak.abs_diff(predicted);
        if difference < LEAST_DIFFERENCE || difference as f64 <= TOLERANCE * predicted as f64 {
            return None;
        }
        if peak > predicted {
            let grown = peak.saturating_sub(trained.account.base());
            let known = self.known.of(trained.kind);
            known.record(|known| forecast::record_peak(known, trained.feed, plan.split, grown));
        }
        let (predicted, peak) = (domain::Bytes(predicted), domain::Bytes(peak));
        Some(format!("the plan predicted a peak of {predicted}, training took {peak}"))
    }
}

/// A trial in training, as far as its memory depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Trained<'a> {
    /// All that memory depends on.
    pub kind: &'a TrialKind,
    /// What it may take, and what is fixed of it.
    pub account: &'a Account,
    /// What gives its examples.
    pub feed: &'a Feed,
}

/// One question being answered.
struct Inquiry<'a> {
    question: &'a Question<'a>,
    known: &'a mut KnownKind,
    learner: &'a mut Learner,
    feed: &'a mut Feed,
    meter: &'a Meter,
    /// In force now.
    limit: u64,
    probes: &'a mut u64,
}

impl Inquiry<'_> {
    /// The most examples at a time that the user allows.
    fn cap(&self) -> u64 {
        match self.question.policy {
            MicroBatchPolicy::Auto | MicroBatchPolicy::Off => self.question.batch_size,
            MicroBatchPolicy::Fixed(examples) => examples.clamp(1, self.question.batch_size),
        }
    }

    fn known(&self) -> &KnownMemory {
        self.known.memory()
    }

    /// What one example takes is always measured: how many are evaluated together depends on it.
    fn first_probe(&mut self) -> Result<(), TrialError> {
        let one = &self.known().accumulated;
        let is_known = one.envelope().measured(1).is_some()
            || one.smallest_over(self.room_now() + missing_ahead(self.feed, 1)) == Some(1);
        if !is_known {
            self.probe(1, Depth::Accumulated)?;
        }
        Ok(())
    }

    /// Bytes for what grows under the limit in force now.
    fn room_now(&self) -> u64 {
        self.limit.saturating_sub(self.question.account.base())
    }

    fn whole_batch_fits(&mut self) -> Result<bool, TrialError> {
        let Some(room) = self.question.account.room() else { return Ok(false) };
        let batch_size = self.question.batch_size;
        let room = room + missing_ahead(self.feed, batch_size);
        loop {
            // A size below the batch that is over the limit answers the question.
            if self.known().whole.smallest_over(room).is_some_and(|over| over <= batch_size) {
                return Ok(false);
            }
            match self.known().whole.next(batch_size, Some(room)) {
                Next::Fits(examples) => return Ok(examples == batch_size),
                Next::Infeasible => return Ok(false),
                Next::Probe(examples) => {
                    // The whole batch may be a large part of an epoch: one micro-batch of it is enough.
                    let depth = if examples == batch_size { Depth::Whole } else { Depth::Accumulated };
                    if !self.probe(examples, depth)? {
                        // A larger one takes no less.
                        self.known.record(|known| known.whole.record_failure(batch_size, room));
                    }
                }
            }
        }
    }

    fn largest_micro_batch(&mut self) -> Result<Option<u64>, TrialError> {
        let Some(room) = self.question.account.room() else { return Ok(None) };
        // Two micro-batches at least: as one it would be the whole batch, which does not fit or is not allowed.
        let wanted = self.cap().min(self.question.batch_size.div_ceil(2));
        loop {
            match self.known().accumulated.next(wanted, Some(room)) {
                Next::Fits(examples) => return Ok(Some(examples)),
                Next::Infeasible => return Ok(None),
                Next::Probe(examples) => {
                    self.probe(examples, Depth::Accumulated)?;
                }
            }
        }
    }

    /// Runs a micro-batch and notes what it takes. Whether it fitted.
    fn probe(&mut self, examples: u64, depth: Depth) -> Result<bool, TrialError> {
        *self.probes += 1;
        // As if the epoch had enough examples to send ahead; see `forecast`.
        let missing = missing_ahead(self.feed, examples);
        let (base, room) = (self.question.account.base(), self.room_now() + missing);
        match probe::measure(self.learner, self.feed, self.meter, examples, depth) {
            Ok(peaks) => {
                let grown = |peak: u64| (peak + missing).saturating_sub(base);
                self.known.record(|known| {
                    known.whole.record_fit(examples, grown(peaks.whole));
                    match peaks.accumulated {
                        Some(peak) => known.accumulated.record_fit(examples, grown(peak)),
                        None if depth == Depth::Accumulated => {
                            known.accumulated.record_failure(examples, room);
                        }
                        None => {}
                    }
                });
                Ok(true)
            }
            Err(error) if error.is_out_of_memory() => {
                self.known.record(|known| known.record_whole_failure(examples, room));
                Ok(false)
            }
            Err(error) => Err(probing_failed(error)),
        }
    }

    fn plan_of(&mut self, micro_batch: u64) -> Result<Plan, TrialError> {
        let split = AccumulationPlan::at_most(self.question.batch_size, micro_batch);
        let (first, second) = (split.micro_batch(), split.sizes().nth(1));
        // Balanced micro-batches may be smaller than the largest that fits: what they take is measured too, unless
        // the sizes around them leave no doubt.
        if let Some(second) = second {
            for size in [first, second] {
                let uncertain = |search: &MicroBatchSearch| {
                    search.envelope().uncertainty(size).is_none_or(|u| u > CERTAIN)
                };
                if uncertain(&self.known().accumulated) || uncertain(&self.known().whole) {
                    self.probe(size, Depth::Accumulated)?;
                }
            }
        }
        let account = self.question.account;
        let predicted =
            account.parts(account.base() + grown(self.known(), self.feed, split).unwrap_or(0), first);
        Ok(Plan {
            split,
            predicted,
            evaluation_examples: self.evaluation_examples().max(first),
            reason: self.reason(split),
            is_measured: is_measured(self.known(), split),
        })
    }

    /// Told by what one example takes, which is always measured, so that evaluations too are the same whatever else is
    /// known. Many take less than so many times one, without a backward; but kernels for one example can do with less
    /// than their share (a small CNN on the CPU: by a fifth), hence half of the room.
    fn evaluation_examples(&self) -> u64 {
        let one = self.known().accumulated.envelope().predict(1).unwrap_or(0);
        let room = self.question.account.room().unwrap_or(0);
        evaluated_together(self.learner.arithmetic().device, room / 2, one)
    }

    fn reason(&self, split: AccumulationPlan) -> String {
        let Question { batch_size, policy, account, .. } = self.question;
        match policy {
            MicroBatchPolicy::Fixed(wanted) if split == AccumulationPlan::at_most(*batch_size, *wanted) => {
                format!("micro_batch = {wanted} was asked for")
            }
            _ if split.accumulation_steps() == 1 => "the whole batch fits".to_owned(),
            _ => format!("the batch of {batch_size} does not fit in {}", account.limit_in_words()),
        }
    }

    /// Not even one example at a time fits.
    fn infeasible(&self) -> Infeasible {
        let alone = self.question.batch_size == 1;
        let search = if alone { &self.known().whole } else { &self.known().accumulated };
        self.question.account.infeasible("one example at a time", 1, search.envelope().predict(1))
    }

    /// The whole batch does not fit, and it must not be split.
    fn infeasible_whole(&self) -> Infeasible {
        let examples = self.question.batch_size;
        let what = format!("the whole batch of {examples} (micro_batch = \"off\" forbids to split it)");
        let grown = self.known().whole.envelope().predict(examples);
        let grown = grown.map(|bytes| bytes.saturating_sub(missing_ahead(self.feed, examples)));
        self.question.account.infeasible(&what, examples, grown)
    }
}

/// Share of a peak by which a prediction may be off and still be taken without a measurement.
const CERTAIN: f64 = 0.005;

/// Share of a predicted peak by which training may differ from it before that is told, and the least such difference in
/// bytes: a few of them are no matter.
const TOLERANCE: f64 = 0.01;
const LEAST_DIFFERENCE: u64 = 4096;

/// How many examples, of `one` bytes each, are best evaluated together within so many bytes of room.
fn evaluated_together(device: Device, room: u64, one: u64) -> u64 {
    // Only a CPU has caches that more would not fit into.
    let worthwhile = if device == Device::Cpu { CACHED_BYTES } else { u64::MAX };
    (room.min(worthwhile) / one.max(1)).clamp(1, MOST_EVALUATED_TOGETHER)
}

/// More examples at a time are not faster.
const MOST_EVALUATED_TOGETHER: u64 = 1024;

/// Beyond this many bytes they leave a CPU's caches.
const CACHED_BYTES: u64 = 32 << 20;

fn probing_failed(source: TorchError) -> TrialError {
    TrialError::Torch { doing: "probing the memory of a step", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cpus_caches_keep_evaluations_small() {
        let (room, one) = (4 << 30, 1 << 20);
        assert_eq!(evaluated_together(Device::Cpu, room, one), 32);
        assert_eq!(evaluated_together(Device::Cuda(0), room, one), 1024);
        assert_eq!(evaluated_together(Device::Cuda(0), 3 << 20, one), 3);
        assert_eq!(evaluated_together(Device::Cuda(0), 0, 0), 1);
    }
}
