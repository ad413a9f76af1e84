//! What is to be trained: sweeps and trials.

mod code;
mod data;
mod file;
mod grid;
mod model;
mod search;
mod train;

pub use file::upload;

use domain::spec::{MemorySpec, MicroBatchPolicy, SearchSpec, SweepDraft, TrialSettings, TrialSpec, Value};
use domain::units::{BatchSize, Bytes, LearningRate};

use super::{Wire, WireError, missing, required};
use crate::v1;

/// A sweep, still to be checked.
impl Wire for SweepDraft {
    type Message = v1::SweepSpec;

    fn to_wire(&self) -> v1::SweepSpec {
        v1::SweepSpec {
            name: self.name.clone().unwrap_or_default(),
            data: Some(self.data.to_wire()),
            model: Some(self.model.to_wire()),
            grid: Some(self.grid.to_wire()),
            train: Some(self.train.to_wire()),
            memory: Some(self.memory.to_wire()),
            search: self.search.is_search().then(|| self.search.to_wire()),
        }
    }

    fn from_wire(message: v1::SweepSpec) -> Result<Self, WireError> {
        Ok(Self {
            name: Some(message.name).filter(|name| !name.is_empty()),
            data: required("data", message.data)?,
            model: required("model", message.model)?,
            grid: required("grid", message.grid)?,
            train: required("train", message.train)?,
            memory: required("memory", message.memory)?,
            search: message.search.map(SearchSpec::from_wire).transpose()?.unwrap_or_default(),
        })
    }
}

impl Wire for TrialSpec {
    type Message = v1::TrialSpec;

    fn to_wire(&self) -> v1::TrialSpec {
        v1::TrialSpec {
            data: Some(self.data.to_wire()),
            model: Some(self.model.to_wire()),
            memory: Some(self.memory.to_wire()),
            settings: Some(self.settings.to_wire()),
        }
    }

    fn from_wire(message: v1::TrialSpec) -> Result<Self, WireError> {
        Ok(Self {
            data: required("data", message.data)?,
            model: required("model", message.model)?,
            memory: required("memory", message.memory)?,
            settings: required("settings", message.settings)?,
        })
    }
}

/// `[memory]`.
impl Wire for MemorySpec {
    type Message = v1::MemorySpec;

    fn to_wire(&self) -> v1::MemorySpec {
        use v1::memory_spec::MicroBatch;
        let micro_batch = match self.micro_batch {
            MicroBatchPolicy::Auto => MicroBatch::Auto(true),
            MicroBatchPolicy::Off => MicroBatch::Off(true),
            MicroBatchPolicy::Fixed(examples) => MicroBatch::Fixed(examples),
        };
        v1::MemorySpec { budget_bytes: self.budget.map(|budget| budget.0), micro_batch: Some(micro_batch) }
    }

    fn from_wire(message: v1::MemorySpec) -> Result<Self, WireError> {
        use v1::memory_spec::MicroBatch;
        let micro_batch = match message.micro_batch.ok_or_else(|| missing("memory.micro_batch"))? {
            MicroBatch::Auto(_) => MicroBatchPolicy::Auto,
            MicroBatch::Off(_) => MicroBatchPolicy::Off,
            MicroBatch::Fixed(examples) => MicroBatchPolicy::Fixed(examples),
        };
        Ok(Self { budget: message.budget_bytes.map(Bytes), micro_batch })
    }
}

/// What one cell of the grid sets.
impl Wire for TrialSettings {
    type Message = v1::TrialSettings;

    fn to_wire(&self) -> v1::TrialSettings {
        let mut train = self.train.to_wire();
        train.budget = Some(self.budget.to_wire());
        v1::TrialSettings {
            batch_size: self.batch_size.get(),
            learning_rate: self.learning_rate.get(),
            seed: self.seed,
            train: Some(train),
            model: self.model.iter().map(setting_to_wire).collect(),
        }
    }

    fn from_wire(message: v1::TrialSettings) -> Result<Self, WireError> {
        let train: domain::spec::TrainSpec = required("train", message.train)?;
        let batch_size = BatchSize::try_new(message.batch_size);
        let learning_rate = LearningRate::try_new(message.learning_rate);
        Ok(Self {
            batch_size: batch_size.map_err(|error| WireError::new("batch_size", error))?,
            learning_rate: learning_rate.map_err(|error| WireError::new("learning_rate", error))?,
            seed: message.seed,
            budget: train.budget.ok_or_else(|| missing("train.epochs"))?,
            train,
            model: message.model.into_iter().map(setting_from_wire).collect::<Result<_, _>>()?,
        })
    }
}

fn setting_to_wire((key, value): &(String, Value)) -> v1::ModelSetting {
    v1::ModelSetting { key: key.clone(), value: Some(value.to_wire()) }
}

fn setting_from_wire(message: v1::ModelSetting) -> Result<(String, Value), WireError> {
    Ok((message.key, required("model", message.value)?))
}
