//! From stored numbers to what the model sees.

use tch::{Device, Kind, Tensor};

use super::dataset::{Dataset, Inputs, Scaling};
use crate::shim::TorchError;

/// Converts and scales inputs on the device, micro-batch by micro-batch.
#[derive(Debug)]
pub(super) struct Prepare {
    kind: Kind,
    divisor: Option<Tensor>,
    shift_and_divisor: Option<(Tensor, Tensor)>,
    /// Stored inputs are already what the model sees.
    pub is_identity: bool,
}

impl Prepare {
    pub fn new(dataset: &Dataset, kind: Kind, device: Device) -> Result<Self, TorchError> {
        // One number a channel, in the shape that broadcasts over (examples, channels, height, width).
        let per_channel = |numbers: &[f64]| -> Result<Tensor, TorchError> {
            let shape: &[i64] = if dataset.shape.features.len() == 3 { &[-1, 1, 1] } else { &[1] };
            Ok(Tensor::f_from_slice(numbers)?.f_view(shape)?.f_to_kind(kind)?.f_to_device(device)?)
        };
        let divisor = match &dataset.scaling {
            Scaling::Unit => Some(per_channel(&[255.0])?),
            _ => None,
        };
        let shift_and_divisor = match &dataset.scaling {
            Scaling::Standard { means, deviations } => Some((per_channel(means)?, per_channel(deviations)?)),
            _ => None,
        };
        let is_identity = matches!(dataset.inputs, Inputs::Floats(_))
            && kind == Kind::Float
            && dataset.scaling == Scaling::None;
        Ok(Self { kind, divisor, shift_and_divisor, is_identity })
    }

    pub fn apply(&self, stored: Tensor) -> Result<Tensor, TorchError> {
        if self.is_identity {
            return Ok(stored);
        }
        let mut inputs = stored.f_to_kind(self.kind)?;
        if let Some(divisor) = &self.divisor {
            let _ = inputs.f_div_(divisor)?;
        }
        if let Some((shift, divisor)) = &self.shift_and_divisor {
            // A conversion to the type that it has already is the same storage, which must not be written to.
            inputs = if stored.kind() == self.kind { inputs.f_sub(shift)? } else { inputs.f_sub_(shift)? };
            let _ = inputs.f_div_(divisor)?;
        }
        Ok(inputs)
    }
}
