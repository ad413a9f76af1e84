//! Step losses, kept where they arise and fetched in bulk: no step waits for the device.

use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;

/// Records one loss a step, up to [`LossTape::CAPACITY`] between two fetches.
#[derive(Debug)]
pub enum LossTape {
    /// Beside the CPU there is nothing to wait for: numbers are read at once.
    Host {
        /// Of finished steps.
        losses: Vec<f64>,
        /// Of the step in progress.
        current: f64,
    },
    /// On an accelerator, one slot a step in a buffer that exists from the start.
    Device {
        /// All slots.
        buffer: Tensor,
        /// A view of each.
        slots: Vec<Tensor>,
        /// Finished steps.
        done: usize,
    },
}

impl LossTape {
    /// Losses that fit between two fetches.
    pub const CAPACITY: usize = 256;

    /// An empty tape.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(device: Device) -> Result<Self, TorchError> {
        if device == Device::Cpu {
            return Ok(Self::Host { losses: Vec::with_capacity(Self::CAPACITY), current: 0.0 });
        }
        let buffer = Tensor::f_zeros([Self::CAPACITY as i64], (Kind::Double, device))?;
        let slots =
            (0..Self::CAPACITY as i64).map(|slot| buffer.f_select(0, slot)).collect::<Result<_, _>>()?;
        Ok(Self::Device { buffer, slots, done: 0 })
    }

    /// Adds a micro-batch's part to the loss of the step in progress.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn add(&mut self, part: &Tensor) -> Result<(), TorchError> {
        match self {
            Self::Host { current, .. } => *current += part.f_double_value(&[])?,
            Self::Device { slots, done, .. } => {
                let _ = slots[*done].f_add_(&part.f_detach()?)?;
            }
        }
        Ok(())
    }

    /// The step in progress is done.
    pub fn commit(&mut self) {
        match self {
            Self::Host { losses, current } => losses.push(std::mem::take(current)),
            Self::Device { done, .. } => *done += 1,
        }
    }

    /// The step in progress is done over.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn discard(&mut self) -> Result<(), TorchError> {
        match self {
            Self::Host { current, .. } => *current = 0.0,
            Self::Device { slots, done, .. } => {
                let _ = slots[*done].f_zero_()?;
            }
        }
        Ok(())
    }

    /// Finished steps since the last fetch.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Host { losses, .. } => losses.len(),
            Self::Device { done, .. } => *done,
        }
    }

    /// Whether there is nothing to fetch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The losses of the finished steps, in order; the tape is empty afterwards. Waits for the device.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn fetch(&mut self) -> Result<Vec<f64>, TorchError> {
        match self {
            Self::Host { losses, .. } => Ok(std::mem::replace(losses, Vec::with_capacity(Self::CAPACITY))),
            Self::Device { buffer, done, .. } => {
                let mut losses = vec![0.0; *done];
                buffer
                    .f_narrow(0, 0, *done as i64)?
                    .f_to_device(Device::Cpu)?
                    .f_copy_data(&mut losses, *done)?;
                let _ = buffer.f_zero_()?;
                *done = 0;
                Ok(losses)
            }
        }
    }
}
