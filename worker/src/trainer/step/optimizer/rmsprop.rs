//! `torch.optim.RMSprop`, not centred.

use domain::spec::TrainSpec;
use tch::{Kind, Tensor};

use super::{scalar_beside, zeros_like};
use crate::shim::TorchError;
use crate::shim::optimizer::{RmsPropState, RmsPropStep, TensorList, rmsprop};

/// `g += weight_decay * p; v = alpha * v + (1 - alpha) * g^2; d = g / (sqrt(v) + epsilon)`, then `p -= lr * d`, or
/// with momentum `m = momentum * m + d; p -= lr * m`.
#[derive(Debug)]
pub struct RmsProp {
    constants: RmsPropStep,
    state: RmsPropState,
}

impl RmsProp {
    pub(super) fn new(train: &TrainSpec, parameters: &TensorList) -> Result<Self, TorchError> {
        let largest = parameters.as_slice().iter().map(Tensor::numel).max().unwrap_or(0) as i64;
        let like = parameters
            .as_slice()
            .first()
            .map_or((Kind::Float, tch::Device::Cpu), |first| (first.kind(), first.device()));
        let scalar = |value| scalar_beside(parameters, like.0, value);
        let state = RmsPropState {
            square_averages: zeros_like(parameters)?,
            momentum_buffers: (train.momentum > 0.0).then(|| zeros_like(parameters)).transpose()?,
            constants: [scalar(train.beta2())?, scalar(train.epsilon)?, scalar(train.momentum)?],
            scratch: Tensor::f_empty([largest], like)?,
        };
        let constants =
            RmsPropStep { learning_rate: 0.0, alpha: train.beta2(), weight_decay: train.weight_decay() };
        Ok(Self { constants, state })
    }

    pub(super) fn step(&mut self, parameters: &TensorList, learning_rate: f64) -> Result<(), TorchError> {
        rmsprop(parameters, &mut self.state, &RmsPropStep { learning_rate, ..self.constants })
    }

    pub(super) fn state(&self) -> Vec<&Tensor> {
        let RmsPropState { square_averages, momentum_buffers, .. } = &self.state;
        let momentum_buffers = momentum_buffers.iter().flat_map(TensorList::as_slice);
        square_averages.as_slice().iter().chain(momentum_buffers).collect()
    }
}
