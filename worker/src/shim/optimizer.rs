//! Optimizer steps as one call over all parameters, on state that exists beforehand.

use std::ptr;

use tch::Tensor;
use torch_sys::C_tensor;

use super::error::{TorchError, check};
use super::ffi;

/// Tensors in a fixed order, with the array of handles that the shim takes made once.
#[derive(Debug)]
pub struct TensorList {
    tensors: Vec<Tensor>,
    handles: Vec<*mut C_tensor>,
}

impl TensorList {
    /// Takes the tensors.
    #[must_use]
    pub fn new(tensors: Vec<Tensor>) -> Self {
        // A handle is the address of the C++ tensor, which stays when the Rust value moves.
        let handles = tensors.iter().map(|tensor| tensor.as_ptr().cast_mut()).collect();
        Self { tensors, handles }
    }

    /// The tensors, in order.
    pub fn as_slice(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Their handles, in order; alive as long as the list.
    pub(super) fn handles(&self) -> *const *mut C_tensor {
        self.handles.as_ptr()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Their storage together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tensors.iter().map(bytes).sum()
    }
}

/// Bytes of a tensor's elements.
#[must_use]
pub fn bytes(tensor: &Tensor) -> u64 {
    (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64
}

/// Drops every gradient, so that its memory is free and the next backward starts from none.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn clear_gradients(parameters: &TensorList) -> Result<(), TorchError> {
    // SAFETY: `handles` are `len` live tensors.
    check(unsafe { ffi::bs_clear_gradients(parameters.handles.as_ptr(), parameters.len()) })
}

/// The Euclidean norm of all gradients together, as a float64 scalar beside them: nothing waits for the device.
///
/// # Errors
/// [`TorchError`] when no parameter has a gradient, or memory runs out.
pub fn gradient_norm(parameters: &TensorList) -> Result<Tensor, TorchError> {
    let mut norm = ptr::null_mut();
    // SAFETY: `handles` are `len` live tensors, `norm` is writable.
    check(unsafe { ffi::bs_gradient_norm(parameters.handles.as_ptr(), parameters.len(), &raw mut norm) })?;
    // SAFETY: after success it is a new C++ tensor, owned by nobody yet.
    Ok(unsafe { Tensor::from_ptr(norm) })
}

/// Constants of an SGD step.
#[derive(Debug, Clone, Copy)]
pub struct SgdStep {
    /// The learning rate now.
    pub learning_rate: f64,
    /// 0 is plain SGD.
    pub momentum: f64,
    /// Added to the gradient as `weight_decay * parameter`.
    pub weight_decay: f64,
    /// Look ahead along the momentum.
    pub nesterov: bool,
}

/// One step of SGD. `momentum_buffers` go with the parameters, one for one; none without momentum. A
/// parameter without a gradient is left alone, and so is its state.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn fused_sgd(
    parameters: &TensorList,
    momentum_buffers: Option<&TensorList>,
    step: &SgdStep,
) -> Result<(), TorchError> {
    assert!(momentum_buffers.is_none_or(|buffers| buffers.len() == parameters.len()));
    let buffers = momentum_buffers.map_or(ptr::null(), |buffers| buffers.handles.as_ptr());
    // SAFETY: both arrays hold `len` live tensors (checked above), or the second is null.
    check(unsafe {
        ffi::bs_fused_sgd(
            parameters.handles.as_ptr(),
            buffers,
            parameters.len(),
            step.learning_rate,
            step.momentum,
            step.weight_decay,
            step.nesterov,
        )
    })
}

/// Constants of an Adam step.
#[derive(Debug, Clone, Copy)]
pub struct AdamStep {
    /// The learning rate now.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Strength of the weight decay.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (AdamW) or is part of the gradient (Adam).
    pub decoupled: bool,
    /// The number of this step, from 1, for the bias correction.
    pub number: u64,
}

/// What Adam keeps between steps.
#[derive(Debug)]
pub struct AdamState {
    /// Running means of the gradients.
    pub first_moments: TensorList,
    /// Running means of their squares.
    pub second_moments: TensorList,
    /// A float32 scalar beside the parameters, for the kernel to read the step number from.
    pub step: Tensor,
}

/// One step of Adam or AdamW. A parameter without a gradient is left alone, and so is its state.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn fused_adam(parameters: &TensorList, state: &mut AdamState, step: &AdamStep) -> Result<(), TorchError> {
    assert!(state.first_moments.len() == parameters.len() && state.second_moments.len() == parameters.len());
    let adam = ffi::Adam {
        learning_rate: step.learning_rate,
        beta1: step.beta1,
        beta2: step.beta2,
        epsilon: step.epsilon,
        weight_decay: step.weight_decay,
        decoupled: step.decoupled,
    };
    // SAFETY: the three arrays hold `len` live tensors (checked above); `step` and `adam` are live.
    check(unsafe {
        ffi::bs_fused_adam(
            parameters.handles.as_ptr(),
            state.first_moments.handles.as_ptr(),
            state.second_moments.handles.as_ptr(),
            state.step.as_mut_ptr(),
            parameters.len(),
            step.number as f64,
            &raw const adam,
        )
    })
}

/// Constants of an RMSprop step, besides those that [`RmsPropState`] holds as tensors.
#[derive(Debug, Clone, Copy)]
pub struct RmsPropStep {
    /// The learning rate now.
    pub learning_rate: f64,
    /// Decay of the squared gradients' mean.
    pub alpha: f64,
    /// Added to the gradient as `weight_decay * parameter`.
    pub weight_decay: f64,
}

/// What RMSprop keeps between steps, and what a step works with.
#[derive(Debug)]
pub struct RmsPropState {
    /// Running means of the squared gradients.
    pub square_averages: TensorList,
    /// With momentum only.
    pub momentum_buffers: Option<TensorList>,
    /// `alpha`, `epsilon` and `momentum` as scalar tensors, so that no step makes any.
    pub constants: [Tensor; 3],
    /// Flat, as large as the largest parameter.
    pub scratch: Tensor,
}

/// One step of RMSprop. With weight decay the gradients are changed by it. A parameter without a gradient
/// is left alone, and so is its state.
///
/// # Errors
/// [`TorchError`] if libtorch refuses.
pub fn rmsprop(
    parameters: &TensorList,
    state: &mut RmsPropState,
    step: &RmsPropStep,
) -> Result<(), TorchError> {
    assert!(state.square_averages.len() == parameters.len());
    assert!(state.momentum_buffers.as_ref().is_none_or(|buffers| buffers.len() == parameters.len()));
    let buffers = state.momentum_buffers.as_ref().map_or(ptr::null(), |buffers| buffers.handles.as_ptr());
    let [alpha, epsilon, momentum] = &mut state.constants;
    let constants = ffi::RmsProp {
        learning_rate: step.learning_rate,
        alpha: step.alpha,
        weight_decay: step.weight_decay,
        alpha_scalar: alpha.as_mut_ptr(),
        epsilon_scalar: epsilon.as_mut_ptr(),
        momentum_scalar: momentum.as_mut_ptr(),
        scratch: state.scratch.as_mut_ptr(),
    };
    // SAFETY: the arrays hold `len` live tensors (checked above), or the third is null; the rest is live.
    check(unsafe {
        ffi::bs_rmsprop_step(
            parameters.handles.as_ptr(),
            state.square_averages.handles.as_ptr(),
            buffers,
            parameters.len(),
            &raw const constants,
        )
    })
}
