//! One optimizer step: the batch in micro-batches, each forward and backward, then the update. The step either
//! happens wholly or not at all.

use domain::AccumulationPlan;
use domain::spec::{Loss, Precision, TrainSpec};
use tch::{Device, Kind, Tensor};

use super::course::Batch;
use super::loss::Criterion;
use super::optimizer::Optimizer;
use super::tape::StepTape;
use super::terms::Terms;
use crate::shim::chain;
use crate::shim::optimizer::gradient_norm;
use crate::shim::step::{Autocast, backward};
use crate::shim::{TorchError, TorchErrorKind};
use crate::trainer::data::{Examples, Feed};
use crate::trainer::device::Meter;
use crate::trainer::hosted::OwnLoss;
use crate::trainer::model::{Mode, Model};
use crate::trainer::pulse;
use crate::trainer::seed::{Purpose, derive};

/// A model with what it takes to train it.
#[derive(Debug)]
pub struct Learner {
    /// What is trained.
    pub model: Model,
    /// How it is updated.
    pub optimizer: Optimizer,
    /// What is minimised.
    pub criterion: Criterion,
    /// In which numbers, and where.
    arithmetic: Arithmetic,
    /// Seeds the random numbers that the model draws.
    seed: u64,
    scale: Scale,
}

/// In which numbers a trial computes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arithmetic {
    /// The type of parameters, gradients and inputs.
    pub kind: Kind,
    /// Where they are.
    pub device: Device,
    /// Whether operations that gain by it compute in bfloat16.
    pub autocast: bool,
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
}

/// Why a step did not happen. Parameters, optimizer state and buffers are as before it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// One example at a time is still too much.
    #[error("one example at a time does not fit: {0}")]
    DoesNotFit(String),
    /// Micro-batches of so many examples do not fit, and smaller ones would hold a single one, of which the model's batch
    /// normalisation sees one value a channel.
    #[error("micro-batches of {0} do not fit, and the model cannot be trained on single examples")]
    OneExample(u64),
    /// Something else.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// What else a step needs to know.
#[derive(Debug, Clone, Copy)]
pub struct StepOptions {
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Which norms are to be told.
    pub norms: Norms,
    /// The memory of the device.
    pub meter: Meter,
}

/// Which gradient norms a step leaves on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// None.
    None,
    /// The whole batch's.
    Batch,
    /// Also that of a part of the batch, for the noise scale: the first micro-batch, or half of a batch that is not
    /// split, which takes a forward and a backward of its own.
    BatchAndPart,
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
        arithmetic: Arithmetic,
        seed: u64,
    ) -> Result<Self, TorchError> {
        let optimizer = Optimizer::new(train, model.parameters())?;
        Ok(Self { model, optimizer, criterion, arithmetic, seed, scale: Scale::default() })
    }

    /// In which numbers it computes, and where.
    #[must_use]
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
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
        tape: &mut StepTape,
        options: &StepOptions,
    ) -> Result<StepReport, StepError> {
        let mut report = StepReport::default();
        let mut split = AccumulationPlan::at_most(batch.examples, *micro_batch);
        if self.model.needs_two_examples() && split.sizes().last() == Some(1) {
            return Err(StepError::OneExample(*micro_batch + 1));
        }
        self.model.keep_buffers()?;
        while let Err(error) = TorchError::catch(|| self.accumulate(feed, batch, split, tape, options.norms))
        {
            feed.drop_ahead();
            self.roll_back(tape, &options.meter)?;
            if !error.is_out_of_memory() {
                return Err(error.into());
            }
            let finer = split.finer(report.refusals.len() as u32);
            report.refusals.push(Refusal { split, message: error.message.clone() });
            let refused = split.micro_batch();
            split = finer.ok_or(StepError::DoesNotFit(error.message))?;
            if self.model.needs_two_examples() && split.sizes().last() == Some(1) {
                return Err(StepError::OneExample(refused));
            }
            *micro_batch = split.micro_batch();
        }
        if options.norms != Norms::None {
            // A few bytes for a number that nobody needs: without them there is just no number.
            if let Ok(norm) = gradient_norm(self.model.parameters()) {
                tape.set_gradient_norm(&norm)?;
            }
        }
        self.optimizer.step(self.model.parameters(), options.learning_rate, batch.step)?;
        tape.commit(self.criterion.terms(batch.examples, feed.counted_in_epoch(batch.start, batch.examples)));
        Ok(report)
    }

    /// Leaves the gradient of the batch's mean loss in the parameters; on the tape that loss, and where it is wanted the
    /// norm of the gradient of the first part.
    fn accumulate(
        &mut self,
        feed: &mut Feed,
        batch: &Batch,
        split: AccumulationPlan,
        tape: &mut StepTape,
        norms: Norms,
    ) -> Result<(), TorchError> {
        let wants_part = norms == Norms::BatchAndPart && batch.examples > 1;
        if wants_part && split.accumulation_steps() == 1 {
            let half = batch.examples / 2;
            if let Some(norm) = self.norm_of_first(half, feed, batch)? {
                tape.set_first_part(&norm, half, 1.0)?;
            }
        }
        self.model.clear_gradients()?;
        let mut next = batch.start;
        let mut terms = self.terms(feed, batch.start, batch.examples, split.accumulation_steps() > 1);
        for (size, ahead) in feed.micro_batches(batch.start, split) {
            let examples = feed.micro_batch(next, size, ahead)?;
            let draws = Purpose::Forward { step: batch.step, first: next };
            tape.add_loss(&self.add_gradient(&examples, draws, &mut terms)?)?;
            if wants_part && next == batch.start && size < batch.examples {
                self.note_first_part(feed, batch, size, &terms, tape)?;
            }
            next += size;
        }
        terms.divide(self.model.parameters())?;
        terms.measured().map_or(Ok(()), |measured| tape.set_terms(measured))
    }

    /// The norm of the gradient so far, which is that of the first micro-batch: divided by the terms of the whole batch, or by
    /// nothing yet.
    fn note_first_part(
        &mut self,
        feed: &Feed,
        batch: &Batch,
        size: u64,
        terms: &Terms,
        tape: &mut StepTape,
    ) -> Result<(), TorchError> {
        let norm = gradient_norm(self.model.parameters())?;
        match terms {
            Terms::Known(terms) => {
                let counted = feed.counted_in_epoch(batch.start, size);
                let of_part = self.criterion.terms(size, counted).unwrap_or(*terms).max(1);
                tape.set_first_part(&norm, size, *terms as f64 / of_part as f64)
            }
            Terms::Measured { so_far, .. } => match so_far {
                Some(terms) => tape.set_first_part(&norm.f_div(terms)?, size, 1.0),
                None => Ok(()),
            },
        }
    }

    /// The terms of so many examples of the epoch, which are trained whole or in parts.
    pub(in crate::trainer) fn terms(&self, feed: &Feed, start: u64, count: u64, in_parts: bool) -> Terms {
        Terms::new(self.criterion.terms(count, feed.counted_in_epoch(start, count)), in_parts)
    }

    /// Forward and backward of some examples, as a part of a batch of so many terms; adds to the gradients and gives the
    /// summed loss. Random numbers are drawn by the place of the first example, so that a step done over draws the same.
    pub(in crate::trainer) fn add_gradient(
        &mut self,
        examples: &Examples,
        draws: Purpose,
        terms: &mut Terms,
    ) -> Result<Tensor, TorchError> {
        self.add_gradient_in(Mode::Training, examples, draws, terms)
    }

    /// The same in either mode.
    pub(in crate::trainer) fn add_gradient_in(
        &mut self,
        mode: Mode,
        examples: &Examples,
        draws: Purpose,
        terms: &mut Terms,
    ) -> Result<Tensor, TorchError> {
        if self.model.draws_random_numbers() {
            self.model.seed(derive(self.seed, draws));
        }
        let Examples { inputs, targets } = examples;
        let loss = match terms {
            Terms::Measured { .. } => self.measured_gradient(mode, examples, terms)?,
            Terms::Known(known) => {
                let scale = self.scale.of(*known, self.arithmetic)?;
                let by_chain = self
                    .criterion
                    .of_one_class()
                    .filter(|_| self.model.is_chain() && !self.arithmetic.autocast);
                if let (Some(loss), [input]) = (by_chain, &inputs[..]) {
                    chain::backward(self.model.parameters(), input, targets, loss, scale)?
                } else {
                    let loss = {
                        let _bfloat16 = self.arithmetic.autocast()?;
                        let outputs = self.model.forward(inputs, mode)?;
                        self.criterion.sum(&outputs, targets)?
                    };
                    backward(&loss, scale)?;
                    loss
                }
            }
        };
        pulse::beat();
        Ok(loss)
    }

    /// By a loss that shows only then how many terms it is of.
    fn measured_gradient(
        &mut self,
        mode: Mode,
        examples: &Examples,
        terms: &mut Terms,
    ) -> Result<Tensor, TorchError> {
        let Examples { inputs, targets } = examples;
        let (sum, measured) = {
            let _bfloat16 = self.arithmetic.autocast()?;
            if self.criterion.loss() == Loss::Model {
                let own = self.model.own_loss(inputs, targets, mode)?;
                if !own.sum.requires_grad() {
                    return Err(TorchError {
                        kind: TorchErrorKind::UsersCode,
                        message: "the sum that loss() returns does not depend on the parameters: it has no gradient; compute it \
                                  with torch, outside of no_grad, and leave backward() to the trainer"
                            .to_owned(),
                    });
                }
                (own.sum, own.terms)
            } else {
                let outputs = self.model.forward(inputs, mode)?;
                (self.criterion.sum(&outputs, targets)?, Criterion::count(targets)?)
            }
        };
        match terms.add(&measured)? {
            Some(scale) => backward(&sum, &scale.f_to_kind(sum.kind())?)?,
            None => backward(&sum, self.scale.of(1, self.arithmetic)?)?,
        }
        Ok(sum)
    }

    /// The norm of the mean gradient of so many of the batch's first examples. Changes nothing that training sees. Where
    /// there is no memory for it, or it would be one example for a model that needs two, there is no number.
    fn norm_of_first(
        &mut self,
        count: u64,
        feed: &mut Feed,
        batch: &Batch,
    ) -> Result<Option<Tensor>, TorchError> {
        let draws = Purpose::Forward { step: batch.step, first: batch.start };
        self.model.clear_gradients()?;
        let norm = TorchError::catch(|| {
            let examples = feed.epoch_examples(batch.start, count)?;
            let mut terms = self.terms(feed, batch.start, count, false);
            let _ = self.add_gradient(&examples, draws, &mut terms)?;
            gradient_norm(self.model.parameters())
        });
        self.model.restore_buffers()?;
        match norm {
            Ok(norm) => Ok(Some(norm)),
            Err(error) if error.is_out_of_memory() || error.is_of_one_value() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Undoes a step that stopped before its update: partial gradients, the loss so far, running statistics. The
    /// tensors of the failed micro-batch are gone with its scope; random numbers are drawn anew by their place.
    fn roll_back(&mut self, tape: &mut StepTape, meter: &Meter) -> Result<(), TorchError> {
        self.model.clear_gradients()?;
        self.model.restore_buffers()?;
        tape.discard()?;
        meter.release_cache()
    }

    /// The outputs for evaluation: no gradients, nothing changes.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn evaluate(&mut self, inputs: &[Tensor]) -> Result<Tensor, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let outputs = {
            let _bfloat16 = self.arithmetic.autocast()?;
            self.model.forward(inputs, Mode::Evaluating)?
        };
        // Autocast takes the loss in float32 too; without it, bfloat16 outputs would be summed up in 8 bits.
        Ok(outputs.f_to_kind(self.arithmetic.kind)?)
    }

    /// The model's own loss for evaluation.
    ///
    /// # Errors
    /// [`TorchError`] with what it raised, also when memory ran out.
    pub fn evaluate_own(&mut self, examples: &Examples) -> Result<OwnLoss, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let _bfloat16 = self.arithmetic.autocast()?;
        self.model.own_loss(&examples.inputs, &examples.targets, Mode::Evaluating)
    }

    /// Drops what is only kept for speed.
    pub(in crate::trainer) fn forget_scale(&mut self) {
        self.scale = Scale::default();
    }
}

impl Arithmetic {
    /// What a precision means on a device.
    #[must_use]
    pub fn new(precision: Precision, device: Device) -> Self {
        Self { kind: kind_of(precision), device, autocast: precision == Precision::BFloat16 }
    }

    fn autocast(self) -> Result<Option<Autocast>, TorchError> {
        self.autocast.then(|| Autocast::enter(self.device)).transpose()
    }
}

/// One over a number of terms, as a scalar tensor: of the last number met, so that it is made again only for the odd
/// batch at the end of an epoch, and what a step takes does not depend on the steps before it.
#[derive(Debug, Default)]
struct Scale {
    last: Option<(u64, Tensor)>,
}

impl Scale {
    fn of(&mut self, terms: u64, arithmetic: Arithmetic) -> Result<&Tensor, TorchError> {
        match self.last.take() {
            Some((known, scale)) if known == terms => Ok(&self.last.insert((known, scale)).1),
            _ => {
                // Filled in place: a number copied from the host would make it wait for the device.
                let place = (arithmetic.kind, arithmetic.device);
                let scale = Tensor::f_full([0i64; 0], 1.0 / terms as f64, place)?;
                Ok(&self.last.insert((terms, scale)).1)
            }
        }
    }
}

/// The number type of parameters, gradients and inputs.
#[must_use]
pub fn kind_of(precision: Precision) -> Kind {
    match precision {
        Precision::Float64 => Kind::Double,
        Precision::Float32 | Precision::BFloat16 => Kind::Float,
    }
}
