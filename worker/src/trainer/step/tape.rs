//! Step losses, kept where they arise and fetched in bulk: no step waits for the device.

use tch::{Device, Kind, Tensor};

use crate::shim::TorchError;

/// Records one loss a step, up to [`LossTape::CAPACITY`] between two fetches.
#[derive(Debug)]
pub struct LossTape {
    sums: Sums,
    /// One over the terms of each finished step's batch.
    scales: Vec<f64>,
}

/// Summed losses.
#[derive(Debug)]
enum Sums {
    /// Beside the CPU there is nothing to wait for: numbers are read at once.
    Host {
        /// Of finished steps.
        finished: Vec<f64>,
        /// Of the step in progress.
        current: f64,
    },
    /// On an accelerator, one slot a step in a buffer that exists from the start.
    Device {
        /// All slots.
        buffer: Tensor,
        /// A view of each.
        slots: Vec<Tensor>,
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
        let sums = if device == Device::Cpu {
            Sums::Host { finished: Vec::with_capacity(Self::CAPACITY), current: 0.0 }
        } else {
            let buffer = Tensor::f_zeros([Self::CAPACITY as i64], (Kind::Double, device))?;
            let slots = (0..Self::CAPACITY as i64).map(|slot| buffer.f_select(0, slot));
            Sums::Device { slots: slots.collect::<Result<_, _>>()?, buffer }
        };
        Ok(Self { sums, scales: Vec::with_capacity(Self::CAPACITY) })
    }

    /// Adds a micro-batch's summed loss to the step in progress.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn add(&mut self, sum: &Tensor) -> Result<(), TorchError> {
        match &mut self.sums {
            Sums::Host { current, .. } => *current += sum.f_double_value(&[])?,
            Sums::Device { slots, .. } => {
                let _ = slots[self.scales.len()].f_add_(&sum.f_detach()?)?;
            }
        }
        Ok(())
    }

    /// The step in progress is done; its loss is a mean over so many terms.
    pub fn commit(&mut self, terms: u64) {
        if let Sums::Host { finished, current } = &mut self.sums {
            finished.push(std::mem::take(current));
        }
        self.scales.push(1.0 / terms as f64);
    }

    /// The step in progress is done over.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn discard(&mut self) -> Result<(), TorchError> {
        match &mut self.sums {
            Sums::Host { current, .. } => *current = 0.0,
            Sums::Device { slots, .. } => {
                let _ = slots[self.scales.len()].f_zero_()?;
            }
        }
        Ok(())
    }

    /// Finished steps since the last fetch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is nothing to fetch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The losses of the finished steps, in order; the tape is empty afterwards. Waits for the device.
    ///
    /// # Errors
    /// [`TorchError`] when the device fails.
    pub fn fetch(&mut self) -> Result<Vec<f64>, TorchError> {
        let mut losses = match &mut self.sums {
            Sums::Host { finished, .. } => std::mem::replace(finished, Vec::with_capacity(Self::CAPACITY)),
            Sums::Device { buffer, .. } => {
                let done = self.scales.len();
                let mut sums = vec![0.0; done];
                let told = buffer.f_narrow(0, 0, done as i64)?.f_to_device(Device::Cpu)?;
                told.f_copy_data(&mut sums, done)?;
                let _ = buffer.f_zero_()?;
                sums
            }
        };
        losses.iter_mut().zip(self.scales.drain(..)).for_each(|(loss, scale)| *loss *= scale);
        Ok(losses)
    }
}
