//! What is trained: [`layers`] built from a description, with their parameters and buffers.

mod init;

mod layers;

use domain::architecture::{Inexact, Layer};
use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;
use crate::shim::optimizer::{TensorList, clear_gradients};
use layers::BuiltLayer;

/// A model with its parameters and buffers.
#[derive(Debug)]
pub struct Model {
    layers: Vec<BuiltLayer>,
    parameters: TensorList,
    buffers: Buffers,
    inexact: Option<Inexact>,
}

/// What a forward is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch normalisation by the micro-batch's own statistics, which also move the running ones; dropout drops.
    Training,
    /// Running statistics, no dropout, nothing changes.
    Evaluating,
}

/// State that a forward in training mode changes: running statistics.
#[derive(Debug)]
struct Buffers {
    live: Vec<Tensor>,
    /// As they were before the step in progress.
    kept: Vec<Tensor>,
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
        let mut builder = layers::Builder::new(layers, (kind, device))?;
        // A view that would change nothing still costs a call a step.
        let needed = layers.iter().filter(|layer| features.len() > 1 || **layer != Layer::Flatten);
        let built = needed.map(|layer| builder.layer(layer)).collect::<Result<_, _>>()?;
        let (parameters, buffers) = builder.finish();
        Ok(Self {
            layers: built,
            parameters: TensorList::new(parameters),
            buffers: Buffers::new(buffers)?,
            inexact: layers.iter().find_map(Layer::inexact_when_split),
        })
    }

    /// The outputs, (examples, classes), for inputs of shape (examples, ...).
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn forward(&self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TorchError> {
        layers::forward(&self.layers, inputs, mode)
    }

    /// What is trained, weights before biases, first layer first.
    #[must_use]
    pub fn parameters(&self) -> &TensorList {
        &self.parameters
    }

    /// Bytes of parameters and buffers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parameters.bytes() + self.buffers.bytes()
    }

    /// Why a batch that is split has another gradient; `None` where it has the same, up to rounding.
    #[must_use]
    pub fn inexact_when_split(&self) -> Option<Inexact> {
        self.inexact
    }

    /// Drops the gradients.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses.
    pub fn clear_gradients(&self) -> Result<(), TorchError> {
        clear_gradients(&self.parameters)
    }

    /// Remembers the buffers as they are now.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses; no memory is needed.
    pub fn keep_buffers(&mut self) -> Result<(), TorchError> {
        copy_all(&self.buffers.live, &mut self.buffers.kept)
    }

    /// Puts the buffers back to where [`Model::keep_buffers`] saw them.
    ///
    /// # Errors
    /// [`TorchError`] if libtorch refuses; no memory is needed.
    pub fn restore_buffers(&mut self) -> Result<(), TorchError> {
        copy_all(&self.buffers.kept, &mut self.buffers.live)
    }

    /// The buffers, in a fixed order.
    #[must_use]
    pub fn buffers(&self) -> &[Tensor] {
        &self.buffers.live
    }
}

impl Buffers {
    fn new(live: Vec<Tensor>) -> Result<Self, TorchError> {
        let kept = live.iter().map(|buffer| Ok(buffer.f_zeros_like()?)).collect::<Result<_, TorchError>>()?;
        Ok(Self { live, kept })
    }

    fn bytes(&self) -> u64 {
        self.live.iter().map(crate::shim::optimizer::bytes).sum()
    }
}

fn copy_all(from: &[Tensor], to: &mut [Tensor]) -> Result<(), TorchError> {
    let _no_grad = tch::no_grad_guard();
    for (from, to) in from.iter().zip(to) {
        to.f_copy_(from)?;
    }
    Ok(())
}
