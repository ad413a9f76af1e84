//! `torch.optim.Adam` and `torch.optim.AdamW`.

use domain::spec::{OptimizerKind, TrainSpec};
use tch::{Kind, Tensor};

use super::{scalar_beside, zeros_like};
use crate::shim::TorchError;
use crate::shim::optimizer::{AdamState, AdamStep, TensorList, fused_adam};

/// Kingma & Ba (2015), algorithm 1, with epsilon added after the square root is bias-corrected, as PyTorch does;
/// weight decay is part of the gradient (Adam) or acts on the parameter itself (AdamW, Loshchilov & Hutter 2019).
#[derive(Debug)]
pub struct Adam {
    constants: AdamStep,
    state: AdamState,
}

impl Adam {
    pub(super) fn new(train: &TrainSpec, parameters: &TensorList) -> Result<Self, TorchError> {
        let constants = AdamStep {
            learning_rate: 0.0,
            beta1: train.beta1,
            beta2: train.beta2(),
            epsilon: train.epsilon,
            weight_decay: train.weight_decay(),
            decoupled: train.optimizer == OptimizerKind::AdamW,
            number: 0,
        };
        let state = AdamState {
            first_moments: zeros_like(parameters)?,
            second_moments: zeros_like(parameters)?,
            // 4 bytes that follow from the step number, so they are workspace, not state.
            step: scalar_beside(parameters, Kind::Float, 0.0)?,
        };
        Ok(Self { constants, state })
    }

    pub(super) fn step(
        &mut self,
        parameters: &TensorList,
        learning_rate: f64,
        number: u64,
    ) -> Result<(), TorchError> {
        fused_adam(parameters, &mut self.state, &AdamStep { learning_rate, number, ..self.constants })
    }

    pub(super) fn state(&self) -> Vec<&Tensor> {
        let AdamState { first_moments, second_moments, .. } = &self.state;
        first_moments.as_slice().iter().chain(second_moments.as_slice()).collect()
    }
}
