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

impl Criterion {
    /// For outputs of shape (examples, classes).
    #[must_use]
    pub fn new(loss: Loss, classes: u64, kind: Kind) -> Self {
        Self { loss, classes: classes as i64, kind }
    }

    /// Which loss.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The summed loss of some examples, as a scalar tensor: divided by [`Criterion::terms`] of a whole batch, the sums
    /// of its micro-batches add up to the batch's mean, and their gradients to its gradient, however it is split.
    /// `outputs` is (examples, classes), `targets` (examples) of int64 classes.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn sum(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor, TorchError> {
        Ok(match self.loss {
            Loss::CrossEntropy => {
                // -100 is PyTorch's "ignore this example"; no label here is negative.
                outputs.f_cross_entropy_loss::<&Tensor>(targets, None, Reduction::Sum, -100, 0.0)?
            }
            Loss::Mse => {
                let wanted = targets.f_one_hot(self.classes)?.f_to_kind(self.kind)?;
                outputs.f_mse_loss(&wanted, Reduction::Sum)?
            }
        })
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
