//! Whether a module of the user's own takes whole numbers, as an embedding does: of fractions it sees the whole part alone,
//! so inputs that were divided by 255 are all the same to it.

use tch::Tensor;

use crate::shim::TorchError;
use crate::trainer::model::{Mode, Model};

/// Whether the module makes nothing of the fractions in these inputs, though it does of whole numbers. `false` where they
/// hold no fractions: then there is nothing to lose.
///
/// # Errors
/// [`TorchError`] with what the module raised for inputs that it should take.
pub fn ignores_fractions(model: &mut Model, inputs: &Tensor) -> Result<bool, TorchError> {
    let _no_grad = tch::no_grad_guard();
    let whole = inputs.f_trunc()?;
    if whole.f_equal(inputs)? {
        return Ok(false);
    }
    let mut outputs_for = |inputs: &Tensor| model.forward(std::slice::from_ref(inputs), Mode::Evaluating);
    let outputs = match outputs_for(inputs) {
        Err(error) if is_of_index(&error) => return Ok(true),
        outputs => outputs?,
    };
    if !outputs_for(&whole)?.f_equal(&outputs)? {
        return Ok(false);
    }
    // A last layer of zeros gives the same for everything. None but 0 and 1: any table of two rows has these.
    let other = whole.f_eq(0.0)?.f_to_kind(inputs.kind())?;
    Ok(!outputs_for(&other)?.f_equal(&outputs)?)
}

/// Whether a module refused inputs because they are not of an integer type.
#[must_use]
pub fn wants_integers(error: &TorchError) -> bool {
    const WORDS: [&str; 4] = [
        "scalar types: Long, Int",
        "tensors used as indices must be long",
        "one_hot is only applicable to index tensor",
        "Expected dtype int64 for index",
    ];
    WORDS.iter().any(|words| error.message.contains(words))
}

/// Whether a module looked something up under a number that is not there, such as -1.
fn is_of_index(error: &TorchError) -> bool {
    error.message.contains("index out of range")
}
