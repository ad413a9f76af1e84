//! From a sweep to its trials: the product of all axes, in a fixed order, each trial with a key made of its
//! content.

use sha2::{Digest, Sha256};

use crate::spec::{GridSpec, SweepSpec, TrainAxis, TrialSettings, TrialSpec, Value};
use crate::units::{BatchSize, LearningRate};

/// One cell of the grid, with its place and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTrial {
    /// Its place in the grid's order, from 0.
    pub index: u64,
    /// 32 hex digits of the SHA-256 of its parameters: within a sweep, equal key, equal trial.
    pub key: String,
    /// What the worker is told.
    pub settings: TrialSettings,
    /// The value of every axis, in the grid's order.
    pub parameters: Vec<(&'static str, Value)>,
}

impl PlannedTrial {
    /// The trial as a worker needs it.
    #[must_use]
    pub fn spec(&self, sweep: &SweepSpec) -> TrialSpec {
        TrialSpec {
            data: sweep.data.clone(),
            model: sweep.model.clone(),
            memory: sweep.memory,
            settings: self.settings.clone(),
        }
    }
}

/// How many trials a grid holds; `None` past 2^64. Needs no expansion, so it is safe on any input.
#[must_use]
pub fn trial_count(grid: &GridSpec) -> Option<u64> {
    let others = grid.train.iter().map(|axis| axis.values.len() as u64);
    others
        .chain([grid.batch_size.values().len() as u64, grid.seed.len() as u64, grid.learning_rate.len()])
        .try_fold(1u64, u64::checked_mul)
}

/// All trials of a sweep: batch size counts slowest, then learning rate, the `[train]` axes in file order, and
/// seed fastest, so that repeats of a cell stand together.
#[must_use]
pub fn expand(sweep: &SweepSpec) -> Vec<PlannedTrial> {
    let mut trials = Vec::new();
    let batch_sizes = sweep.grid.batch_size.values();
    for batch_size in batch_sizes.into_iter().filter_map(|size| BatchSize::try_new(size).ok()) {
        for index in 0..sweep.grid.learning_rate.len() {
            let learning_rate = sweep.grid.learning_rate.value_at(batch_size, index);
            let Some(learning_rate) = learning_rate.and_then(|value| LearningRate::try_new(value).ok())
            else {
                continue;
            };
            for combination in product(&sweep.grid.train) {
                for &seed in &sweep.grid.seed {
                    trials.extend(trial(sweep, trials.len(), batch_size, learning_rate, &combination, seed));
                }
            }
        }
    }
    trials
}

/// One trial. `None` cannot happen for a checked sweep: each axis value was tried by the check.
fn trial(
    sweep: &SweepSpec,
    index: usize,
    batch_size: BatchSize,
    learning_rate: LearningRate,
    combination: &[(&TrainAxis, &Value)],
    seed: u64,
) -> Option<PlannedTrial> {
    let mut train = sweep.train.clone();
    for (axis, value) in combination {
        train.set(axis.key, value).ok()?;
    }
    let settings = TrialSettings { batch_size, learning_rate, seed, budget: train.budget?, train };
    let first = [
        ("batch_size", Value::Integer(i64::try_from(batch_size.get()).ok()?)),
        ("learning_rate", Value::Number(learning_rate.get())),
    ];
    let others = combination.iter().map(|(axis, value)| (axis.key.word(), (*value).clone()));
    let seed = ("seed", Value::Integer(i64::try_from(seed).ok()?));
    let parameters: Vec<_> = first.into_iter().chain(others).chain([seed]).collect();
    Some(PlannedTrial { index: index as u64, key: key(&parameters), settings, parameters })
}

/// Every combination of the `[train]` axes, the last axis fastest; one empty combination when there is none.
fn product(axes: &[TrainAxis]) -> Vec<Vec<(&TrainAxis, &Value)>> {
    axes.iter().fold(vec![Vec::new()], |combinations, axis| {
        combinations
            .iter()
            .flat_map(|head| {
                axis.values.iter().map(move |value| head.iter().copied().chain([(axis, value)]).collect())
            })
            .collect()
    })
}

/// Everything else is the same for all trials of a sweep. Numbers are written in their shortest exact form.
fn key(parameters: &[(&'static str, Value)]) -> String {
    let words = parameters.iter().map(|(name, value)| match value {
        // Written as an integer where it is one: `0` and `0.0` are the same momentum.
        Value::Number(number) => format!("{name}={number}"),
        other => format!("{name}={other}"),
    });
    let words: Vec<_> = words.collect();
    Sha256::digest(words.join(" ")).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
