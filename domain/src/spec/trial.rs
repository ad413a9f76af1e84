//! One cell of the grid: everything a worker needs to train it.

use super::{Budget, DataSpec, MemorySpec, ModelSpec, TrainSpec, Value};
use crate::units::{BatchSize, LearningRate};

/// A trial, complete: what the sweep shares and what this cell sets.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSpec {
    /// Where the examples come from.
    pub data: DataSpec,
    /// What is trained.
    pub model: ModelSpec,
    /// How much memory it may take.
    pub memory: MemorySpec,
    /// What this cell of the grid sets.
    pub settings: TrialSettings,
}

impl TrialSpec {
    /// A cell of a sweep: what all share, and what this one sets, also of the model.
    #[must_use]
    pub fn new(data: DataSpec, model: ModelSpec, memory: MemorySpec, settings: TrialSettings) -> Self {
        Self { data, model: model.with(&settings.model), memory, settings }
    }

    /// Whether training it runs code that its user wrote.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        self.model.runs_code() || self.data.source.runs_code()
    }
}

/// What one cell of the grid sets. Every value is checked: it comes from a [`super::SweepSpec`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSettings {
    /// Examples an optimizer step.
    pub batch_size: BatchSize,
    /// The learning rate at its full height, before schedule and warm-up.
    pub learning_rate: LearningRate,
    /// Seeds initial weights, data order and (unless the data has its own seed) synthetic data.
    pub seed: u64,
    /// How long it trains.
    pub budget: Budget,
    /// Everything else; its `budget` is the one above.
    pub train: TrainSpec,
    /// Keys of `[model]` that it sets.
    pub model: Vec<(String, Value)>,
}

impl TrialSettings {
    /// Examples that one optimizer step averages over where there are `train_examples` in all: a batch never holds an example
    /// twice, so it is at most as large as the training set.
    #[must_use]
    pub fn effective_batch_size(&self, train_examples: u64) -> u64 {
        self.batch_size.get().min(train_examples)
    }

    /// Batches in one pass over `examples` training examples.
    #[must_use]
    pub fn steps_per_epoch(&self, examples: u64) -> u64 {
        let size = self.batch_size.get();
        if self.train.drop_last { examples / size } else { examples.div_ceil(size) }
    }

    /// Optimizer steps of the whole trial on `examples` training examples. 0 where `drop_last` leaves no batch.
    #[must_use]
    pub fn total_steps(&self, examples: u64) -> u64 {
        let per_epoch = self.steps_per_epoch(examples);
        match self.budget {
            _ if per_epoch == 0 => 0,
            Budget::Epochs(epochs) => epochs.saturating_mul(per_epoch),
            Budget::Steps(steps) => steps,
            Budget::Examples(wanted) => {
                let size = self.effective_batch_size(examples);
                let seen_per_epoch = if self.train.drop_last { per_epoch * size } else { examples };
                let (epochs, rest) = (wanted / seen_per_epoch, wanted % seen_per_epoch);
                epochs.saturating_mul(per_epoch).saturating_add(rest.div_ceil(size))
            }
        }
    }
}
