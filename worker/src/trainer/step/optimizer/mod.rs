//! The optimizers, numerically PyTorch's, on tensors that all exist before the first step: a step allocates
//! nothing on the CPU, so it cannot fail half-way, and what it keeps is part 2 of the memory to the byte.

mod adam;
mod rmsprop;
mod sgd;

use domain::spec::{OptimizerKind, TrainSpec};
use tch::{Kind, Tensor};

use crate::shim::TorchError;
use crate::shim::optimizer::{TensorList, bytes};

use adam::Adam;
use rmsprop::RmsProp;
use sgd::Sgd;

/// An update rule with its state.
#[derive(Debug)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam and AdamW.
    Adam(Adam),
    /// RMSprop.
    RmsProp(RmsProp),
}

impl Optimizer {
    /// The optimizer of these settings, with its state for `parameters` at zero.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(train: &TrainSpec, parameters: &TensorList) -> Result<Self, TorchError> {
        Ok(match train.optimizer {
            OptimizerKind::Sgd => Self::Sgd(Sgd::new(train, parameters)?),
            OptimizerKind::Adam | OptimizerKind::AdamW => Self::Adam(Adam::new(train, parameters)?),
            OptimizerKind::RmsProp => Self::RmsProp(RmsProp::new(train, parameters)?),
        })
    }

    /// Updates the parameters that have a gradient. `number` counts steps from 1.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses.
    pub fn step(
        &mut self,
        parameters: &TensorList,
        learning_rate: f64,
        number: u64,
    ) -> Result<(), TorchError> {
        match self {
            Self::Sgd(sgd) => sgd.step(parameters, learning_rate),
            Self::Adam(adam) => adam.step(parameters, learning_rate, number),
            Self::RmsProp(rmsprop) => rmsprop.step(parameters, learning_rate),
        }
    }

    /// What is kept between steps, in a fixed order: save these and the step number, and the rest follows.
    #[must_use]
    pub fn state(&self) -> Vec<&Tensor> {
        match self {
            Self::Sgd(sgd) => sgd.state(),
            Self::Adam(adam) => adam.state(),
            Self::RmsProp(rmsprop) => rmsprop.state(),
        }
    }

    /// Part 2 of the memory.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        self.state().into_iter().map(bytes).sum()
    }
}

/// One tensor of zeros for each parameter, laid out as it is: fused kernels on CUDA take no other.
fn zeros_like(parameters: &TensorList) -> Result<TensorList, TorchError> {
    let zeros = parameters
        .as_slice()
        .iter()
        .map(|parameter| parameter.f_detach()?.f_zeros_like().map_err(TorchError::from));
    Ok(TensorList::new(zeros.collect::<Result<_, _>>()?))
}

/// A number as a scalar tensor beside the parameters.
fn scalar_beside(parameters: &TensorList, kind: Kind, value: f64) -> Result<Tensor, TorchError> {
    let device = parameters.as_slice().first().map_or(tch::Device::Cpu, Tensor::device);
    Ok(Tensor::f_from_slice(&[value])?.f_reshape([0i64; 0])?.f_to_kind(kind)?.f_to_device(device)?)
}
