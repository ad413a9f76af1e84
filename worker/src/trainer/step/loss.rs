//! What is minimised, and what of the outputs can be right or wrong.

use domain::problem::{IGNORED, Task};
use domain::spec::Loss;
use tch::{Kind, Reduction, Tensor};

use crate::shim::TorchError;
use crate::shim::chain::ClassLoss;
use crate::trainer::data::dataset::Counted;

/// The loss of a trial, for one kind of model output.
#[derive(Debug, Clone)]
pub struct Criterion {
    loss: Loss,
    task: Task,
    /// The width of the outputs, where they are one for each class.
    classes: i64,
    kind: Kind,
}

impl Criterion {
    /// For a task, and outputs that are `width` wide where they are one for each class.
    #[must_use]
    pub fn new(loss: Loss, task: Task, width: u64, kind: Kind) -> Self {
        Self { loss, task, classes: width as i64, kind }
    }

    /// Which loss.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// What is predicted.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The loss where a row of outputs is compared with one class.
    #[must_use]
    pub fn of_one_class(&self) -> Option<ClassLoss> {
        match (&self.task, self.loss) {
            (Task::Classification { .. }, Loss::CrossEntropy) => Some(ClassLoss::CrossEntropy),
            (Task::Classification { .. }, Loss::Mse) => Some(ClassLoss::SquaredError),
            _ => None,
        }
    }

    /// The summed loss of some examples, as a scalar tensor: divided by [`Criterion::terms`] of a whole batch, the sums
    /// of its micro-batches add up to the batch's mean, and their gradients to its gradient, however it is split.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn sum(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor, TorchError> {
        Ok(match (self.loss, &self.task) {
            (Loss::CrossEntropy, _) => {
                outputs.f_cross_entropy_loss::<&Tensor>(targets, None, Reduction::Sum, IGNORED, 0.0)?
            }
            (Loss::Mse, Task::Classification { .. }) => {
                let wanted = targets.f_one_hot(self.classes)?.f_to_kind(self.kind)?;
                outputs.f_mse_loss(&wanted, Reduction::Sum)?
            }
            (Loss::Mse, _) => self.numbers(outputs, targets)?.f_mse_loss(targets, Reduction::Sum)?,
            (Loss::Mae, _) => self.numbers(outputs, targets)?.f_l1_loss(targets, Reduction::Sum)?,
            (Loss::Huber, _) => self.numbers(outputs, targets)?.f_huber_loss(targets, Reduction::Sum, 1.0)?,
            (Loss::BinaryCrossEntropy, _) => self
                .numbers(outputs, targets)?
                .f_binary_cross_entropy_with_logits::<&Tensor>(targets, None, None, Reduction::Sum)?,
            (Loss::Model, _) => {
                return Err(TorchError::from_text("a loss of the model's own was asked of the trainer"));
            }
        })
    }

    /// Outputs in the shape and the type of the targets: (N, 1) and (N) would otherwise be compared each with each.
    fn numbers(&self, outputs: &Tensor, targets: &Tensor) -> Result<Tensor, TorchError> {
        Ok(outputs.f_reshape(targets.size())?.f_to_kind(self.kind)?)
    }

    /// Terms that the mean over `examples` examples is taken of, of whose targets so many positions are not ignored. As in
    /// PyTorch, an error against numbers counts each of them. `None` where only the examples themselves show how many they
    /// are: [`Criterion::count`], or the model's own loss.
    #[must_use]
    pub fn terms(&self, examples: u64, counted: Counted) -> Option<u64> {
        let each = |shape: &[u64]| examples * shape.iter().product::<u64>();
        match (&self.task, self.loss) {
            (Task::Classification { .. }, Loss::Mse) => Some(examples * self.classes as u64),
            (Task::Classification { .. }, _) => Some(examples),
            (Task::Sequence { positions, .. }, _) => match counted {
                Counted::All => Some(each(positions)),
                Counted::Some(count) => Some(count),
                Counted::Unknown => None,
            },
            (Task::Regression { shape } | Task::MultiLabel { shape }, _) => Some(each(shape)),
            (Task::OwnLoss, _) => None,
        }
    }

    /// The positions of these targets that are not ignored, as a scalar tensor.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn count(targets: &Tensor) -> Result<Tensor, TorchError> {
        Ok(targets.f_ne(IGNORED)?.f_sum(Kind::Double)?)
    }

    /// How many predictions are right, as a scalar tensor; `None` where none is right or wrong.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn right(&self, outputs: &Tensor, targets: &Tensor) -> Result<Option<Tensor>, TorchError> {
        let right = match &self.task {
            // No class is the one that is ignored.
            Task::Classification { .. } | Task::Sequence { .. } => {
                outputs.f_argmax(1, false)?.f_eq_tensor(targets)?
            }
            Task::MultiLabel { .. } => {
                outputs.f_reshape(targets.size())?.f_gt(0.0)?.f_eq_tensor(&targets.f_gt(0.5)?)?
            }
            Task::Regression { .. } | Task::OwnLoss => return Ok(None),
        };
        Ok(Some(right.f_sum(Kind::Double)?))
    }

    /// How many predictions are right or wrong in `examples` examples.
    #[must_use]
    pub fn predictions(&self, examples: u64, counted: Counted) -> u64 {
        match &self.task {
            Task::Classification { .. } => examples,
            task if task.has_accuracy() => self.terms(examples, counted).unwrap_or(0),
            _ => 0,
        }
    }
}
