//! Stochastic gradient descent: `torch.optim.SGD` with dampening 0.

use domain::spec::TrainSpec;
use tch::Tensor;

use super::zeros_like;
use crate::shim::TorchError;
use crate::shim::optimizer::{SgdStep, TensorList, fused_sgd};

/// `g += weight_decay * p; m = momentum * m + g; p -= lr * (nesterov ? g + momentum * m : m)`. Without momentum
/// there is no `m`.
#[derive(Debug)]
pub struct Sgd {
    constants: SgdStep,
    momentum_buffers: Option<TensorList>,
}

impl Sgd {
    pub(super) fn new(train: &TrainSpec, parameters: &TensorList) -> Result<Self, TorchError> {
        let constants = SgdStep {
            learning_rate: 0.0,
            momentum: train.momentum,
            weight_decay: train.weight_decay(),
            nesterov: train.nesterov,
        };
        let momentum_buffers = (train.momentum > 0.0).then(|| zeros_like(parameters)).transpose()?;
        Ok(Self { constants, momentum_buffers })
    }

    pub(super) fn step(&mut self, parameters: &TensorList, learning_rate: f64) -> Result<(), TorchError> {
        fused_sgd(parameters, self.momentum_buffers.as_ref(), &SgdStep { learning_rate, ..self.constants })
    }

    pub(super) fn state(&self) -> Vec<&Tensor> {
        self.momentum_buffers.iter().flat_map(TensorList::as_slice).collect()
    }
}
