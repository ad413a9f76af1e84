//! A model, built from the layers that `domain::architecture` derives of its description.

mod init;

use domain::architecture::Layer;
use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;
use crate::shim::optimizer::{TensorList, clear_gradients};

/// A feed-forward model: its layers in order, with their parameters.
#[derive(Debug)]
pub struct Model {
    layers: Vec<BuiltLayer>,
    parameters: TensorList,
}

#[derive(Debug)]
enum BuiltLayer {
    Flatten,
    Linear { weight: Tensor, bias: Tensor },
    Relu,
    Conv2d { weight: Tensor, bias: Tensor, padding: i64 },
    MaxPool2d { size: i64 },
}

impl Model {
    /// Builds the layers for inputs of `features` with PyTorch's default initial weights for `seed`.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn build(
        layers: &[Layer],
        features: &[u64],
        seed: u64,
        (kind, device): (Kind, Device),
    ) -> Result<Self, TorchError> {
        // As torch.manual_seed does, for the bits.
        tch::manual_seed(seed as i64);
        let mut built = Vec::with_capacity(layers.len());
        let mut parameters = Vec::new();
        let mut keep = |tensor: Tensor| {
            parameters.push(tensor.shallow_clone());
            tensor
        };
        for layer in layers {
            built.push(match *layer {
                // A view that would change nothing still costs a call a step.
                Layer::Flatten if features.len() == 1 => continue,
                Layer::Flatten => BuiltLayer::Flatten,
                Layer::Relu => BuiltLayer::Relu,
                Layer::MaxPool2d { size } => BuiltLayer::MaxPool2d { size: size as i64 },
                Layer::Linear { inputs, outputs } => {
                    let shape = [outputs as i64, inputs as i64];
                    let (weight, bias) = init::default_weight_and_bias(&shape, kind, device)?;
                    BuiltLayer::Linear { weight: keep(weight), bias: keep(bias) }
                }
                Layer::Conv2d { inputs, outputs, kernel } => {
                    let shape = [outputs as i64, inputs as i64, kernel as i64, kernel as i64];
                    let (weight, bias) = init::default_weight_and_bias(&shape, kind, device)?;
                    BuiltLayer::Conv2d { weight: keep(weight), bias: keep(bias), padding: kernel as i64 / 2 }
                }
            });
        }
        Ok(Self { layers: built, parameters: TensorList::new(parameters) })
    }

    /// The outputs, (examples, classes), for inputs of shape (examples, ...).
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn forward(&self, inputs: &Tensor) -> Result<Tensor, TorchError> {
        let mut layers = self.layers.iter();
        let mut value = match layers.next() {
            Some(layer) => layer.forward(inputs)?,
            None => inputs.shallow_clone(),
        };
        for layer in layers {
            value = layer.forward(&value)?;
        }
        Ok(value)
    }

    /// What is trained, weights before biases, first layer first.
    #[must_use]
    pub fn parameters(&self) -> &TensorList {
        &self.parameters
    }

    /// Drops the gradients.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses.
    pub fn clear_gradients(&self) -> Result<(), TorchError> {
        clear_gradients(&self.parameters)
    }
}

impl BuiltLayer {
    fn forward(&self, inputs: &Tensor) -> Result<Tensor, TorchError> {
        Ok(match self {
            Self::Flatten => inputs.f_flatten(1, -1)?,
            Self::Linear { weight, bias } => inputs.f_linear(weight, Some(bias))?,
            Self::Relu => inputs.f_relu()?,
            Self::Conv2d { weight, bias, padding } => {
                inputs.f_conv2d(weight, Some(bias), [1, 1], [*padding, *padding], [1, 1], 1)?
            }
            Self::MaxPool2d { size } => {
                inputs.f_max_pool2d([*size, *size], [*size, *size], [0, 0], [1, 1], false)?
            }
        })
    }
}
