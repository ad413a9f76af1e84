//! Examples that are read from the user's code each time they are wanted, as their random numbers differ from epoch to epoch,
//! or there are too many to keep.

use tch::{Device, Tensor};

use super::wanted::{Draws, Rows};
use crate::shim::TorchError;
use crate::shim::transfer::{Tensors, host_tensor};
use crate::trainer::hosted::{Example, HostedData};
use crate::trainer::seed::{Purpose, derive};

/// Data sets of the user's own.
#[derive(Debug)]
pub(super) struct Items {
    data: Box<dyn HostedData>,
    /// Training examples that there are, after the limit: those of the validation set follow.
    pub available: u64,
}

impl Items {
    pub fn new(data: Box<dyn HostedData>) -> Self {
        Self { available: data.lengths().0, data }
    }

    /// Training and validation examples together, before any limit.
    pub fn rows(&self) -> u64 {
        let (train, validation) = self.data.lengths();
        train + validation.unwrap_or(0)
    }

    /// Each column of some rows; for an accelerator in page-locked memory.
    pub fn gather(&self, rows: Rows<'_>, draws: Draws, device: Device) -> Result<Tensors, TorchError> {
        let example = |row: u64| Example {
            of_validation: row >= self.available,
            place: row.checked_sub(self.available).unwrap_or(row),
            seed: derive(draws.seed, Purpose::Example { epoch: draws.epoch, row }),
        };
        let examples: Vec<_> = match rows {
            Rows::From(start, count) => (start..start + count).map(|row| example(row as u64)).collect(),
            Rows::These(rows) => rows.iter().map(|&row| example(row as u64)).collect(),
        };
        // A batch may lie across the end of the training set.
        let mut parts = examples.chunk_by(|one, other| one.of_validation == other.of_validation);
        let (Some(first), None) = (parts.next(), parts.next()) else {
            return Err(TorchError::from_text("examples of two data sets were asked for together"));
        };
        let columns: Tensors = self.data.read(first, false)?.columns.into_iter().collect();
        match device {
            Device::Cpu => Ok(columns),
            _ => columns.iter().map(|column| pinned(column, device)).collect(),
        }
    }
}

fn pinned(column: &Tensor, device: Device) -> Result<Tensor, TorchError> {
    let bytes = bytes_of(column)?;
    host_tensor(&column.size(), column.kind(), device, [bytes])
}

/// The numbers of a tensor in host memory.
pub(super) fn bytes_of(tensor: &Tensor) -> Result<Vec<u8>, TorchError> {
    let numbers = tensor.numel();
    let mut bytes = vec![0; numbers * tensor.kind().elt_size_in_bytes()];
    tensor.f_contiguous()?.f_copy_data_u8(&mut bytes, numbers)?;
    Ok(bytes)
}
