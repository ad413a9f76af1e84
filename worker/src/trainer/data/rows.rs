//! Rows of a data set as tensors in host memory, from where a device fetches them.

use tch::{Device, Kind, Tensor};

use super::dataset::Dataset;
use crate::shim::TorchError;
use crate::shim::transfer::host_tensor;

/// Which rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// So many from the first one on, in file order.
    From(usize, usize),
    /// These.
    These(&'a [i64]),
}

/// Inputs as stored, (rows, ...features), and targets, (rows); for an accelerator in page-locked memory.
pub(super) fn gather(data: &Dataset, rows: Rows<'_>, device: Device) -> Result<[Tensor; 2], TorchError> {
    let width = data.row_bytes() as usize;
    let inputs = &data.inputs.bytes;
    let count = match rows {
        Rows::From(_, count) => count,
        Rows::These(rows) => rows.len(),
    };
    let features = data.shape.features.iter().map(|&size| size as i64);
    let size: Vec<i64> = std::iter::once(count as i64).chain(features).collect();
    let kind = data.inputs.storage.kind();
    let targets_size = &size[..1];
    Ok(match rows {
        Rows::From(start, count) => {
            let numbers = &inputs[start * width..(start + count) * width];
            let targets = data.targets[start..start + count].iter().map(|target| target.to_ne_bytes());
            [
                host_tensor(&size, kind, device, [numbers])?,
                host_tensor(targets_size, Kind::Int64, device, targets)?,
            ]
        }
        Rows::These(rows) => {
            let numbers = rows.iter().map(|&row| &inputs[row as usize * width..(row as usize + 1) * width]);
            let targets = rows.iter().map(|&row| data.targets[row as usize].to_ne_bytes());
            [
                host_tensor(&size, kind, device, numbers)?,
                host_tensor(targets_size, Kind::Int64, device, targets)?,
            ]
        }
    })
}
