//! What is trained: [`layers`] built from a description, or a [`script`] of the user's own, with parameters and buffers.

mod init;
mod layers;
pub mod script;

use domain::architecture::{Inexact, Layer, normalises_one_pixel};
use domain::problem::{InputNumbers, InputShape};
use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;
use crate::shim::optimizer::{TensorList, bytes, clear_gradients};
use crate::trainer::hosted::{HostedModule, OwnLoss};
use layers::BuiltLayer;
pub use script::Script;

/// A model with its parameters and buffers.
#[derive(Debug)]
pub struct Model {
    body: Body,
    parameters: TensorList,
    buffers: Buffers,
    /// Bytes of parameters that are not trained.
    frozen_bytes: u64,
    inexact: Option<Inexact>,
    draws: bool,
    is_chain: bool,
    needs_two_examples: bool,
    remark: Option<String>,
}

#[derive(Debug)]
enum Body {
    Layers(Vec<BuiltLayer>),
    Script(Script),
    Hosted(Box<dyn HostedModule>),
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
            body: Body::Layers(built),
            parameters: TensorList::new(parameters),
            buffers: Buffers::new(buffers)?,
            frozen_bytes: 0,
            inexact: layers.iter().find_map(Layer::inexact_when_split),
            draws: layers.iter().any(|layer| matches!(layer, Layer::Dropout { .. })),
            is_chain: is_chain(layers),
            needs_two_examples: normalises_one_pixel(layers, features),
            remark: None,
        })
    }

    /// Takes a module of the user's own. Whether splitting a batch changes its gradient is to be found out:
    /// [`Model::set_inexact`].
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn from_script(script: Script) -> Result<Self, TorchError> {
        let handles = |named: &[(String, Tensor)]| {
            named.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
        };
        let tensors = [handles(&script.trained), handles(&script.frozen), handles(&script.buffers)];
        Self::of_own(Body::Script(script), tensors)
    }

    /// The same for a module that an interpreter built.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn from_hosted(module: Box<dyn HostedModule>) -> Result<Self, TorchError> {
        let tensors = [module.trained(), module.frozen(), module.buffers()];
        Self::of_own(Body::Hosted(module), tensors)
    }

    fn of_own(
        body: Body,
        [trained, frozen, buffers]: [Vec<(String, Tensor)>; 3],
    ) -> Result<Self, TorchError> {
        let only_tensors =
            |named: Vec<(String, Tensor)>| named.into_iter().map(|(_, tensor)| tensor).collect();
        Ok(Self {
            body,
            parameters: TensorList::new(only_tensors(trained)),
            buffers: Buffers::new(only_tensors(buffers))?,
            frozen_bytes: frozen.iter().map(|(_, tensor)| bytes(tensor)).sum(),
            inexact: None,
            draws: true,
            is_chain: false,
            needs_two_examples: false,
            remark: None,
        })
    }

    /// Seeds what a forward draws from, for the next one.
    pub fn seed(&self, seed: u64) {
        tch::manual_seed(seed as i64);
        if let Body::Hosted(module) = &self.body {
            module.seed(seed);
        }
    }

    /// The outputs, (examples, ...), for inputs of shape (examples, ...).
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn forward(&mut self, inputs: &[Tensor], mode: Mode) -> Result<Tensor, TorchError> {
        match (&mut self.body, inputs) {
            (Body::Layers(layers), [input]) => layers::forward(layers, input, mode),
            (Body::Script(script), [input]) => script.forward(input, mode),
            (Body::Hosted(module), inputs) => {
                module.set_training(mode == Mode::Training)?;
                module.forward(inputs)
            }
            (Body::Layers(_) | Body::Script(_), inputs) => {
                Err(TorchError::from_text(&format!("a model of one input was given {}", inputs.len())))
            }
        }
    }

    /// The loss by the model's own function for some examples.
    ///
    /// # Errors
    /// [`TorchError`] with what it raised, also when memory ran out.
    pub fn own_loss(
        &mut self,
        inputs: &[Tensor],
        targets: &Tensor,
        mode: Mode,
    ) -> Result<OwnLoss, TorchError> {
        match &mut self.body {
            Body::Hosted(module) => {
                module.set_training(mode == Mode::Training)?;
                module.loss(inputs, targets)
            }
            Body::Layers(_) | Body::Script(_) => {
                Err(TorchError::from_text("only a Python model has a loss of its own"))
            }
        }
    }

    /// The shape of the outputs for so many examples of zeros, without a gradient.
    ///
    /// # Errors
    /// [`TorchError`], such as when the module does not take inputs of this shape.
    pub fn output_shape(
        &mut self,
        inputs: &[InputShape],
        examples: i64,
        (kind, device): (Kind, Device),
    ) -> Result<Vec<i64>, TorchError> {
        let _no_grad = tch::no_grad_guard();
        let zeros = |input: &InputShape| -> Result<Tensor, TorchError> {
            let shape = input.shape.iter().map(|&size| size as i64);
            let shape: Vec<i64> = std::iter::once(examples).chain(shape).collect();
            let kind = match input.numbers {
                InputNumbers::Floating => kind,
                InputNumbers::Integers => Kind::Int64,
                InputNumbers::Flags => Kind::Bool,
            };
            Ok(Tensor::f_zeros(&shape[..], (kind, device))?)
        };
        let inputs = inputs.iter().map(zeros).collect::<Result<Vec<_>, _>>()?;
        Ok(self.forward(&inputs, Mode::Evaluating)?.size())
    }

    /// Whether it is a module of the user's own, of which only trying it out shows what it does.
    #[must_use]
    pub fn is_own(&self) -> bool {
        !matches!(self.body, Body::Layers(_))
    }

    /// What is trained, weights before biases, first layer first.
    #[must_use]
    pub fn parameters(&self) -> &TensorList {
        &self.parameters
    }

    /// Bytes of all parameters and buffers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parameters.bytes() + self.frozen_bytes + self.buffers.bytes()
    }

    /// Why a batch that is split has another gradient; `None` where it has the same, up to rounding.
    #[must_use]
    pub fn inexact_when_split(&self) -> Option<Inexact> {
        self.inexact
    }

    /// Says that a batch that is split has another gradient.
    pub fn set_inexact(&mut self, why: Option<Inexact>) {
        self.inexact = why;
    }

    /// Whether a micro-batch of one example cannot be trained on, since a batch normalisation would see one value for each
    /// channel.
    #[must_use]
    pub fn needs_two_examples(&self) -> bool {
        self.needs_two_examples
    }

    /// Says that one example is too few: it was found out of a module of the user's own.
    pub fn set_needs_two_examples(&mut self) {
        self.needs_two_examples = true;
    }

    /// What the user should know of its outputs.
    #[must_use]
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Says that.
    pub fn set_remark(&mut self, remark: Option<String>) {
        self.remark = remark;
    }

    /// Whether the trial's seed sets its initial weights.
    #[must_use]
    pub fn is_seeded(&self) -> bool {
        match &self.body {
            Body::Layers(_) | Body::Hosted(_) => true,
            Body::Script(script) => script.can_be_seeded,
        }
    }

    /// Whether a forward in training mode may draw from libtorch's generator.
    #[must_use]
    pub fn draws_random_numbers(&self) -> bool {
        self.draws
    }

    /// Whether it is linear layers with a ReLU between every two, and nothing else: their gradient is written out in
    /// [`crate::shim::chain`].
    #[must_use]
    pub fn is_chain(&self) -> bool {
        self.is_chain
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
    pub fn buffers(&self) -> &[Tensor] {
        &self.buffers.live
    }
}

fn is_chain(layers: &[Layer]) -> bool {
    let layers = layers.strip_prefix(&[Layer::Flatten]).unwrap_or(layers);
    let alternates = layers.iter().enumerate().all(|(place, layer)| match layer {
        Layer::Linear { .. } => place % 2 == 0,
        Layer::Relu => place % 2 == 1,
        _ => false,
    });
    alternates && layers.len() % 2 == 1
}

impl Buffers {
    fn new(live: Vec<Tensor>) -> Result<Self, TorchError> {
        let kept = live.iter().map(|buffer| Ok(buffer.f_zeros_like()?)).collect::<Result<_, TorchError>>()?;
        Ok(Self { live, kept })
    }

    fn bytes(&self) -> u64 {
        self.live.iter().map(bytes).sum()
    }
}

fn copy_all(from: &[Tensor], to: &mut [Tensor]) -> Result<(), TorchError> {
    if from.is_empty() {
        return Ok(());
    }
    let _no_grad = tch::no_grad_guard();
    for (from, to) in from.iter().zip(to) {
        to.f_copy_(from)?;
    }
    Ok(())
}
