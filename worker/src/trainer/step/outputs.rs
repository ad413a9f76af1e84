//! Whether what a module of the user's own returns is what its task needs.

use domain::problem::{InputShape, Task};
use tch::{Device, Kind};

use super::problem::Problem;
use super::whole_numbers::wants_integers;
use crate::shim::{TorchError, TorchErrorKind};
use crate::trainer::model::Model;

/// What else to do about a module.
pub(in crate::trainer) const CHECK_IT: &str = "`batchsweep model check` shows more";

/// Examples that a module is tried on.
const TRIED: i64 = 2;

/// What is wrong with a module, and what to do.
pub type Unsuitable = (String, &'static str);

/// Tries a module of the user's own on [`TRIED`] examples: the width of its outputs, or why it does not suit the problem. What
/// to do about a module that fails for a reason of its own is `otherwise`.
///
/// # Errors
/// [`TorchError`] where that is not the module's fault, as when memory runs out, or what its code raised.
pub fn try_out(
    model: &mut Model,
    problem: &Problem<'_>,
    (kind, device): (Kind, Device),
    otherwise: &'static str,
) -> Result<Result<u64, Unsuitable>, TorchError> {
    let inputs = &problem.shape.inputs;
    match TorchError::catch(|| model.output_shape(inputs, TRIED, (kind, device))) {
        Ok(size) => {
            model.set_remark(remark(&size, problem.task));
            let unsuitable = |(wrong, help)| (format!("{}{wrong}", tried_on(inputs)), help);
            Ok(width(&size, problem.task).map_err(unsuitable))
        }
        Err(error) if error.kind == TorchErrorKind::Other => Ok(Err(failing(inputs, &error, otherwise))),
        Err(error) => Err(error),
    }
}

/// The width of outputs of this size for [`TRIED`] examples, where they are one for each class.
///
/// # Errors
/// What is wrong with them, and what to do.
fn width(size: &[i64], task: &Task) -> Result<u64, Unsuitable> {
    let wrong = |wanted: String, help| Err((format!("it returns {size:?}, not {wanted}"), help));
    match task {
        Task::Classification { classes } => match *size {
            [TRIED, width] if width as u64 >= *classes => Ok(width as u64),
            _ => wrong(
                format!("(2, classes) with at least the {classes} classes of the data"),
                "return the logits of one layer after the last, (examples, classes)",
            ),
        },
        Task::Sequence { positions, classes } => match size {
            [TRIED, width, rest @ ..] if *width as u64 >= *classes && is_shape(rest, positions) => {
                Ok(*width as u64)
            }
            [TRIED, rest @ .., width] if *width as u64 >= *classes && is_shape(rest, positions) => wrong(
                format!("(2, classes, ...{positions:?})"),
                "put the classes second, as PyTorch's cross_entropy wants them: return logits.transpose(1, -1)",
            ),
            _ => wrong(
                format!("(2, classes, ...{positions:?}) with at least the {classes} classes of the data"),
                "return logits of shape (examples, classes, ...positions)",
            ),
        },
        Task::Regression { shape } | Task::MultiLabel { shape } => {
            let elements = shape.iter().product::<u64>();
            match size {
                [TRIED, rest @ ..] if rest.iter().product::<i64>() as u64 == elements => Ok(elements),
                _ => wrong(
                    format!("(2, ...) with {elements} numbers for each example, as the targets have"),
                    "return as many numbers as a target has",
                ),
            }
        }
        Task::OwnLoss => Ok(0),
    }
}

/// What the user should know of outputs that could be read in two ways.
fn remark(size: &[i64], task: &Task) -> Option<String> {
    let Task::Sequence { positions, classes } = task else { return None };
    let [_, rest @ .., width] = size else { return None };
    let is_either = rest.len() == positions.len() && is_shape(rest, positions) && *width as u64 >= *classes;
    is_either.then(|| {
        format!(
            "the module's outputs for 2 examples have shape {size:?}: the second size is taken for the classes, as PyTorch's \
             cross_entropy takes it"
        )
    })
}

fn is_shape(sizes: &[i64], shape: &[u64]) -> bool {
    sizes.len() == shape.len() && sizes.iter().zip(shape).all(|(&size, &wanted)| size as u64 == wanted)
}

/// "for 2 examples of shape [1, 28, 28] ", as a sentence about a module begins.
fn tried_on(inputs: &[InputShape]) -> String {
    let shapes: Vec<_> = inputs
        .iter()
        .map(|input| match &input.name {
            Some(name) => format!("{name} {:?}", input.shape),
            None => format!("{:?}", input.shape),
        })
        .collect();
    format!("for {} examples of shape {} ", TRIED, shapes.join(" and "))
}

/// What is wrong with a module that fails for examples of this shape, and what to do.
pub(in crate::trainer) fn failing(
    inputs: &[InputShape],
    error: &TorchError,
    otherwise: &'static str,
) -> Unsuitable {
    if wants_integers(error) {
        let reason =
            "it takes integers alone, as an embedding does, and inputs come as floating-point numbers"
                .to_owned();
        return (
            reason,
            "save them as int64; or begin its `forward` with `x = x.long()`, and set `normalize = \"none\"` in [data]",
        );
    }
    (format!("{}it fails: {}", tried_on(inputs), error.message), otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_must_suit_the_task() {
        let classes = Task::Classification { classes: 3 };
        assert_eq!(width(&[2, 5], &classes), Ok(5));
        for size in [&[2, 2][..], &[2], &[2, 3, 1], &[1, 3]] {
            assert!(width(size, &classes).is_err(), "{size:?}");
        }
        let numbers = Task::Regression { shape: vec![] };
        for size in [&[2][..], &[2, 1], &[2, 1, 1]] {
            assert_eq!(width(size, &numbers), Ok(1), "{size:?}");
        }
        assert!(
            width(&[2, 2], &numbers)
                .unwrap_err()
                .0
                .contains("it returns [2, 2], not (2, ...) with 1 numbers")
        );
        assert_eq!(width(&[2, 6], &Task::MultiLabel { shape: vec![2, 3] }), Ok(6));
    }

    #[test]
    fn classes_of_a_sequence_come_second() {
        let task = Task::Sequence { positions: vec![7], classes: 5 };
        assert_eq!(width(&[2, 5, 7], &task), Ok(5));
        assert_eq!(remark(&[2, 5, 7], &task), None);
        assert!(width(&[2, 7, 5], &task).unwrap_err().1.contains("transpose(1, -1)"));
        assert_eq!(width(&[2, 7, 7], &task), Ok(7));
        assert!(remark(&[2, 7, 7], &task).is_some());
    }
}
