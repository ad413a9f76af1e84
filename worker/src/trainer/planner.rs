//! From a batch size and a memory budget to micro-batches: probe, predict, verify, and remember.

use std::collections::HashMap;

use domain::AccumulationPlan;
use domain::memory::{MemoryParts, MicroBatchSearch, Next};
use domain::spec::MicroBatchPolicy;

use super::account::{Account, Infeasible};
use super::data::Feed;
use super::error::{Doing, TrialError};
use super::learner::Learner;
use super::memory::Meter;
use super::probe::{self, Depth};
use crate::shim::TorchError;

/// What is known about memory, for each kind of trial that this process has met. Learning rate, batch size and seed
/// do not enter, so the trials of a sweep share what one of them found out.
#[derive(Debug, Default)]
pub struct Planner {
    known: HashMap<MemoryKey, Known>,
}

/// All that memory depends on, besides the micro-batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemoryKey(pub String);

#[derive(Debug, Default)]
struct Known {
    /// Of batches trained whole.
    whole: MicroBatchSearch,
    smallest_whole_failure: Option<u64>,
    /// Of batches that are split.
    accumulated: MicroBatchSearch,
}

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// All that memory depends on.
    pub key: MemoryKey,
    /// Examples in a full batch.
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
}

impl Planner {
    /// The largest micro-batch within the limit, found by running some unless enough is known already.
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
        let known = self.known.entry(question.key.clone()).or_default();
        let mut inquiry = Inquiry { question, known, learner, feed, meter };

        // Measured under the device's own limit only, so that "it does not fit" can be told in bytes.
        let available = meter.available().doing(LIMITING)?;
        let limit = question.account.limit;
        meter.set_limit(Some(limit.max(available))).doing(LIMITING)?;
        let one = inquiry.first_probe();
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

    /// Remembers that a micro-batch ran out of memory in training, so that later trials start lower.
    pub fn record_failure(&mut self, key: &MemoryKey, split: AccumulationPlan) {
        let Some(known) = self.known.get_mut(key) else { return };
        if split.accumulation_steps() == 1 {
            known.fail_whole(split.micro_batch());
        } else {
            known.accumulated.record_failure(split.micro_batch());
        }
    }
}

impl Known {
    fn fail_whole(&mut self, examples: u64) {
        self.whole.record_failure(examples);
        self.smallest_whole_failure =
            Some(self.smallest_whole_failure.map_or(examples, |known| known.min(examples)));
    }
}

/// One question being answered.
struct Inquiry<'a> {
    question: &'a Question<'a>,
    known: &'a mut Known,
    learner: &'a mut Learner,
    feed: &'a mut Feed,
    meter: &'a Meter,
}

impl Inquiry<'_> {
    /// The most examples at a time that the user allows.
    fn cap(&self) -> u64 {
        match self.question.policy {
            MicroBatchPolicy::Auto | MicroBatchPolicy::Off => self.question.batch_size,
            MicroBatchPolicy::Fixed(examples) => examples.clamp(1, self.question.batch_size),
        }
    }

    fn first_probe(&mut self) -> Result<(), TrialError> {
        if self.known.accumulated.envelope().points().next().is_none() {
            self.probe(1, Depth::Accumulated)?;
        }
        Ok(())
    }

    fn whole_batch_fits(&mut self) -> Result<bool, TrialError> {
        let Some(room) = self.question.account.room() else { return Ok(false) };
        let batch_size = self.question.batch_size;
        let room = room + self.missing_ahead(batch_size);
        loop {
            if self.known.smallest_whole_failure.is_some_and(|failed| failed <= batch_size) {
                return Ok(false);
            }
            match self.known.whole.next(batch_size, Some(room)) {
                Next::Fits(examples) => return Ok(examples == batch_size),
                Next::Infeasible => return Ok(false),
                Next::Probe(examples) => {
                    // The whole batch may be a large part of an epoch: one micro-batch of it is enough.
                    let depth = if examples == batch_size { Depth::Whole } else { Depth::Accumulated };
                    self.probe(examples, depth)?;
                    // A size below the batch that is over the limit answers the question.
                    let measured = self.known.whole.envelope().points().find(|&(size, _)| size == examples);
                    if measured.is_some_and(|(_, bytes)| bytes > room) {
                        return Ok(false);
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
            match self.known.accumulated.next(wanted, Some(room)) {
                Next::Fits(examples) => return Ok(Some(examples)),
                Next::Infeasible => return Ok(None),
                Next::Probe(examples) => self.probe(examples, Depth::Accumulated)?,
            }
        }
    }

    fn probe(&mut self, examples: u64, depth: Depth) -> Result<(), TrialError> {
        match probe::measure(self.learner, self.feed, self.meter, examples, depth) {
            Ok(peaks) => {
                let (base, missing) = (self.question.account.base(), self.missing_ahead(examples));
                let grown = |peak: u64| (peak + missing).saturating_sub(base);
                self.known.whole.record_fit(examples, grown(peaks.whole));
                match peaks.accumulated {
                    Some(peak) => self.known.accumulated.record_fit(examples, grown(peak)),
                    None if depth == Depth::Accumulated => self.known.accumulated.record_failure(examples),
                    None => {}
                }
                Ok(())
            }
            Err(error) if error.is_out_of_memory() => {
                self.known.fail_whole(examples);
                self.known.accumulated.record_failure(examples);
                Ok(())
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
                if uncertain(&self.known.accumulated) || uncertain(&self.known.whole) {
                    self.probe(size, Depth::Accumulated)?;
                }
            }
        }
        let steps = self.feed.micro_batches(0, split).enumerate();
        let mut kinds: Vec<_> = steps.map(|(index, (size, ahead))| (index == 0, size, ahead)).collect();
        kinds.dedup();
        let grown = kinds.into_iter().map(|(is_first, size, ahead)| {
            let known = if is_first { &self.known.whole } else { &self.known.accumulated };
            // Known with as many examples ahead again.
            let bytes = known.envelope().predict(size).unwrap_or(0) + self.feed.ahead_bytes(ahead);
            bytes.saturating_sub(self.feed.ahead_bytes(size))
        });
        let grown = grown.max().unwrap_or(0);
        let account = self.question.account;
        let predicted = account.parts(account.base() + grown, first);
        let evaluation_examples = self.evaluation_examples().max(first);
        Ok(Plan { split, predicted, evaluation_examples, reason: self.reason(split) })
    }

    /// The peak is convex in the micro-batch and not negative at 0, so m examples take no more than m times what one
    /// takes; and without a backward they take less than that.
    fn evaluation_examples(&self) -> u64 {
        let one = self.known.accumulated.envelope().predict(1).unwrap_or(0).max(1);
        let room = self.question.account.room().unwrap_or(0).min(EVALUATION_BYTES);
        (room / one).clamp(1, MOST_EVALUATED_TOGETHER)
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

    /// What is known of a micro-batch is known with as many examples ahead again. These are the bytes of those that an
    /// epoch does not have behind one of this size at its beginning.
    fn missing_ahead(&self, examples: u64) -> u64 {
        self.feed.ahead_bytes(examples.saturating_sub(self.feed.left_after(examples)))
    }

    /// Not even one example at a time fits.
    fn infeasible(&self) -> Infeasible {
        let alone = self.question.batch_size == 1;
        let search = if alone { &self.known.whole } else { &self.known.accumulated };
        self.question.account.infeasible("one example at a time", 1, search.envelope().predict(1))
    }

    /// The whole batch does not fit, and it must not be split.
    fn infeasible_whole(&self) -> Infeasible {
        let examples = self.question.batch_size;
        let what = format!("the whole batch of {examples} (micro_batch = \"off\" forbids to split it)");
        let grown = self.known.whole.envelope().predict(examples);
        let grown = grown.map(|bytes| bytes.saturating_sub(self.missing_ahead(examples)));
        self.question.account.infeasible(&what, examples, grown)
    }
}

const LIMITING: &str = "limiting the device's memory";

/// Share of a peak by which a prediction may be off and still be taken without a measurement.
const CERTAIN: f64 = 0.005;

/// More examples at a time are not faster, and beyond this many bytes they leave the caches.
const MOST_EVALUATED_TOGETHER: u64 = 1024;
const EVALUATION_BYTES: u64 = 32 << 20;

fn probing_failed(source: TorchError) -> TrialError {
    TrialError::Torch { doing: "probing the memory of a step", source }
}
