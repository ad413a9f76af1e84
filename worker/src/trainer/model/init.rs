//! Initial weights as PyTorch's `nn.Linear` and `nn.Conv2d` make them.

use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;

/// Weight of this shape (outputs first) and, where wanted, bias, ready to be trained, drawn from libtorch's CPU
/// generator.
///
/// `kaiming_uniform_(a = sqrt(5))` for the weight is U(-1/sqrt(fan_in), 1/sqrt(fan_in)), and the bias has the same
/// range. Drawn in float32 on the CPU whatever the precision and device, so that all start alike.
pub(super) fn default_weight_and_bias(
    shape: &[i64],
    with_bias: bool,
    kind: Kind,
    device: Device,
) -> Result<(Tensor, Option<Tensor>), TorchError> {
    let fan_in: i64 = shape[1..].iter().product();
    // The two bounds are equal on paper; PyTorch rounds them differently, and so the same bits are had.
    let gain = (2.0f64 / (1.0 + 5.0f64.sqrt().powi(2))).sqrt();
    let weight_bound = 3.0f64.sqrt() * (gain / (fan_in as f64).sqrt());
    let bias_bound = 1.0 / (fan_in as f64).sqrt();
    let weight = uniform(shape, weight_bound, kind, device)?;
    let bias = with_bias.then(|| uniform(&shape[..1], bias_bound, kind, device)).transpose()?;
    Ok((weight, bias))
}

/// Scale 1 and shift 0 of a normalisation over so many channels, ready to be trained.
pub(super) fn scale_and_shift(
    channels: u64,
    kind: Kind,
    device: Device,
) -> Result<(Tensor, Tensor), TorchError> {
    let shape = [channels as i64];
    let scale = Tensor::f_ones(shape, (kind, device))?.f_set_requires_grad(true)?;
    let shift = Tensor::f_zeros(shape, (kind, device))?.f_set_requires_grad(true)?;
    Ok((scale, shift))
}

fn uniform(shape: &[i64], bound: f64, kind: Kind, device: Device) -> Result<Tensor, TorchError> {
    let drawn = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?.f_uniform_(-bound, bound)?;
    Ok(drawn.f_to_kind(kind)?.f_to_device(device)?.f_set_requires_grad(true)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_fill_their_range_evenly() {
        let _exclusive = crate::trainer::exclusive();
        let (weight, bias) = default_weight_and_bias(&[64, 100], true, Kind::Double, Device::Cpu).unwrap();
        let bias = bias.unwrap();
        let bound = 0.1;
        let (max, min) = (weight.max().double_value(&[]), weight.min().double_value(&[]));
        assert!(max <= bound && max > 0.99 * bound && min >= -bound && min < -0.99 * bound);
        // The standard deviation of U(-b, b) is b / sqrt(3).
        let deviation = weight.std(true).double_value(&[]);
        assert!((deviation / (bound / 3f64.sqrt()) - 1.0).abs() < 0.03);
        assert!(bias.abs().max().double_value(&[]) <= bound);
        assert!(weight.requires_grad() && bias.requires_grad());
    }
}
