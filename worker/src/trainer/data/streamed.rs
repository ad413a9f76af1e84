//! Data that stays in host memory: each micro-batch is copied to the device, and the next one is on its way while a
//! micro-batch is computed with.

use tch::{Device, Tensor};

use super::dataset::Dataset;
use super::rows::gather;
use super::wanted::{Draws, Rows};
use crate::shim::TorchError;
use crate::shim::transfer::{Lane, Parcel, Tensors};
use crate::trainer::seed::EVALUATION;

/// Copies rows to the device, in the order of the epoch or of the file.
#[derive(Debug)]
pub(super) struct Streamed {
    device: Device,
    lane: Lane,
    /// The order of the epoch; empty is file order.
    order: Vec<i64>,
    draws: Draws,
    ahead: Option<Ahead>,
}

/// A micro-batch that was sent before it was asked for; it takes its bytes on the device until it is taken or dropped.
#[derive(Debug)]
struct Ahead {
    start: u64,
    count: u64,
    parcel: Parcel,
}

impl Streamed {
    pub fn new(device: Device, draws: Draws) -> Result<Self, TorchError> {
        Ok(Self { device, lane: Lane::to(device)?, order: Vec::new(), draws, ahead: None })
    }

    /// Another epoch, in this order; without one in that of the file.
    pub fn start_epoch(&mut self, epoch: u64, order: Option<Vec<i64>>) {
        self.ahead = None;
        self.draws.epoch = epoch;
        self.order = order.unwrap_or_default();
    }

    /// Rows of the epoch, sent now unless they are on their way; then sends the `ahead` rows that follow them.
    pub fn micro_batch(
        &mut self,
        data: &Dataset,
        start: u64,
        count: u64,
        ahead: u64,
    ) -> Result<Tensors, TorchError> {
        let known = self.ahead.take().filter(|known| (known.start, known.count) == (start, count));
        let parcel = match known {
            Some(known) => known.parcel,
            None => self.send(data, start, count)?,
        };
        // Before these rows are used: what they are converted to comes on top in any case, so that the bytes of those
        // ahead simply add to what a micro-batch takes.
        if ahead > 0 {
            let start = start + count;
            self.ahead = Some(Ahead { start, count: ahead, parcel: self.send(data, start, ahead)? });
        }
        parcel.receive()
    }

    /// Rows of the epoch. What is on its way stays there; where it begins with these rows, they are a view of it.
    pub fn epoch_rows(&mut self, data: &Dataset, start: u64, count: u64) -> Result<Tensors, TorchError> {
        if let Some(known) = self.ahead.as_mut().filter(|known| known.start == start && known.count >= count)
        {
            let first = |tensor: &Tensor| Ok(tensor.f_narrow(0, 0, count as i64)?);
            return known.parcel.open()?.iter().map(first).collect();
        }
        self.send(data, start, count)?.receive()
    }

    pub fn file_rows(&self, data: &Dataset, start: u64, count: u64) -> Result<Tensors, TorchError> {
        let rows = Rows::From(start as usize, count as usize);
        let draws = Draws { epoch: EVALUATION, ..self.draws };
        self.lane.send(gather(data, rows, draws, self.device)?)?.receive()
    }

    /// Gives up what is on its way, and its memory.
    pub fn drop_ahead(&mut self) {
        self.ahead = None;
    }

    fn send(&self, data: &Dataset, start: u64, count: u64) -> Result<Parcel, TorchError> {
        let (start, count) = (start as usize, count as usize);
        let rows = match &self.order[..] {
            [] => Rows::From(start, count),
            order => Rows::These(&order[start..start + count]),
        };
        self.lane.send(gather(data, rows, self.draws, self.device)?)
    }
}
