//! Whether a batch that is split has the gradient of the whole. Of layers this is known; of a module of the user's own
//! it is tried out.

use domain::architecture::Inexact;
use tch::{Kind, Tensor};

use super::learner::Learner;
use crate::shim::TorchError;
use crate::shim::optimizer::TensorList;
use crate::trainer::data::Feed;
use crate::trainer::seed::Purpose;

/// Examples that are taken as a whole and in two parts, which differ in size: of parts alike, a mean is that of the whole.
const EXAMPLES: u64 = 5;

/// Where the first examples have no gradient, as where all their targets are ignored, others are taken, up to so many times.
const TRIES: u64 = 8;

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
    let differs = TorchError::catch(|| differs(learner, feed, examples, train_examples));
    learner.model.clear_gradients()?;
    learner.model.restore_buffers()?;
    learner.forget_scale();
    match differs {
        Ok(differs) => Ok(differs.then_some(Inexact::OwnCode)),
        Err(error) if error.is_out_of_memory() || error.is_of_one_value() => Ok(Some(Inexact::OwnCode)),
        Err(error) => Err(error),
    }
}

/// What is wrong with a loss of the model's own, as a few examples and their halves show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossFault {
    /// It is a mean where a sum is wanted: twice that of all is what the halves give together.
    Mean,
    /// As many terms for all as for each half.
    TermsStay,
    /// A number of terms that none can be.
    NoTerms,
}

/// Whether a loss of the model's own gives a sum and its terms.
///
/// # Errors
/// [`TorchError`] with what the code raised.
pub fn loss_fault(
    learner: &mut Learner,
    feed: &mut Feed,
    train_examples: u64,
) -> Result<Option<LossFault>, TorchError> {
    const CLOSE: f64 = 1e-3;
    const HALF: u64 = 2;
    if train_examples < 2 * HALF {
        return Ok(None);
    }
    let mut of = |start: u64, count: u64| -> Result<[f64; 2], TorchError> {
        let own = learner.evaluate_own(&feed.epoch_examples(start, count)?)?;
        Ok([own.sum.f_double_value(&[])?, own.terms.f_double_value(&[])?])
    };
    let ([whole, terms], first, second) = (of(0, 2 * HALF)?, of(0, HALF)?, of(HALF, HALF)?);
    let is_close = |a: f64, b: f64| (a - b).abs() <= CLOSE * b.abs();
    let all = [terms, first[1], second[1]];
    Ok(if all.iter().any(|terms| terms.is_nan() || *terms < 0.0) {
        Some(LossFault::NoTerms)
    } else if terms > 0.0 && all.iter().all(|other| *other == terms) {
        Some(LossFault::TermsStay)
    } else if whole != 0.0
        && is_close(first[0] + second[0], 2.0 * whole)
        && is_close(first[1] + second[1], terms)
    {
        Some(LossFault::Mean)
    } else {
        None
    })
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

fn differs(
    learner: &mut Learner,
    feed: &mut Feed,
    examples: u64,
    train_examples: u64,
) -> Result<bool, TorchError> {
    let first = examples / 2;
    for start in
        (0..TRIES).map(|place| place * examples).take_while(|start| start + examples <= train_examples)
    {
        let whole = gradients_of(learner, feed, &[(start, examples)])?;
        let parts = gradients_of(learner, feed, &[(start, first), (start + first, examples - first)])?;
        let (mut difference, mut size) = (0.0, 0.0);
        for (whole, parts) in whole.iter().zip(&parts) {
            difference += square(&parts.f_sub(whole)?)?;
            size += square(whole)?;
        }
        if whole.len() != parts.len() || difference.sqrt() > tolerance(learner) * size.sqrt() {
            return Ok(true);
        }
        if size > 0.0 {
            return Ok(false);
        }
    }
    // Nothing was seen.
    Ok(true)
}

/// The gradients of some examples that follow each other, taken in these parts.
fn gradients_of(
    learner: &mut Learner,
    feed: &mut Feed,
    parts: &[(u64, u64)],
) -> Result<Vec<Tensor>, TorchError> {
    learner.model.clear_gradients()?;
    let first = parts.first().map_or(0, |(start, _)| *start);
    let count = parts.iter().map(|(_, count)| count).sum();
    let mut terms = learner.terms(feed, first, count, parts.len() > 1);
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
