//! Rows of a data set as tensors in host memory, from where a device fetches them.

use tch::{Device, Tensor};

use super::column::Column;
use super::dataset::Dataset;
use super::wanted::{Draws, Rows};
use crate::shim::TorchError;
use crate::shim::transfer::{Tensors, host_tensor};

/// Each column as stored, (rows, ...), the target last; for an accelerator in page-locked memory.
pub(super) fn gather(
    data: &Dataset,
    rows: Rows<'_>,
    draws: Draws,
    device: Device,
) -> Result<Tensors, TorchError> {
    if let Some(items) = &data.items {
        return items.gather(rows, draws, device);
    }
    data.columns().map(|column| gather_column(column, rows, device)).collect()
}

fn gather_column(column: &Column, rows: Rows<'_>, device: Device) -> Result<Tensor, TorchError> {
    let count = match rows {
        Rows::From(_, count) => count,
        Rows::These(rows) => rows.len(),
    };
    let shape = column.shape.iter().map(|&size| size as i64);
    let size: Vec<i64> = std::iter::once(count as i64).chain(shape).collect();
    let kind = column.storage.kind();
    match rows {
        Rows::From(start, count) => host_tensor(&size, kind, device, [column.rows(start, count)]),
        Rows::These(rows) => {
            host_tensor(&size, kind, device, rows.iter().map(|&row| column.rows(row as usize, 1)))
        }
    }
}
