//! Whether a batch that is split has the gradient of the whole. Of layers this is known; of a module of the user's own
//! it is tried out.

use domain::architecture::Inexact;
use tch::{Kind, Tensor};

use super::learner::Learner;
use crate::shim::TorchError;
use crate::shim::optimizer::TensorList;
use crate::trainer::data::Feed;
use crate::trainer::seed::Purpose;

/// Examples that are taken, in two halves and as a whole.
const EXAMPLES: u64 = 4;

/// Compares the gradients of a few examples with those of their halves. Nothing that training sees is changed. Where
/// memory is too short to find out, the answer is the careful one.
///
/// # Errors
/// [`TorchError`] with what the module raised.
pub fn check(
    learner: &mut Learner,
    feed: &mut Feed,
    train_examples: u64,
) -> Result<Option<Inexact>, TorchError> {
    let examples = EXAMPLES.min(train_examples);
    if examples < 2 {
        return Ok(None);
    }
    learner.model.keep_buffers()?;
    let differs = TorchError::catch(|| differs(learner, feed, examples));
    learner.model.clear_gradients()?;
    learner.model.restore_buffers()?;
    learner.forget_scale();
    match differs {
        Ok(differs) => Ok(differs.then_some(Inexact::OwnCode)),
        Err(error) if error.is_out_of_memory() || error.is_of_one_value() => Ok(Some(Inexact::OwnCode)),
        Err(error) => Err(error),
    }
}

/// Whether a loss of the model's own is a mean where a sum is wanted: twice that of a few examples is what their halves
/// give together.
///
/// # Errors
/// [`TorchError`] with what the code raised.
pub fn is_mean(learner: &mut Learner, feed: &mut Feed, train_examples: u64) -> Result<bool, TorchError> {
    const CLOSE: f64 = 1e-3;
    if train_examples < EXAMPLES {
        return Ok(false);
    }
    let half = EXAMPLES / 2;
    let mut of = |start: u64, count: u64| -> Result<[f64; 2], TorchError> {
        let own = learner.evaluate_own(&feed.epoch_examples(start, count)?)?;
        Ok([own.sum.f_double_value(&[])?, own.terms.f_double_value(&[])?])
    };
    let ([whole, terms], first, second) = (of(0, EXAMPLES)?, of(0, half)?, of(half, half)?);
    let [parts, terms_of_parts] = [first[0] + second[0], first[1] + second[1]];
    let is_close = |a: f64, b: f64| (a - b).abs() <= CLOSE * b.abs();
    Ok(whole != 0.0 && is_close(parts, 2.0 * whole) && is_close(terms_of_parts, terms))
}

/// Whether a module refuses to be trained on one example, as a batch normalisation of one value a channel does. Nothing that
/// training sees is changed.
///
/// # Errors
/// [`TorchError`] if libtorch refuses to undo it.
pub fn refuses_one_example(learner: &mut Learner, feed: &mut Feed) -> Result<bool, TorchError> {
    learner.model.keep_buffers()?;
    let tried = TorchError::catch(|| {
        let one = feed.epoch_examples(0, 1)?;
        let mut terms = learner.terms(feed, 0, 1, false);
        learner.add_gradient(&one, Purpose::Forward { step: 0, first: 0 }, &mut terms).map(drop)
    });
    learner.model.clear_gradients()?;
    learner.model.restore_buffers()?;
    learner.forget_scale();
    // Whatever else it raises shows where it matters.
    Ok(tried.is_err_and(|error| error.is_of_one_value()))
}

fn differs(learner: &mut Learner, feed: &mut Feed, examples: u64) -> Result<bool, TorchError> {
    let half = examples / 2;
    let whole = gradients_of(learner, feed, &[(0, examples)])?;
    let parts = gradients_of(learner, feed, &[(0, half), (half, examples - half)])?;
    let (mut difference, mut size) = (0.0, 0.0);
    for (whole, parts) in whole.iter().zip(&parts) {
        difference += square(&parts.f_sub(whole)?)?;
        size += square(whole)?;
    }
    Ok(whole.len() != parts.len() || difference.sqrt() > tolerance(learner) * size.sqrt())
}

/// The gradients of the first examples, taken in these parts.
fn gradients_of(
    learner: &mut Learner,
    feed: &mut Feed,
    parts: &[(u64, u64)],
) -> Result<Vec<Tensor>, TorchError> {
    learner.model.clear_gradients()?;
    let mut terms = learner.terms(feed, 0, parts.iter().map(|(_, count)| count).sum(), parts.len() > 1);
    for &(start, count) in parts {
        let part = feed.epoch_examples(start, count)?;
        let _ = learner.add_gradient(&part, Purpose::Forward { step: 0, first: start }, &mut terms)?;
    }
    terms.divide(learner.model.parameters())?;
    Ok(gradients(learner.model.parameters()))
}

/// Rounding alone stays well below this share of the gradient.
fn tolerance(learner: &Learner) -> f64 {
    match learner.arithmetic() {
        arithmetic if arithmetic.autocast => 5e-2,
        arithmetic if arithmetic.kind == Kind::Double => 1e-9,
        _ => 1e-4,
    }
}

/// Those that there are. They stay when the parameters drop them.
fn gradients(parameters: &TensorList) -> Vec<Tensor> {
    parameters.as_slice().iter().map(Tensor::grad).filter(Tensor::defined).collect()
}

fn square(tensor: &Tensor) -> Result<f64, TorchError> {
    let flat = tensor.f_reshape([-1i64])?;
    Ok(flat.f_dot(&flat)?.f_double_value(&[])?)
}
