//! What a storm's cluster works on.

use std::ops::Range;

use domain::spec::{
    BatchSizeAxis, Budget, DataSource, DataSpec, GridSpec, Labels, LearningRateAxis, MemorySpec,
    MicroBatchPolicy, MlpModel, ModelSpec, Normalize, SearchSpec, SweepDraft, SyntheticData, TrainSpec,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Nothing is trained: the test's own trainers tell numbers that follow from the trial alone.
    Numbers,
    /// libtorch trains. Every submission is the same sweep.
    Training,
}

impl Work {
    /// Trials in one submission.
    pub fn trials(self) -> u64 {
        match self {
            Self::Numbers => 8,
            Self::Training => 4,
        }
    }

    /// The submission after so many trials.
    pub fn draft(self, submitted: u64) -> SweepDraft {
        match self {
            Self::Numbers => {
                let numbers =
                    draft(ModelSpec::Linear, 2, Budget::Epochs(1), submitted..submitted + self.trials());
                // Every other one has a search, which asks for all of its trials, one after another.
                let is_searched = (submitted / self.trials()) % 2 == 1;
                let max_trials = is_searched.then(|| self.trials());
                SweepDraft { search: SearchSpec { max_trials, ..SearchSpec::default() }, ..numbers }
            }
            // Long enough to be hit in the middle.
            Self::Training => draft(
                ModelSpec::Mlp(MlpModel { hidden: vec![64], ..MlpModel::default() }),
                64,
                Budget::Steps(10_000),
                0..self.trials(),
            ),
        }
    }
}

fn draft(model: ModelSpec, features: u64, budget: Budget, seeds: Range<u64>) -> SweepDraft {
    SweepDraft {
        name: None,
        data: DataSpec {
            source: DataSource::Synthetic(SyntheticData {
                examples: 1_000,
                features: vec![features],
                classes: 2,
                labels: Labels::Random,
                seed: None,
            }),
            validation: 0,
            limit: None,
            normalize: Normalize::None,
        },
        model,
        grid: GridSpec {
            // A batch of one cannot be split: a trial whose trainer was killed by signal 9 gets smaller micro-batches next time,
            // which would change the last bits.
            batch_size: BatchSizeAxis::List(vec![1]),
            learning_rate: LearningRateAxis::List(vec![0.01]),
            train: Vec::new(),
            model: Vec::new(),
            seed: seeds.collect(),
        },
        train: TrainSpec { budget: Some(budget), ..TrainSpec::default() },
        memory: MemorySpec { budget: None, micro_batch: MicroBatchPolicy::Auto },
        search: SearchSpec::default(),
    }
}
