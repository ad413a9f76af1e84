//! Data that stays on the device: micro-batches are views of it.

use tch::{Device, Kind, Tensor};

use super::dataset::Dataset;
use super::rows::{Rows, gather};
use crate::shim::TorchError;
use crate::shim::optimizer::bytes;
use crate::shim::transfer::host_tensor;

/// All rows in file order, and the training rows once more in the order of the epoch.
#[derive(Debug)]
pub(super) struct Resident {
    inputs: Tensor,
    targets: Tensor,
    shuffled: Option<Shuffled>,
}

#[derive(Debug)]
struct Shuffled {
    inputs: Tensor,
    targets: Tensor,
    train_inputs: Tensor,
    train_targets: Tensor,
}

/// Rows gathered at a time while there is room; their 8-byte indices are all that a gather takes besides.
const GATHERED_AT_A_TIME: usize = 1 << 16;

impl Resident {
    /// What keeping this data on a device takes.
    pub fn bytes_needed(dataset: &Dataset, shuffled: bool) -> u64 {
        let copies = dataset.rows() + if shuffled { dataset.shape.train_examples } else { 0 };
        copies.saturating_mul(dataset.example_bytes())
    }

    pub fn new(dataset: &Dataset, shuffled: bool, device: Device) -> Result<Self, TorchError> {
        let rows = Rows::From(0, dataset.rows() as usize);
        let [inputs, targets] = match device {
            Device::Cpu => gather(dataset, rows, device)?,
            // In ordinary memory on its way: locking the pages of a whole data set takes longer than copying them.
            _ => {
                let [inputs, targets] = gather(dataset, rows, Device::Cpu)?;
                [inputs.f_to_device(device)?, targets.f_to_device(device)?]
            }
        };
        let train = dataset.shape.train_examples as i64;
        let shuffled = shuffled
            .then(|| -> Result<_, TorchError> {
                let (train_inputs, train_targets) =
                    (inputs.f_narrow(0, 0, train)?, targets.f_narrow(0, 0, train)?);
                let empty_like = |tensor: &Tensor| Tensor::f_empty(tensor.size(), (tensor.kind(), device));
                Ok(Shuffled {
                    inputs: empty_like(&train_inputs)?,
                    targets: empty_like(&train_targets)?,
                    train_inputs,
                    train_targets,
                })
            })
            .transpose()?;
        let mut resident = Self { inputs, targets, shuffled };
        resident.copy_file_order()?;
        Ok(resident)
    }

    /// Gathers the training rows in this order, fewer at a time where memory is short.
    pub fn shuffle(&mut self, order: &[i64]) -> Result<(), TorchError> {
        let Some(shuffled) = &mut self.shuffled else { return Ok(()) };
        let mut at_a_time = GATHERED_AT_A_TIME;
        let mut done = 0;
        while done < order.len() {
            let piece = &order[done..order.len().min(done + at_a_time)];
            match shuffled.gather(done as i64, piece) {
                Ok(()) => done += piece.len(),
                Err(error) if error.is_out_of_memory() && at_a_time > 1 => at_a_time /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn epoch_rows(&self, start: u64, count: u64) -> Result<[Tensor; 2], TorchError> {
        let (inputs, targets) = match &self.shuffled {
            Some(shuffled) => (&shuffled.inputs, &shuffled.targets),
            None => (&self.inputs, &self.targets),
        };
        let (start, count) = (start as i64, count as i64);
        Ok([inputs.f_narrow(0, start, count)?, targets.f_narrow(0, start, count)?])
    }

    pub fn file_rows(&self, start: u64, count: u64) -> Result<[Tensor; 2], TorchError> {
        let (start, count) = (start as i64, count as i64);
        Ok([self.inputs.f_narrow(0, start, count)?, self.targets.f_narrow(0, start, count)?])
    }

    pub fn bytes(&self) -> u64 {
        let copies = self.shuffled.iter().flat_map(|shuffled| [&shuffled.inputs, &shuffled.targets]);
        [&self.inputs, &self.targets].into_iter().chain(copies).map(bytes).sum()
    }

    /// Until the first epoch starts, the shuffled copy holds file order: memory probes read it.
    fn copy_file_order(&mut self) -> Result<(), TorchError> {
        if let Some(shuffled) = &mut self.shuffled {
            shuffled.inputs.f_copy_(&shuffled.train_inputs)?;
            shuffled.targets.f_copy_(&shuffled.train_targets)?;
        }
        Ok(())
    }
}

impl Shuffled {
    fn gather(&self, start: i64, order: &[i64]) -> Result<(), TorchError> {
        let (length, device) = (order.len() as i64, self.inputs.device());
        let index = host_tensor(&[length], Kind::Int64, device, order.iter().map(|row| row.to_ne_bytes()))?;
        // An accelerator fetches it when it comes to that: an epoch may be one step long, and no step is to wait.
        let index = index.f_to_device_(device, Kind::Int64, true, false)?;
        for (to, from) in [(&self.inputs, &self.train_inputs), (&self.targets, &self.train_targets)] {
            let _ = from.f_index_select_out(&to.f_narrow(0, start, length)?, 0, &index)?;
        }
        Ok(())
    }
}
