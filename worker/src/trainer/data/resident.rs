//! Data that stays on the device: micro-batches are views of it.

use tch::{Device, Kind, Tensor};

use super::dataset::Dataset;
use super::rows::gather;
use super::wanted::{Draws, Rows};
use crate::shim::TorchError;
use crate::shim::optimizer::bytes;
use crate::shim::transfer::{Tensors, host_tensor};

/// All rows in file order, and the training rows once more in the order of the epoch.
#[derive(Debug)]
pub(super) struct Resident {
    /// Inputs, and at last the target.
    columns: Tensors,
    shuffled: Option<Vec<Shuffled>>,
}

/// The training rows of a column.
#[derive(Debug)]
struct Shuffled {
    /// In the order of the epoch.
    rows: Tensor,
    /// In the order of the file: a view.
    from: Tensor,
}

/// Rows gathered at a time while there is room; their 8-byte indices are all that a gather takes besides.
const GATHERED_AT_A_TIME: usize = 1 << 16;

impl Resident {
    /// What keeping this data on a device takes.
    pub fn bytes_needed(dataset: &Dataset, shuffled: bool) -> u64 {
        if dataset.items.is_some() {
            return u64::MAX;
        }
        let copies = dataset.rows() + if shuffled { dataset.shape.train_examples } else { 0 };
        copies.saturating_mul(dataset.example_bytes())
    }

    pub fn new(dataset: &Dataset, shuffled: bool, device: Device) -> Result<Self, TorchError> {
        let rows = Rows::From(0, dataset.rows() as usize);
        // In ordinary memory on its way: locking the pages of a whole data set takes longer than copying them.
        let mut columns = gather(dataset, rows, Draws { seed: 0, epoch: 0 }, Device::Cpu)?;
        if device != Device::Cpu {
            columns = columns
                .iter()
                .map(|column| Ok(column.f_to_device(device)?))
                .collect::<Result<_, TorchError>>()?;
        }
        let train = dataset.shape.train_examples as i64;
        let of = |column: &Tensor| -> Result<_, TorchError> {
            let from = column.f_narrow(0, 0, train)?;
            Ok(Shuffled { rows: Tensor::f_empty(from.size(), (from.kind(), device))?, from })
        };
        let shuffled = shuffled.then(|| columns.iter().map(of).collect::<Result<Vec<_>, _>>()).transpose()?;
        let mut resident = Self { columns, shuffled };
        resident.copy_file_order()?;
        Ok(resident)
    }

    /// Gathers the training rows in this order, fewer at a time where memory is short.
    pub fn shuffle(&mut self, order: &[i64]) -> Result<(), TorchError> {
        let Some(shuffled) = &self.shuffled else { return Ok(()) };
        let mut at_a_time = GATHERED_AT_A_TIME;
        let mut done = 0;
        while done < order.len() {
            let piece = &order[done..order.len().min(done + at_a_time)];
            match gather_in_order(shuffled, done as i64, piece) {
                Ok(()) => done += piece.len(),
                Err(error) if error.is_out_of_memory() && at_a_time > 1 => at_a_time /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub fn epoch_rows(&self, start: u64, count: u64) -> Result<Tensors, TorchError> {
        let narrow = |tensor: &Tensor| Ok(tensor.f_narrow(0, start as i64, count as i64)?);
        match &self.shuffled {
            Some(shuffled) => shuffled.iter().map(|column| narrow(&column.rows)).collect(),
            None => self.columns.iter().map(narrow).collect(),
        }
    }

    pub fn file_rows(&self, start: u64, count: u64) -> Result<Tensors, TorchError> {
        self.columns.iter().map(|column| Ok(column.f_narrow(0, start as i64, count as i64)?)).collect()
    }

    pub fn bytes(&self) -> u64 {
        let copies = self.shuffled.iter().flatten().map(|column| &column.rows);
        self.columns.iter().chain(copies).map(bytes).sum()
    }

    /// Until the first epoch starts, the shuffled copy holds file order: memory probes read it.
    fn copy_file_order(&mut self) -> Result<(), TorchError> {
        for column in self.shuffled.iter_mut().flatten() {
            column.rows.f_copy_(&column.from)?;
        }
        Ok(())
    }
}

fn gather_in_order(columns: &[Shuffled], start: i64, order: &[i64]) -> Result<(), TorchError> {
    let Some(device) = columns.first().map(|column| column.rows.device()) else { return Ok(()) };
    let length = order.len() as i64;
    let index = host_tensor(&[length], Kind::Int64, device, order.iter().map(|row| row.to_ne_bytes()))?;
    // An accelerator fetches it when it comes to that: an epoch may be one step long, and no step is to wait.
    let index = index.f_to_device_(device, Kind::Int64, true, false)?;
    for Shuffled { rows, from } in columns {
        let _ = from.f_index_select_out(&rows.f_narrow(0, start, length)?, 0, &index)?;
    }
    Ok(())
}
