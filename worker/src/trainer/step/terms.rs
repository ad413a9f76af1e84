//! What the summed loss of a batch is divided by: known before, or measured, as by the model's own loss.

use tch::{Kind, Tensor};

use crate::shim::TorchError;
use crate::shim::optimizer::TensorList;

/// The terms of a batch.
#[derive(Debug)]
pub(in crate::trainer) enum Terms {
    /// So many, however it is split.
    Known(u64),
    /// Each micro-batch says how many it has.
    Measured {
        /// Whether there is more than one micro-batch: then gradients are divided once all are there.
        in_parts: bool,
        /// Those of the micro-batches so far, as a scalar tensor.
        so_far: Option<Tensor>,
    },
}

impl Terms {
    /// Of a batch that is trained whole or in parts.
    pub fn new(known: Option<u64>, in_parts: bool) -> Self {
        known.map_or(Self::Measured { in_parts, so_far: None }, Self::Known)
    }

    /// Adds those of a micro-batch, and gives what its loss is multiplied with before its backward: `None` for 1.
    pub(super) fn add(&mut self, terms: &Tensor) -> Result<Option<Tensor>, TorchError> {
        let Self::Measured { in_parts, so_far } = self else { return Ok(None) };
        let sum = match so_far.take() {
            None => terms.f_detach()?,
            Some(sum) => sum.f_add(&terms.f_detach()?)?,
        };
        let scale = if *in_parts { None } else { Some(one_over(&sum)?) };
        *so_far = Some(sum);
        Ok(scale)
    }

    /// Divides the gradients of all parts, where that is still to be done.
    pub(super) fn divide(&self, parameters: &TensorList) -> Result<(), TorchError> {
        let Self::Measured { in_parts: true, so_far: Some(sum) } = self else { return Ok(()) };
        let scale = one_over(sum)?;
        let _no_grad = tch::no_grad_guard();
        for mut gradient in parameters.as_slice().iter().map(Tensor::grad).filter(Tensor::defined) {
            let _ = gradient.f_mul_(&scale.f_to_kind(gradient.kind())?)?;
        }
        Ok(())
    }

    /// What was measured.
    pub(super) fn measured(&self) -> Option<&Tensor> {
        match self {
            Self::Known(_) => None,
            Self::Measured { so_far, .. } => so_far.as_ref(),
        }
    }
}

/// A batch without terms has no loss, and then no gradient either.
fn one_over(terms: &Tensor) -> Result<Tensor, TorchError> {
    Ok(terms.f_to_kind(Kind::Double)?.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_reciprocal()?)
}
