//! One optimizer step: the batch in micro-batches, each forward and backward, then the update. The step either
//! happens wholly or not at all.

use domain::AccumulationPlan;
use domain::spec::{Precision, TrainSpec};
use tch::{Kind, Tensor};

use super::course::Batch;
use super::data::Feed;
use super::loss::{Criterion, Share};
use super::memory::Meter;
use super::model::{Mode, Model};
use super::optimizer::Optimizer;
use super::tape::LossTape;
use crate::shim::TorchError;
use crate::shim::optimizer::gradient_norm;

/// A model with what it takes to train it.
#[derive(Debug)]
pub struct Learner {
    /// What is trained.
    pub model: Model,
    /// How it is updated.
    pub optimizer: Optimizer,
    /// What is minimised.
    pub criterion: Criterion,
    /// How the losses of micro-batches are weighted.
    pub(super) scales: Scales,
}

/// A split that ran out of memory during a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The split.
    pub split: AccumulationPlan,
    /// libtorch's words.
    pub message: String,
}

/// What a step was like.
#[derive(Debug, Default)]
pub struct StepReport {
    /// Splits that did not fit, in order; mostly none. The step was then redone from its beginning.
    pub refusals: Vec<Refusal>,
    /// Euclidean norm of the whole batch's gradient, where it was wanted.
    pub gradient_norm: Option<f64>,
}

/// Why a step did not happen. Parameters and optimizer state are as before it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// One example at a time is still too much.
    #[error("one example at a time does not fit: {0}")]
    DoesNotFit(String),
    /// Something else.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl Learner {
    /// Puts the parts together; the optimizer's state is made here.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(
        model: Model,
        criterion: Criterion,
        train: &TrainSpec,
        kind: Kind,
    ) -> Result<Self, TorchError> {
        let optimizer = Optimizer::new(train, model.parameters())?;
        Ok(Self { model, optimizer, criterion, scales: Scales { kind, last: None } })
    }

    /// Trains one batch in micro-batches of at most `micro_batch` examples. Where one does not fit, `micro_batch` is
    /// lowered and the whole step done over.
    ///
    /// # Errors
    /// [`StepError`]; the step has then not happened.
    pub fn train_batch(
        &mut self,
        feed: &mut Feed,
        batch: &Batch,
        micro_batch: &mut u64,
        tape: &mut LossTape,
        options: &StepOptions,
    ) -> Result<StepReport, StepError> {
        let mut report = StepReport::default();
        let mut split = AccumulationPlan::at_most(batch.examples, *micro_batch);
        while let Err(error) = TorchError::catch(|| self.accumulate(feed, batch, split, tape)) {
            feed.drop_ahead();
            self.roll_back(tape, &options.meter)?;
            if !error.is_out_of_memory() {
                return Err(error.into());
            }
            let finer = split.finer(report.refusals.len() as u32);
            report.refusals.push(Refusal { split, message: error.message.clone() });
            split = finer.ok_or(StepError::DoesNotFit(error.message))?;
            *micro_batch = split.micro_batch();
        }
        if options.wants_gradient_norm {
            // A few bytes for a number that nobody needs: without them there is just no number.
            report.gradient_norm = gradient_norm(self.model.parameters()).ok();
        }
        self.optimizer.step(self.model.parameters(), options.learning_rate, batch.step)?;
        tape.commit();
        Ok(report)
    }

    /// Leaves the gradient of the batch's mean loss in the parameters, and that loss on the tape.
    fn accumulate(
        &mut self,
        feed: &mut Feed,
        batch: &Batch,
        split: AccumulationPlan,
        tape: &mut LossTape,
    ) -> Result<(), TorchError> {
        self.model.clear_gradients()?;
        let mut next = batch.start;
        for (size, ahead) in feed.micro_batches(batch.start, split) {
            let examples = feed.epoch_examples(next, size, ahead)?;
            let outputs = self.model.forward(&examples.inputs, Mode::Training)?;
            let share = self.scales.share(&self.criterion, split)?;
            let loss = self.criterion.value(&outputs, &examples.targets, share)?;
            loss.f_backward()?;
            tape.add(&loss)?;
            next += size;
        }
        Ok(())
    }

    /// Undoes a step that stopped before its update: partial gradients and the loss so far. The tensors of the failed
    /// micro-batch are gone with its scope. These models keep no buffers and draw no random numbers in a step; one
    /// that does is to be put back here.
    fn roll_back(&self, tape: &mut LossTape, meter: &Meter) -> Result<(), TorchError> {
        self.model.clear_gradients()?;
        tape.discard()?;
        meter.release_cache()
    }
}

/// One over a number of terms, as a scalar tensor: of the last number met, so that it is made again only for the odd
/// batch at the end of an epoch, and what a step takes does not depend on the steps before it.
#[derive(Debug)]
pub(super) struct Scales {
    kind: Kind,
    last: Option<(u64, Tensor)>,
}

impl Scales {
    /// How a micro-batch's loss is reduced so that all of a split add up to the mean over the whole batch.
    pub(super) fn share(
        &mut self,
        criterion: &Criterion,
        split: AccumulationPlan,
    ) -> Result<Share<'_>, TorchError> {
        if split.accumulation_steps() == 1 {
            return Ok(Share::Whole);
        }
        let terms = criterion.terms(split.batch_size());
        if self.last.as_ref().is_none_or(|&(known, _)| known != terms) {
            self.forget();
            // On the CPU also for a GPU: a scalar goes along with the kernel, without a copy.
            let scale =
                Tensor::f_from_slice(&[1.0 / terms as f64])?.f_reshape([0i64; 0])?.f_to_kind(self.kind)?;
            self.last = Some((terms, scale));
        }
        Ok(self.last.as_ref().map_or(Share::Whole, |(_, scale)| Share::Part(scale)))
    }

    /// Drops the scalar.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

/// What else a step needs to know.
#[derive(Debug, Clone, Copy)]
pub struct StepOptions {
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Whether the gradient's norm is to be told.
    pub wants_gradient_norm: bool,
    /// The memory of the device.
    pub meter: Meter,
}

/// The number type that a precision computes in.
#[must_use]
pub fn kind_of(precision: Precision) -> Kind {
    match precision {
        Precision::Float64 => Kind::Double,
        Precision::Float32 | Precision::BFloat16 => Kind::Float,
    }
}
