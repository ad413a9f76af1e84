//! Micro-batches of an epoch.

use std::rc::Rc;

use tch::{Device, Kind, Tensor};

use super::dataset::Dataset;
use super::prepare::Prepare;
use super::resident::Resident;
use super::streamed::Streamed;
use crate::shim::TorchError;
use crate::trainer::seed::{Purpose, derive, permutation};

/// Some examples as the model sees them, on the device.
#[derive(Debug)]
pub struct Examples {
    /// (examples, ...features).
    pub inputs: Tensor,
    /// (examples) of int64 classes.
    pub targets: Tensor,
}

/// Gives a trial its examples: training examples in the order of the epoch, all examples in file order.
#[derive(Debug)]
pub struct Feed {
    dataset: Rc<Dataset>,
    store: Store,
    prepare: Prepare,
    /// Seeds each epoch's order; `None` is file order.
    shuffle: Option<u64>,
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
    /// Seeds the order of each epoch; `None` for file order.
    pub shuffle: Option<u64>,
    /// Bytes that the data may take on the device for good; if it needs more, it is streamed from the host.
    pub resident_limit: u64,
}

impl Feed {
    /// A feed at the start of epoch 0, in file order until [`Feed::start_epoch`].
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn new(dataset: Rc<Dataset>, options: &FeedOptions) -> Result<Self, TorchError> {
        let prepare = Prepare::new(&dataset, options.kind, options.device)?;
        let shuffled = options.shuffle.is_some();
        let store = if Resident::bytes_needed(&dataset, shuffled) <= options.resident_limit {
            Store::Resident(Resident::new(&dataset, shuffled, options.device)?)
        } else {
            Store::Streamed(Streamed::new(options.device))
        };
        Ok(Self { dataset, store, prepare, shuffle: options.shuffle })
    }

    /// Puts the training examples in the order of an epoch (from 0): one gather on the device when they are there.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out even for a few examples at a time.
    pub fn start_epoch(&mut self, epoch: u64) -> Result<(), TorchError> {
        let Some(seed) = self.shuffle else { return Ok(()) };
        let examples = self.dataset.shape.train_examples as usize;
        let order = permutation(derive(seed, Purpose::Shuffle { epoch }), examples);
        match &mut self.store {
            Store::Resident(resident) => resident.shuffle(&order),
            Store::Streamed(streamed) => {
                streamed.set_order(order);
                Ok(())
            }
        }
    }

    /// `count` training examples of the current epoch, from `start` on.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn epoch_examples(&mut self, start: u64, count: u64) -> Result<Examples, TorchError> {
        let (inputs, targets) = match &mut self.store {
            Store::Resident(resident) => resident.epoch_rows(start, count)?,
            Store::Streamed(streamed) => streamed.epoch_rows(&self.dataset, start, count)?,
        };
        Ok(Examples { inputs: self.prepare.apply(inputs)?, targets })
    }

    /// `count` rows in file order, from `start` on: training examples first, then validation examples.
    ///
    /// # Errors
    /// [`TorchError`], such as when memory runs out.
    pub fn rows(&mut self, start: u64, count: u64) -> Result<Examples, TorchError> {
        let (inputs, targets) = match &mut self.store {
            Store::Resident(resident) => resident.file_rows(start, count)?,
            Store::Streamed(streamed) => streamed.file_rows(&self.dataset, start, count)?,
        };
        Ok(Examples { inputs: self.prepare.apply(inputs)?, targets })
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
    /// are counted once, as part of the batch; the resident data is told without them.
    #[must_use]
    pub fn shared_bytes_per_example(&self) -> u64 {
        let Store::Resident(_) = self.store else { return 0 };
        let input = if self.prepare.is_identity { 4 * self.dataset.shape.feature_elements() } else { 0 };
        input + 8
    }
}
