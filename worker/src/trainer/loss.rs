//! What is minimised.

use domain::spec::Loss;
use tch::{Kind, Reduction, Tensor};

use crate::shim::TorchError;

/// The loss of a trial, for one kind of model output.
#[derive(Debug, Clone, Copy)]
pub struct Criterion {
    loss: Loss,
    classes: i64,
    kind: Kind,
}

/// How the losses of a micro-batch's examples become one number.
#[derive(Debug, Clone, Copy)]
pub enum Share<'a> {
    /// Their mean: the micro-batch is the whole batch.
    Whole,
    /// Their sum times this scalar: one over the number of terms in the whole batch. Then the micro-batches'
    /// numbers add up to the batch's mean, and their gradients to its gradient, however the batch is split.
    Part(&'a Tensor),
    /// Their sum.
    Sum,
}

impl Criterion {
    /// For outputs of shape (examples, classes).
    #[must_use]
    pub fn new(loss: Loss, classes: u64, kind: Kind) -> Self {
        Self { loss, classes: classes as i64, kind }
    }

    /// The loss as a scalar tensor. `outputs` is (examples, classes), `targets` (examples) of int64 classes.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn value(&self, outputs: &Tensor, targets: &Tensor, share: Share<'_>) -> Result<Tensor, TorchError> {
        let reduction = if matches!(share, Share::Whole) { Reduction::Mean } else { Reduction::Sum };
        let value = match self.loss {
            Loss::CrossEntropy => {
                // -100 is PyTorch's "ignore this example"; no label here is negative.
                outputs.f_cross_entropy_loss::<&Tensor>(targets, None, reduction, -100, 0.0)?
            }
            Loss::Mse => {
                let wanted = targets.f_one_hot(self.classes)?.f_to_kind(self.kind)?;
                outputs.f_mse_loss(&wanted, reduction)?
            }
        };
        match share {
            Share::Part(scale) => Ok(value.f_mul(scale)?),
            Share::Whole | Share::Sum => Ok(value),
        }
    }

    /// Terms that the mean over `examples` examples is taken of. As in PyTorch, the squared error counts each class
    /// as a term.
    #[must_use]
    pub fn terms(&self, examples: u64) -> u64 {
        match self.loss {
            Loss::CrossEntropy => examples,
            Loss::Mse => examples * self.classes as u64,
        }
    }
}
