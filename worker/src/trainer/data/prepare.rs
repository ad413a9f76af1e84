//! From stored numbers to what the model sees.

use tch::{Device, Kind, Tensor};

use super::dataset::{Dataset, Scaling};
use crate::shim::TorchError;

/// Converts and scales inputs on the device, micro-batch by micro-batch.
#[derive(Debug)]
pub(super) struct Prepare {
    kind: Kind,
    /// What is scaled in: in 8 significant bits a mean subtracted from a byte leaves half of it.
    scaled_in: Kind,
    divisor: Option<Tensor>,
    shift_and_divisor: Option<(Tensor, Tensor)>,
    /// Stored inputs are already what the model sees.
    pub is_identity: bool,
}

impl Prepare {
    pub fn new(dataset: &Dataset, kind: Kind, device: Device) -> Result<Self, TorchError> {
        let scaled_in = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        // One number a channel, in the shape that broadcasts over (examples, channels, height, width).
        let per_channel = |numbers: &[f64]| -> Result<Tensor, TorchError> {
            let shape: &[i64] = if dataset.shape.features.len() == 3 { &[-1, 1, 1] } else { &[1] };
            Ok(Tensor::f_from_slice(numbers)?.f_view(shape)?.f_to_kind(scaled_in)?.f_to_device(device)?)
        };
        let divisor = match &dataset.scaling {
            Scaling::Unit => Some(per_channel(&[255.0])?),
            _ => None,
        };
        let shift_and_divisor = match &dataset.scaling {
            Scaling::Standard { means, deviations } => Some((per_channel(means)?, per_channel(deviations)?)),
            _ => None,
        };
        let is_identity = dataset.inputs.storage.kind() == kind && dataset.scaling == Scaling::None;
        Ok(Self { kind, scaled_in, divisor, shift_and_divisor, is_identity })
    }

    pub fn apply(&self, stored: Tensor) -> Result<Tensor, TorchError> {
        if self.is_identity {
            return Ok(stored);
        }
        if self.divisor.is_none() && self.shift_and_divisor.is_none() {
            return Ok(stored.f_to_kind(self.kind)?);
        }
        let mut inputs = stored.f_to_kind(self.scaled_in)?;
        if let Some(divisor) = &self.divisor {
            let _ = inputs.f_div_(divisor)?;
        }
        if let Some((shift, divisor)) = &self.shift_and_divisor {
            // A conversion to the type that it has already is the same storage, which must not be written to.
            inputs =
                if stored.kind() == self.scaled_in { inputs.f_sub(shift)? } else { inputs.f_sub_(shift)? };
            let _ = inputs.f_div_(divisor)?;
        }
        Ok(inputs.f_to_kind(self.kind)?)
    }
}
