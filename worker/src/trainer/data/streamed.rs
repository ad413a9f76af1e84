//! Data that stays in host memory: each micro-batch is copied to the device.

use std::mem;

use tch::{Device, Tensor};

use super::dataset::{Dataset, Inputs};
use crate::shim::TorchError;

/// Copies rows to the device, in the order of the epoch or of the file.
#[derive(Debug)]
pub(super) struct Streamed {
    device: Device,
    /// The order of the epoch; empty is file order.
    order: Vec<i64>,
    /// Rows put beside each other before they are copied; kept, so that a step allocates nothing on the host.
    bytes: Vec<u8>,
    floats: Vec<f32>,
    targets: Vec<i64>,
}

impl Streamed {
    pub fn new(device: Device) -> Self {
        Self { device, order: Vec::new(), bytes: Vec::new(), floats: Vec::new(), targets: Vec::new() }
    }

    pub fn set_order(&mut self, order: Vec<i64>) {
        self.order = order;
    }

    pub fn epoch_rows(
        &mut self,
        data: &Dataset,
        start: u64,
        count: u64,
    ) -> Result<(Tensor, Tensor), TorchError> {
        if self.order.is_empty() {
            return self.file_rows(data, start, count);
        }
        let rows = &self.order[start as usize..(start + count) as usize];
        let width = data.shape.feature_elements() as usize;
        self.targets.clear();
        self.targets.extend(rows.iter().map(|&row| data.targets[row as usize]));
        let inputs = match &data.inputs {
            Inputs::Bytes(stored) => Tensor::f_from_slice(gather(&mut self.bytes, stored, rows, width))?,
            Inputs::Floats(stored) => Tensor::f_from_slice(gather(&mut self.floats, stored, rows, width))?,
        };
        let targets = mem::take(&mut self.targets);
        let placed = self.place(data, inputs, &targets);
        self.targets = targets;
        placed
    }

    pub fn file_rows(&self, data: &Dataset, start: u64, count: u64) -> Result<(Tensor, Tensor), TorchError> {
        let rows = start as usize..(start + count) as usize;
        let width = data.shape.feature_elements() as usize;
        let numbers = rows.start * width..rows.end * width;
        let inputs = match &data.inputs {
            Inputs::Bytes(stored) => Tensor::f_from_slice(&stored[numbers])?,
            Inputs::Floats(stored) => Tensor::f_from_slice(&stored[numbers])?,
        };
        self.place(data, inputs, &data.targets[rows])
    }

    fn place(&self, data: &Dataset, inputs: Tensor, targets: &[i64]) -> Result<(Tensor, Tensor), TorchError> {
        let features = data.shape.features.iter().map(|&size| size as i64);
        let shape: Vec<i64> = std::iter::once(targets.len() as i64).chain(features).collect();
        Ok((
            inputs.f_view(&shape[..])?.f_to_device(self.device)?,
            Tensor::f_from_slice(targets)?.f_to_device(self.device)?,
        ))
    }
}

fn gather<'a, T: Copy>(into: &'a mut Vec<T>, stored: &[T], rows: &[i64], width: usize) -> &'a [T] {
    into.clear();
    for &row in rows {
        into.extend_from_slice(&stored[row as usize * width..(row as usize + 1) * width]);
    }
    into
}
