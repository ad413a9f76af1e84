//! A module of the user's own, as a model.

use std::ffi::CStr;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::Mode;
use crate::shim::TorchError;
use crate::shim::script::{Holding, ScriptModule};

/// What sets the initial weights, as PyTorch's own modules call it.
const RESET: &CStr = c"reset_parameters";

/// A loaded module with its tensors sorted.
#[derive(Debug)]
pub struct Script {
    module: ScriptModule,
    /// Parameters that are trained, with their names.
    pub trained: Vec<(String, Tensor)>,
    /// Parameters that stay as they are.
    pub frozen: Vec<(String, Tensor)>,
    /// Buffers.
    pub buffers: Vec<(String, Tensor)>,
    /// Whether the seed sets its initial weights: it exports `reset_parameters`.
    pub can_be_seeded: bool,
}

impl Script {
    /// Loads a file and, where it exports `reset_parameters`, draws its initial weights from `seed`.
    ///
    /// # Errors
    /// [`TorchError`] when it is no TorchScript file, has another `forward` than is needed, or memory runs out.
    pub fn load(path: &Path, seed: u64, (kind, device): (Kind, Device)) -> Result<Self, TorchError> {
        let mut module = ScriptModule::load(path, device)?;
        let can_be_seeded = module.has_method(RESET);
        if can_be_seeded {
            draw_weights(&mut module, path, seed, device)?;
        }
        module.convert(kind)?;
        Ok(Self {
            trained: module.tensors(Holding::Trained),
            frozen: module.tensors(Holding::Frozen),
            buffers: module.tensors(Holding::Buffers),
            module,
            can_be_seeded,
        })
    }

    /// `forward` as it was declared.
    #[must_use]
    pub fn signature(&self) -> String {
        self.module.signature()
    }

    /// The outputs, (examples, classes).
    ///
    /// # Errors
    /// [`TorchError`] with what the module raised, or when memory runs out.
    pub fn forward(&mut self, inputs: &Tensor, mode: Mode) -> Result<Tensor, TorchError> {
        self.module.set_training(mode == Mode::Training)?;
        self.module.forward(inputs)
    }
}

/// As for layers, weights are drawn on the CPU in the numbers of the file, whatever the precision and the device, so that
/// all start alike.
fn draw_weights(module: &mut ScriptModule, path: &Path, seed: u64, device: Device) -> Result<(), TorchError> {
    if device == Device::Cpu {
        tch::manual_seed(seed as i64);
        return module.call(RESET);
    }
    let mut drawn = ScriptModule::load(path, Device::Cpu)?;
    tch::manual_seed(seed as i64);
    drawn.call(RESET)?;
    let _no_grad = tch::no_grad_guard();
    for which in [Holding::Trained, Holding::Frozen, Holding::Buffers] {
        for ((_, from), (_, mut to)) in drawn.tensors(which).into_iter().zip(module.tensors(which)) {
            to.f_copy_(&from)?;
        }
    }
    Ok(())
}
