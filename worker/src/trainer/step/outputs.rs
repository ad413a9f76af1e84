//! Whether what a module of the user's own returns is what its task needs.

use domain::problem::{InputShape, Task};

use super::whole_numbers::wants_integers;
use crate::shim::TorchError;

/// What else to do about a module.
pub(in crate::trainer) const CHECK_IT: &str = "`batchsweep model check` shows more";

/// Examples that a module is tried on.
pub const TRIED: i64 = 2;

/// The width of outputs of this size for [`TRIED`] examples, where they are one for each class.
///
/// # Errors
/// What is wrong with them, and what to do.
pub fn width(size: &[i64], task: &Task) -> Result<u64, (String, &'static str)> {
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
#[must_use]
pub fn remark(size: &[i64], task: &Task) -> Option<String> {
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
pub(in crate::trainer) fn tried_on(inputs: &[InputShape]) -> String {
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
pub(in crate::trainer) fn failing(inputs: &[InputShape], error: &TorchError) -> (String, &'static str) {
    if wants_integers(error) {
        let reason =
            "it takes integers alone, as an embedding does, and inputs come as floating-point numbers"
                .to_owned();
        return (
            reason,
            "save them as int64; or begin its `forward` with `x = x.long()`, and set `normalize = \"none\"` in [data]",
        );
    }
    (format!("{}it fails: {}", tried_on(inputs), error.message), CHECK_IT)
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
