//! Loss and accuracy over many examples, without training.

use std::ops::Range;

use super::learner::Learner;
use crate::shim::TorchError;
use crate::trainer::data::Feed;
use crate::trainer::pulse;

/// Means over the examples evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share classified rightly, 0 to 1.
    pub accuracy: f64,
}

/// Evaluates rows of the data in file order, `at_a_time` examples together; these are halved, for good, where they do
/// not fit.
///
/// # Errors
/// [`TorchError`], also when one example at a time does not fit.
pub fn evaluate(
    learner: &mut Learner,
    feed: &mut Feed,
    rows: Range<u64>,
    at_a_time: &mut u64,
) -> Result<Evaluation, TorchError> {
    let (mut loss, mut right) = (0.0, 0);
    let mut next = rows.start;
    while next < rows.end {
        let count = (*at_a_time).clamp(1, rows.end - next);
        match TorchError::catch(|| evaluate_some(learner, feed, next, count)) {
            Ok((sum, some_right)) => {
                loss += sum;
                right += some_right;
                next += count;
            }
            Err(error) if error.is_out_of_memory() && count > 1 => *at_a_time = count / 2,
            Err(error) => return Err(error),
        }
    }
    let examples = rows.end - rows.start;
    Ok(Evaluation {
        loss: loss / learner.criterion.terms(examples) as f64,
        accuracy: right as f64 / examples as f64,
    })
}

/// The summed loss, and how many are right.
fn evaluate_some(
    learner: &mut Learner,
    feed: &mut Feed,
    start: u64,
    count: u64,
) -> Result<(f64, i64), TorchError> {
    let examples = feed.rows(start, count)?;
    let outputs = learner.evaluate(&examples.inputs)?;
    let loss = learner.criterion.sum(&outputs, &examples.targets)?;
    let right = outputs.f_argmax(1, false)?.f_eq_tensor(&examples.targets)?.f_sum(tch::Kind::Int64)?;
    let told = (loss.f_double_value(&[])?, right.f_int64_value(&[])?);
    pulse::beat();
    Ok(told)
}
