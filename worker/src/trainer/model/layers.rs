//! Layers with their tensors, and what they compute.

use domain::architecture::{Conv2d, Layer, Shortcut, buffer_elements};
use tch::{Device, Kind, Tensor};

use super::{Mode, init};
use crate::shim::TorchError;

/// PyTorch's defaults for both normalisations.
const EPSILON: f64 = 1e-5;
/// Share of a running statistic that each step replaces; PyTorch's default.
const MOMENTUM: f64 = 0.1;

#[derive(Debug)]
pub(super) enum BuiltLayer {
    Flatten,
    Linear { weight: Tensor, bias: Tensor },
    Relu,
    Conv2d { weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64 },
    MaxPool2d { size: i64 },
    GlobalAveragePool,
    BatchNorm2d { scale: Tensor, shift: Tensor, running_mean: Tensor, running_variance: Tensor },
    GroupNorm { groups: i64, scale: Tensor, shift: Tensor },
    Dropout { probability: f64 },
    Residual { body: Vec<BuiltLayer>, stride: i64, padding: i64 },
}

/// Builds layers one by one and gathers their parameters, in the order of their making.
pub(super) struct Builder {
    kind: Kind,
    device: Device,
    parameters: Vec<Tensor>,
    /// Running statistics of all layers: one tensor, so that one copy remembers them.
    buffers: Option<Tensor>,
    used: i64,
}

impl Builder {
    pub fn new(layers: &[Layer], (kind, device): (Kind, Device)) -> Result<Self, TorchError> {
        let elements = buffer_elements(layers) as i64;
        let buffers = (elements > 0).then(|| Tensor::f_zeros([elements], (kind, device))).transpose()?;
        Ok(Self { kind, device, parameters: Vec::new(), buffers, used: 0 })
    }

    pub fn layer(&mut self, layer: &Layer) -> Result<BuiltLayer, TorchError> {
        Ok(match layer {
            Layer::Flatten => BuiltLayer::Flatten,
            Layer::Relu => BuiltLayer::Relu,
            Layer::GlobalAveragePool => BuiltLayer::GlobalAveragePool,
            &Layer::MaxPool2d { size } => BuiltLayer::MaxPool2d { size: size as i64 },
            &Layer::Dropout { probability } => BuiltLayer::Dropout { probability },
            &Layer::Linear { inputs, outputs } => {
                let shape = [outputs as i64, inputs as i64];
                let (weight, bias) = init::default_weight_and_bias(&shape, true, self.kind, self.device)?;
                let weight = self.keep(weight);
                let bias = bias.map(|bias| self.keep(bias)).unwrap_or_default();
                BuiltLayer::Linear { weight, bias }
            }
            &Layer::Conv2d(Conv2d { inputs, outputs, kernel, stride, bias }) => {
                let shape = [outputs as i64, inputs as i64, kernel as i64, kernel as i64];
                let (weight, bias) = init::default_weight_and_bias(&shape, bias, self.kind, self.device)?;
                let weight = self.keep(weight);
                let bias = bias.map(|bias| self.keep(bias));
                BuiltLayer::Conv2d { weight, bias, stride: stride as i64, padding: kernel as i64 / 2 }
            }
            &Layer::BatchNorm2d { channels } => {
                let (scale, shift) = self.scale_and_shift(channels)?;
                let (running_mean, mut running_variance) = (self.buffer(channels)?, self.buffer(channels)?);
                let _ = running_variance.f_fill_(1.0)?;
                BuiltLayer::BatchNorm2d { scale, shift, running_mean, running_variance }
            }
            &Layer::GroupNorm { groups, channels } => {
                let (scale, shift) = self.scale_and_shift(channels)?;
                BuiltLayer::GroupNorm { groups: groups as i64, scale, shift }
            }
            Layer::Residual { body, shortcut: Shortcut { stride, padding } } => {
                let body = body.iter().map(|layer| self.layer(layer)).collect::<Result<_, _>>()?;
                BuiltLayer::Residual { body, stride: *stride as i64, padding: *padding as i64 }
            }
        })
    }

    /// All parameters and all buffers.
    pub fn finish(self) -> (Vec<Tensor>, Vec<Tensor>) {
        (self.parameters, self.buffers.into_iter().collect())
    }

    fn scale_and_shift(&mut self, channels: u64) -> Result<(Tensor, Tensor), TorchError> {
        let (scale, shift) = init::scale_and_shift(channels, self.kind, self.device)?;
        Ok((self.keep(scale), self.keep(shift)))
    }

    fn keep(&mut self, parameter: Tensor) -> Tensor {
        self.parameters.push(parameter.shallow_clone());
        parameter
    }

    /// The next so many zeros of the buffers.
    fn buffer(&mut self, elements: u64) -> Result<Tensor, TorchError> {
        let elements = elements as i64;
        let start = self.used;
        self.used += elements;
        match &self.buffers {
            Some(buffers) => Ok(buffers.f_narrow(0, start, elements)?),
            None => Ok(Tensor::f_zeros([elements], (self.kind, self.device))?),
        }
    }
}

pub(super) fn forward(layers: &[BuiltLayer], inputs: &Tensor, mode: Mode) -> Result<Tensor, TorchError> {
    let mut layers = layers.iter();
    let mut value = match layers.next() {
        Some(layer) => layer.forward(inputs, mode)?,
        None => inputs.shallow_clone(),
    };
    for layer in layers {
        value = layer.forward(&value, mode)?;
    }
    Ok(value)
}

impl BuiltLayer {
    fn forward(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TorchError> {
        let training = mode == Mode::Training;
        Ok(match self {
            Self::Flatten => inputs.f_flatten(1, -1)?,
            Self::Linear { weight, bias } => inputs.f_linear(weight, Some(bias))?,
            Self::Relu => inputs.f_relu()?,
            Self::Conv2d { weight, bias, stride, padding } => {
                let (stride, padding) = ([*stride; 2], [*padding; 2]);
                inputs.f_conv2d(weight, bias.as_ref(), stride, padding, [1, 1], 1)?
            }
            Self::MaxPool2d { size } => {
                inputs.f_max_pool2d([*size, *size], [*size, *size], [0, 0], [1, 1], false)?
            }
            // Not adaptive pooling: on CUDA its backward has no deterministic kernel.
            Self::GlobalAveragePool => inputs.f_mean_dim([2i64, 3].as_slice(), false, None)?,
            Self::BatchNorm2d { scale, shift, running_mean, running_variance } => inputs.f_batch_norm(
                Some(scale),
                Some(shift),
                Some(running_mean),
                Some(running_variance),
                training,
                MOMENTUM,
                EPSILON,
                true,
            )?,
            Self::GroupNorm { groups, scale, shift } => {
                inputs.f_group_norm(*groups, Some(scale), Some(shift), EPSILON, true)?
            }
            Self::Dropout { .. } if !training => inputs.shallow_clone(),
            Self::Dropout { probability } => inputs.f_dropout(*probability, true)?,
            Self::Residual { body, stride, padding } => {
                let learnt = forward(body, inputs, mode)?;
                learnt.f_add(&shortcut(inputs, *stride, *padding)?)?
            }
        })
    }
}

/// Every `stride`-th pixel, with `padding` channels of zeros before and after.
fn shortcut(inputs: &Tensor, stride: i64, padding: i64) -> Result<Tensor, TorchError> {
    let mut way = inputs.shallow_clone();
    if stride > 1 {
        way = way.f_slice(2, None, None, stride)?.f_slice(3, None, None, stride)?;
    }
    if padding > 0 {
        way = way.f_constant_pad_nd([0, 0, 0, 0, padding, padding])?;
    }
    Ok(way)
}
