//! From targets and a loss to what a model must give, and what of it can be measured.

use super::{DataShape, Integers, Target, TargetValues};
use crate::spec::{Loss, Precision, TargetMetric, TrainSpec};

/// A class beyond this is a mistake: a model would get as many outputs.
const MOST_CLASSES: u64 = 1 << 20;

/// Where there are so many classes, at least [`LEAST_SHARE`] of them must occur.
const MANY_CLASSES: u64 = 1000;

/// One in this many.
const LEAST_SHARE: u64 = 100;

/// What is to be predicted for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// One class. Outputs have shape (examples, classes).
    Classification {
        /// How many classes the targets have.
        classes: u64,
    },
    /// A class for each position of a sequence or an image, but for those that are [ignored](super::IGNORED). Outputs have
    /// shape (examples, classes, ...positions).
    Sequence {
        /// The shape of an example's target.
        positions: Vec<u64>,
        /// How many classes the targets have.
        classes: u64,
    },
    /// Numbers. Outputs have as many for each example.
    Regression {
        /// The shape of an example's target; `[]` is one number.
        shape: Vec<u64>,
    },
    /// Labels that are 0 or 1, each for itself. Outputs are as many logits for each example.
    MultiLabel {
        /// The shape of an example's target; `[]` is one label.
        shape: Vec<u64>,
    },
    /// Whatever the model's own loss takes.
    OwnLoss,
}

/// Targets that a loss makes no sense for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The loss wants classes.
    #[error(
        "`loss = \"cross_entropy\"` needs classes as targets, and these are floating-point numbers; save class numbers as \
         int64, or set `loss = \"mse\"`, \"mae\" or \"huber\" for a regression, or \"binary_cross_entropy\" for 0/1 labels"
    )]
    NoClasses,
    /// The loss wants numbers, and the format has classes.
    #[error(
        "`loss = \"{loss}\"` needs numbers as targets, and these are classes; use \"cross_entropy\" or \"mse\""
    )]
    OnlyClasses {
        /// The word for the loss.
        loss: &'static str,
    },
    /// A class below 0.
    #[error("a target is {least}; {}", Self::negative(hint))]
    NegativeClass {
        /// The least.
        least: i64,
        /// What else it may be.
        hint: &'static str,
    },
    /// A class that would make too many of them.
    #[error(
        "the largest class number is {largest}, and {different} classes occur: these look like ids; number the classes from 0"
    )]
    Ids {
        /// The largest number.
        largest: i64,
        /// How many there are.
        different: u64,
    },
    /// The loss wants 0 and 1.
    #[error("`loss = \"binary_cross_entropy\"` needs targets that are 0 or 1, and others occur")]
    NoLabels,
    /// A target is set on the share of errors.
    #[error(
        "`target` is set on validation_error, which a {task} task has not; set it on \"validation_loss\" or \"train_set_loss\""
    )]
    NoErrors {
        /// The word for the task.
        task: &'static str,
    },
}

words! {
    /// What kind of thing is predicted.
    TaskKind {
        /// See [`Task::Classification`].
        Classification = "classification",
        /// See [`Task::Sequence`].
        Sequence = "sequence",
        /// See [`Task::Regression`].
        Regression = "regression",
        /// See [`Task::MultiLabel`].
        MultiLabel = "multi_label",
        /// See [`Task::OwnLoss`].
        OwnLoss = "own_loss",
    }
}

impl TaskError {
    /// What is wrong with a class below 0.
    #[must_use]
    pub fn negative(hint: &str) -> String {
        format!("classes count from 0{hint}")
    }
}

impl Task {
    /// What a trial's targets and its loss come to.
    ///
    /// # Errors
    /// [`TaskError`] where the loss makes no sense of the targets, or the trial's target is set on what there is not.
    pub fn new(target: &Target, train: &TrainSpec) -> Result<Self, TaskError> {
        let task = Self::of(target, train.loss)?;
        let on_errors = train.target.is_some_and(|target| target.metric == TargetMetric::ValidationError);
        if on_errors && !task.has_accuracy() {
            return Err(TaskError::NoErrors { task: task.word() });
        }
        Ok(task)
    }

    fn of(target: &Target, loss: Loss) -> Result<Self, TaskError> {
        let shape = || target.shape.clone();
        let is_single = target.elements() == 1;
        Ok(match (loss, target.values) {
            (Loss::Model, _) => Self::OwnLoss,
            (Loss::CrossEntropy | Loss::Mse, TargetValues::Classes(classes)) => {
                Self::Classification { classes }
            }
            (Loss::CrossEntropy | Loss::Mse, TargetValues::Integers(integers)) if is_single => {
                Self::Classification { classes: one_class_each(&integers)? }
            }
            (Loss::CrossEntropy, TargetValues::Integers(integers)) => {
                Self::Sequence { positions: shape(), classes: classes_of(&integers)? }
            }
            (Loss::CrossEntropy, TargetValues::Numbers { .. }) => return Err(TaskError::NoClasses),
            (Loss::Mae | Loss::Huber | Loss::BinaryCrossEntropy, TargetValues::Classes(_)) => {
                return Err(TaskError::OnlyClasses { loss: loss.word() });
            }
            (Loss::Mse | Loss::Mae | Loss::Huber, _) => Self::Regression { shape: shape() },
            (
                Loss::BinaryCrossEntropy,
                TargetValues::Integers(Integers { least: 0.., largest: ..=1, ignored: 0, .. }),
            )
            | (Loss::BinaryCrossEntropy, TargetValues::Numbers { all_0_or_1: true }) => {
                Self::MultiLabel { shape: shape() }
            }
            (Loss::BinaryCrossEntropy, _) => return Err(TaskError::NoLabels),
        })
    }

    /// What kind of thing is predicted.
    #[must_use]
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Classification { .. } => TaskKind::Classification,
            Self::Sequence { .. } => TaskKind::Sequence,
            Self::Regression { .. } => TaskKind::Regression,
            Self::MultiLabel { .. } => TaskKind::MultiLabel,
            Self::OwnLoss => TaskKind::OwnLoss,
        }
    }

    /// The word for it, as column `task` has it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }

    /// Positions in one example, where it is a sequence.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        match self {
            Self::Sequence { positions, .. } => Some(positions.iter().product()),
            _ => None,
        }
    }

    /// Whether predictions are right or wrong. If not, columns of accuracy and error are NULL.
    #[must_use]
    pub fn has_accuracy(&self) -> bool {
        match self {
            Self::Classification { .. } | Self::Sequence { .. } | Self::MultiLabel { .. } => true,
            Self::Regression { .. } | Self::OwnLoss => false,
        }
    }

    /// Outputs for an example of a model whose last layer is made to measure; `None` for a task that takes a model of the
    /// user's own.
    #[must_use]
    pub fn outputs(&self) -> Option<u64> {
        match self {
            Self::Classification { classes } => Some(*classes),
            Self::Regression { shape } | Self::MultiLabel { shape } => Some(shape.iter().product()),
            Self::Sequence { .. } | Self::OwnLoss => None,
        }
    }

    /// Bytes of one example's target as the loss takes it.
    #[must_use]
    pub fn target_bytes(&self, target: &Target, precision: Precision) -> u64 {
        const CLASS: u64 = 8;
        let number = match (self, target.values) {
            (Self::Regression { .. } | Self::MultiLabel { .. }, _) | (_, TargetValues::Numbers { .. }) => {
                precision.input_bytes()
            }
            (Self::OwnLoss, _) => target.number_bytes,
            (Self::Classification { .. } | Self::Sequence { .. }, _) => CLASS,
        };
        target.elements() * number
    }

    /// Bytes of one example as model and loss take it.
    #[must_use]
    pub fn example_bytes(&self, data: &DataShape, precision: Precision) -> u64 {
        data.inputs.iter().map(|input| input.bytes(precision)).sum::<u64>()
            + self.target_bytes(&data.target, precision)
    }
}

/// Classes of single targets: here [`super::IGNORED`] is no class either.
fn one_class_each(integers: &Integers) -> Result<u64, TaskError> {
    if integers.ignored > 0 && integers.least >= 0 {
        let hint = "; leave examples without a class out of the data";
        return Err(TaskError::NegativeClass { least: super::IGNORED, hint });
    }
    let classes = classes_of(integers)?;
    if classes >= MANY_CLASSES && integers.different < classes / LEAST_SHARE {
        return Err(TaskError::Ids { largest: integers.largest, different: integers.different });
    }
    Ok(classes)
}

fn classes_of(integers: &Integers) -> Result<u64, TaskError> {
    if integers.least < 0 {
        let hint = "; in a sequence, -100 is left out";
        return Err(TaskError::NegativeClass { least: integers.least, hint });
    }
    match integers.classes() {
        classes if classes > MOST_CLASSES => {
            Err(TaskError::Ids { largest: integers.largest, different: integers.different })
        }
        classes => Ok(classes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Target as Goal;

    fn train(loss: Loss) -> TrainSpec {
        TrainSpec { loss, ..TrainSpec::default() }
    }

    fn integers(shape: &[u64], least: i64, largest: i64, different: u64) -> Target {
        let integers = Integers { least, largest, different, ignored: 0 };
        Target { shape: shape.to_vec(), number_bytes: 8, values: TargetValues::Integers(integers) }
    }

    fn numbers(shape: &[u64], all_0_or_1: bool) -> Target {
        Target { shape: shape.to_vec(), number_bytes: 8, values: TargetValues::Numbers { all_0_or_1 } }
    }

    #[test]
    fn the_loss_says_what_targets_are() {
        for (target, loss, expected) in [
            (Target::classes(10), Loss::CrossEntropy, Task::Classification { classes: 10 }),
            (Target::classes(10), Loss::Mse, Task::Classification { classes: 10 }),
            (integers(&[], 0, 4, 5), Loss::CrossEntropy, Task::Classification { classes: 5 }),
            (integers(&[], 0, 4, 5), Loss::Mse, Task::Classification { classes: 5 }),
            (integers(&[], 18, 90, 40), Loss::Mae, Task::Regression { shape: vec![] }),
            (integers(&[7], 0, 4, 5), Loss::CrossEntropy, Task::Sequence { positions: vec![7], classes: 5 }),
            (integers(&[7], -5, 4, 5), Loss::Mse, Task::Regression { shape: vec![7] }),
            (integers(&[3], 0, 1, 2), Loss::BinaryCrossEntropy, Task::MultiLabel { shape: vec![3] }),
            (numbers(&[], false), Loss::Mse, Task::Regression { shape: vec![] }),
            (numbers(&[2, 2], false), Loss::Huber, Task::Regression { shape: vec![2, 2] }),
            (numbers(&[], true), Loss::BinaryCrossEntropy, Task::MultiLabel { shape: vec![] }),
            (numbers(&[], true), Loss::Model, Task::OwnLoss),
        ] {
            assert_eq!(Task::new(&target, &train(loss)), Ok(expected), "{target:?} with {loss:?}");
        }
    }

    #[test]
    fn targets_that_a_loss_makes_no_sense_of_are_refused() {
        let refused = |target: &Target, loss| Task::new(target, &train(loss)).unwrap_err();
        assert_eq!(refused(&numbers(&[], false), Loss::CrossEntropy), TaskError::NoClasses);
        assert_eq!(refused(&Target::classes(10), Loss::Mae), TaskError::OnlyClasses { loss: "mae" });
        assert_eq!(refused(&numbers(&[3], false), Loss::BinaryCrossEntropy), TaskError::NoLabels);
        assert_eq!(refused(&integers(&[3], 0, 2, 3), Loss::BinaryCrossEntropy), TaskError::NoLabels);
        assert!(matches!(
            refused(&integers(&[], -1, 4, 5), Loss::CrossEntropy),
            TaskError::NegativeClass { .. }
        ));
        assert!(matches!(
            refused(&integers(&[7], -1, 4, 5), Loss::CrossEntropy),
            TaskError::NegativeClass { .. }
        ));
    }

    #[test]
    fn ids_are_no_classes() {
        let ids =
            |largest, different| Task::new(&integers(&[], 0, largest, different), &train(Loss::CrossEntropy));
        assert_eq!(ids(1_000_003, 4), Err(TaskError::Ids { largest: 1_000_003, different: 4 }));
        assert_eq!(ids(999, 20), Ok(Task::Classification { classes: 1000 }));
        assert_eq!(ids(999, 9), Err(TaskError::Ids { largest: 999, different: 9 }));
        assert_eq!(ids(500, 2), Ok(Task::Classification { classes: 501 }));
        // A few texts hold few of the words that there are.
        assert!(Task::new(&integers(&[64], 0, 50_256, 60), &train(Loss::CrossEntropy)).is_ok());
    }

    #[test]
    fn an_ignored_class_needs_a_sequence() {
        let with_ignored = |shape: &[u64]| {
            let integers = Integers { least: 0, largest: 3, different: 4, ignored: 2 };
            let target =
                Target { shape: shape.to_vec(), number_bytes: 8, values: TargetValues::Integers(integers) };
            Task::new(&target, &train(Loss::CrossEntropy))
        };
        assert_eq!(with_ignored(&[5]), Ok(Task::Sequence { positions: vec![5], classes: 4 }));
        assert!(
            with_ignored(&[]).unwrap_err().to_string().starts_with("a target is -100; classes count from 0")
        );
    }

    #[test]
    fn a_goal_on_errors_needs_right_and_wrong() {
        let goal = Some(Goal { metric: TargetMetric::ValidationError, below: 0.1 });
        let train = TrainSpec { target: goal, ..train(Loss::Mse) };
        let error = Task::new(&numbers(&[], false), &train).unwrap_err();
        assert_eq!(error, TaskError::NoErrors { task: "regression" });
        assert!(Task::new(&Target::classes(3), &train).is_ok());
    }

    #[test]
    fn targets_are_counted_as_the_loss_takes_them() {
        let bytes = |target: &Target, loss, precision| {
            Task::new(target, &train(loss)).unwrap().target_bytes(target, precision)
        };
        assert_eq!(bytes(&Target::classes(10), Loss::CrossEntropy, Precision::Float64), 8);
        assert_eq!(bytes(&Target::classes(10), Loss::Mse, Precision::Float32), 8);
        assert_eq!(bytes(&integers(&[7], 0, 4, 5), Loss::CrossEntropy, Precision::Float32), 56);
        assert_eq!(bytes(&numbers(&[7], false), Loss::Mse, Precision::Float32), 28);
        assert_eq!(bytes(&numbers(&[7], false), Loss::Mse, Precision::Float64), 56);
    }
}
