//! Micro-batches of an epoch.

use std::ops::Range;
use std::rc::Rc;

use domain::AccumulationPlan;
use tch::{Device, Kind};

use super::dataset::{Counted, Dataset};
use super::examples::Examples;
use super::prepare::{Prepare, TargetForm, Wanted};
use super::resident::Resident;
use super::streamed::Streamed;
use super::wanted::Draws;
use crate::shim::TorchError;
use crate::trainer::seed::{Purpose, derive, permutation};

/// Gives a trial its examples: training examples in the order of the epoch, all examples in file order.
#[derive(Debug)]
pub struct Feed {
    dataset: Rc<Dataset>,
    store: Store,
    prepare: Prepare,
    /// Seeds each epoch's order; `None` is file order.
    shuffle: Option<u64>,
    /// The rows of the epoch in their order, where it matters which they are; empty is file order.
    order: Vec<i64>,
    /// The training examples that an epoch takes.
    per_epoch: u64,
    /// Streamed rows are sent before they are asked for.
    fetches_ahead: bool,
}

#[derive(Debug)]
enum Store {
    Resident(Resident),
    Streamed(Streamed),
}

/// Where and how a feed delivers.
#[derive(Debug, Clone, Copy)]
pub struct FeedOptions {
    /// Where the model is.
    pub device: Device,
    /// The number type that it computes in.
    pub kind: Kind,
    /// Whether integers and flags stay so, as a model of the user's own takes them.
    pub keeps_integers: bool,
    /// What the loss takes as targets.
    pub target: TargetForm,
    /// Seeds the order of each epoch; `None` for file order.
    pub shuffle: Option<u64>,
    /// Seeds what reading an example draws.
    pub seed: u64,
    /// Bytes that the data may take on the device for good; if it needs more, it is streamed from the host.
    pub resident_limit: u64,
    /// Training examples that an epoch takes, which may be fewer than there are.
    pub per_epoch: u64,
    /// Whether streamed data is sent one micro-batch ahead.
    pub fetch_ahead: bool,
}

impl Feed {
    /// A feed at the start of epoch 0, in file order until [`Feed::start_epoch`].
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(dataset: Rc<Dataset>, options: &FeedOptions) -> Result<Self, TorchError> {
        let FeedOptions { kind, keeps_integers, target, .. } = *options;
        let prepare = Prepare::new(&dataset, Wanted { kind, keeps_integers, target }, options.device)?;
        let shuffled = options.shuffle.is_some();
        let store = if Resident::bytes_needed(&dataset, shuffled) <= options.resident_limit {
            Store::Resident(Resident::new(&dataset, shuffled, options.device)?)
        } else {
            Store::Streamed(Streamed::new(options.device, Draws { seed: options.seed, epoch: 0 })?)
        };
        let fetches_ahead = options.fetch_ahead && matches!(store, Store::Streamed(_));
        let FeedOptions { shuffle, per_epoch, .. } = *options;
        Ok(Self { dataset, store, prepare, shuffle, order: Vec::new(), per_epoch, fetches_ahead })
    }

    /// Puts the training examples in the order of an epoch (from 0): one gather on the device when they are there.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out even for a few examples at a time.
    pub fn start_epoch(&mut self, epoch: u64) -> Result<(), TorchError> {
        let examples = self.dataset.shape.train_examples as usize;
        let order = self.shuffle.map(|seed| permutation(derive(seed, Purpose::Shuffle { epoch }), examples));
        if matches!(self.dataset.counted(std::iter::empty()), Counted::Some(_)) {
            self.order = order.clone().unwrap_or_default();
        }
        match (&mut self.store, order) {
            (Store::Resident(resident), Some(order)) => resident.shuffle(&order),
            (Store::Resident(_), None) => Ok(()),
            (Store::Streamed(streamed), order) => {
                streamed.start_epoch(epoch, order);
                Ok(())
            }
        }
    }

    /// The micro-batch of the current epoch that begins at `start`. The `ahead` examples that follow, as far as the epoch
    /// has them, are sent to the device meanwhile; if they are the micro-batch asked for next, they are not gathered
    /// again.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out, be it for the examples ahead.
    pub fn micro_batch(&mut self, start: u64, count: u64, ahead: u64) -> Result<Examples, TorchError> {
        let ahead = if self.fetches_ahead { ahead.min(self.left_after(start + count)) } else { 0 };
        let stored = match &mut self.store {
            Store::Resident(resident) => resident.epoch_rows(start, count)?,
            Store::Streamed(streamed) => streamed.micro_batch(&self.dataset, start, count, ahead)?,
        };
        self.prepare.apply(stored)
    }

    /// `count` training examples of the current epoch, from `start` on, beside the micro-batches of a step: what is on its
    /// way for these stays so.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn epoch_examples(&mut self, start: u64, count: u64) -> Result<Examples, TorchError> {
        let stored = match &mut self.store {
            Store::Resident(resident) => resident.epoch_rows(start, count)?,
            Store::Streamed(streamed) => streamed.epoch_rows(&self.dataset, start, count)?,
        };
        self.prepare.apply(stored)
    }

    /// `count` rows in file order, from `start` on: training examples first, then validation examples. Training
    /// examples that are on their way are given up: they are not what is wanted, and leave the more room.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn rows(&mut self, start: u64, count: u64) -> Result<Examples, TorchError> {
        self.drop_ahead();
        let stored = match &mut self.store {
            Store::Resident(resident) => resident.file_rows(start, count)?,
            Store::Streamed(streamed) => streamed.file_rows(&self.dataset, start, count)?,
        };
        self.prepare.apply(stored)
    }

    /// Gives up the examples that are on their way, as when a step is done over in other micro-batches.
    pub fn drop_ahead(&mut self) {
        if let Store::Streamed(streamed) = &mut self.store {
            streamed.drop_ahead();
        }
    }

    /// Bytes on the device of so many examples ahead: as stored, with their targets; 0 when nothing is sent ahead. They
    /// add to whatever else a micro-batch takes.
    #[must_use]
    pub fn ahead_bytes(&self, examples: u64) -> u64 {
        if self.fetches_ahead { examples * self.dataset.example_bytes() } else { 0 }
    }

    /// The sizes of the micro-batches of a batch that begins at `start`, each with the size of the one after it: after the
    /// last, the first one of the next batch in the same epoch, or 0.
    pub fn micro_batches(
        &self,
        start: u64,
        split: AccumulationPlan,
    ) -> impl Iterator<Item = (u64, u64)> + use<> {
        let next_batch = self.left_after(start + split.batch_size()).min(split.batch_size());
        let following = match next_batch {
            0 => 0,
            examples => AccumulationPlan::at_most(examples, split.micro_batch()).micro_batch(),
        };
        split.sizes().zip(split.sizes().skip(1).chain([following]))
    }

    /// Training examples that an epoch still takes after so many.
    #[must_use]
    pub fn left_after(&self, examples: u64) -> u64 {
        self.per_epoch.saturating_sub(examples)
    }

    /// Bytes of data kept on the device, all of it.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        match &self.store {
            Store::Resident(resident) => resident.bytes(),
            Store::Streamed(_) => 0,
        }
    }

    /// Bytes of an example in a micro-batch that are no copy but a view of the resident data. A micro-batch's rows
    /// are counted once, as part of the batch; the resident data is shown without them.
    #[must_use]
    pub fn shared_bytes_per_example(&self) -> u64 {
        match self.store {
            Store::Resident(_) => self.prepare.unchanged_bytes,
            Store::Streamed(_) => 0,
        }
    }

    /// Positions of the targets of so many training examples of the epoch that are not ignored, from `start` on.
    #[must_use]
    pub fn counted_in_epoch(&self, start: u64, count: u64) -> Counted {
        let row = |place: u64| self.order.get(place as usize).map_or(place as usize, |&row| row as usize);
        self.dataset.counted((start..start + count).map(row))
    }

    /// The same of rows in file order.
    #[must_use]
    pub fn counted(&self, rows: Range<u64>) -> Counted {
        self.dataset.counted(rows.map(|row| row as usize))
    }
}
