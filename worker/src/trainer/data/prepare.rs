//! From stored numbers to what the model sees.

use domain::problem::InputNumbers;
use tch::{Device, Kind, Tensor};

use super::column::Column;
use super::dataset::{Dataset, Scaling};
use super::examples::Examples;
use crate::shim::TorchError;
use crate::shim::transfer::Tensors;

/// Converts and scales examples on the device, micro-batch by micro-batch.
#[derive(Debug)]
pub(super) struct Prepare {
    inputs: Vec<Conversion>,
    target: Conversion,
    /// A class for each example, however it is shaped.
    is_one_class: bool,
    /// Of an example, the bytes that are given as they are stored.
    pub unchanged_bytes: u64,
}

/// What a loss takes as targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetForm {
    /// 64-bit classes; where an example has one, (examples).
    Classes,
    /// Numbers of the trial's precision.
    Numbers,
    /// Integers and flags as they are, other numbers in the trial's precision.
    AsStored,
}

/// What numbers are given as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The type of floating-point numbers.
    pub kind: Kind,
    /// Integers and flags stay what they are; otherwise they become numbers.
    pub keeps_integers: bool,
    /// What the loss takes.
    pub target: TargetForm,
}

impl Prepare {
    pub fn new(dataset: &Dataset, wanted: Wanted, device: Device) -> Result<Self, TorchError> {
        let input = |(column, scaling): (&Column, &Scaling)| {
            let stays = wanted.keeps_integers && column.storage.numbers() != InputNumbers::Floating;
            let kind = if stays { column.storage.kind() } else { wanted.kind };
            Conversion::new(column, scaling, kind, device)
        };
        let inputs =
            dataset.inputs.iter().zip(&dataset.scalings).map(input).collect::<Result<Vec<_>, _>>()?;
        let storage = dataset.target.storage;
        let kind = match wanted.target {
            TargetForm::Classes if storage.holds_integers() => Kind::Int64,
            TargetForm::AsStored if storage.holds_integers() => storage.kind(),
            TargetForm::Classes | TargetForm::Numbers | TargetForm::AsStored => wanted.kind,
        };
        let target = Conversion::new(&dataset.target, &Scaling::None, kind, device)?;
        let conversions = inputs.iter().chain([&target]).zip(dataset.columns());
        let unchanged = conversions.filter(|(conversion, _)| conversion.is_identity);
        let unchanged_bytes = unchanged.map(|(_, column)| column.row_bytes() as u64).sum();
        let is_one = wanted.target == TargetForm::Classes && dataset.shape.target.elements() == 1;
        Ok(Self { inputs, target, is_one_class: is_one, unchanged_bytes })
    }

    /// The stored columns of some examples as model and loss take them.
    pub fn apply(&self, mut stored: Tensors) -> Result<Examples, TorchError> {
        let target = stored.pop().ok_or_else(|| TorchError::from_text("examples without a target"))?;
        let inputs =
            stored.into_iter().zip(&self.inputs).map(|(stored, conversion)| conversion.apply(stored));
        let inputs = inputs.collect::<Result<_, _>>()?;
        let mut targets = self.target.apply(target)?;
        if self.is_one_class && targets.dim() > 1 {
            targets = targets.f_reshape([-1i64])?;
        }
        Ok(Examples { inputs, targets })
    }
}

/// Of one column.
#[derive(Debug)]
struct Conversion {
    kind: Kind,
    /// What is scaled in: in 8 significant bits a mean subtracted from a byte leaves half of it.
    scaled_in: Kind,
    divisor: Option<Tensor>,
    shift_and_divisor: Option<(Tensor, Tensor)>,
    /// Stored numbers are already what is wanted.
    is_identity: bool,
}

impl Conversion {
    fn new(column: &Column, scaling: &Scaling, kind: Kind, device: Device) -> Result<Self, TorchError> {
        let scaled_in = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        // One number a channel, in the shape that broadcasts over (examples, channels, height, width).
        let per_channel = |numbers: &[f64]| -> Result<Tensor, TorchError> {
            let shape: &[i64] = if column.shape.len() == 3 { &[-1, 1, 1] } else { &[1] };
            Ok(Tensor::f_from_slice(numbers)?.f_view(shape)?.f_to_kind(scaled_in)?.f_to_device(device)?)
        };
        let (divisor, shift_and_divisor) = match scaling {
            Scaling::None => (None, None),
            Scaling::Unit => (Some(per_channel(&[255.0])?), None),
            Scaling::Standard { means, deviations } => {
                (None, Some((per_channel(means)?, per_channel(deviations)?)))
            }
        };
        let is_identity = column.storage.kind() == kind && *scaling == Scaling::None;
        Ok(Self { kind, scaled_in, divisor, shift_and_divisor, is_identity })
    }

    fn apply(&self, stored: Tensor) -> Result<Tensor, TorchError> {
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
