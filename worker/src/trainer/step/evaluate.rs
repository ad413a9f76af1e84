//! Loss and accuracy over many examples, without training.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

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
    let device = learner.arithmetic().device;
    // Loss and number of right answers. They are added up where they arise: the device is waited for once, at the end.
    let mut sums = Tensor::f_zeros([2], (Kind::Double, device))?;
    let mut next = rows.start;
    while next < rows.end {
        let count = (*at_a_time).clamp(1, rows.end - next);
        match TorchError::catch(|| evaluate_some(learner, feed, next, count)) {
            Ok(some) => {
                let _ = sums.f_add_(&some)?;
                next += count;
            }
            Err(error) if error.is_out_of_memory() && count > 1 => *at_a_time = count / 2,
            Err(error) => return Err(error),
        }
    }
    let examples = rows.end - rows.start;
    let mut totals = [0.0; 2];
    sums.f_to_device(Device::Cpu)?.f_copy_data(&mut totals, 2)?;
    let [loss, right] = totals;
    Ok(Evaluation {
        loss: loss / learner.criterion.terms(examples) as f64,
        accuracy: right / examples as f64,
    })
}

/// The summed loss, and how many are right, as two numbers on the device.
fn evaluate_some(
    learner: &mut Learner,
    feed: &mut Feed,
    start: u64,
    count: u64,
) -> Result<Tensor, TorchError> {
    let examples = feed.rows(start, count)?;
    let outputs = learner.evaluate(&examples.inputs)?;
    let loss = learner.criterion.sum(&outputs, &examples.targets)?;
    let right = outputs.f_argmax(1, false)?.f_eq_tensor(&examples.targets)?.f_sum(Kind::Double)?;
    let some = Tensor::f_stack(&[loss.f_to_kind(Kind::Double)?, right], 0)?;
    pulse::beat();
    Ok(some)
}
