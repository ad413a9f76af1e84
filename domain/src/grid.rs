//! From a sweep to its trials: the product of all axes, in a fixed order, each trial with a key made of its
//! content.

use sha2::{Digest, Sha256};

use crate::spec::{Axis, GridSpec, SweepDraft, SweepSpec, TrialSettings, TrialSpec, Value};
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
    pub parameters: Vec<(String, Value)>,
}

impl PlannedTrial {
    /// The trial as a worker needs it.
    #[must_use]
    pub fn spec(&self, sweep: &SweepDraft) -> TrialSpec {
        TrialSpec::new(sweep.data.clone(), sweep.model.clone(), sweep.memory, self.settings.clone())
    }
}

/// All trials of a sweep: seed counts slowest, then batch size, learning rate, and the axes of `[train]` and `[model]`. So the
/// first seed's whole grid comes before any repeat, and an early look at a sweep sees all of its learning rates.
#[must_use]
pub fn expand(sweep: &SweepSpec) -> Vec<PlannedTrial> {
    let cells = cells(&sweep.grid);
    let combinations = sweep.grid.combinations();
    let mut trials = Vec::with_capacity(sweep.grid.seed.len() * cells.len() * combinations.len());
    for &seed in &sweep.grid.seed {
        for &cell in &cells {
            for combination in &combinations {
                trials.extend(trial(sweep, trials.len() as u64, cell, combination, seed));
            }
        }
    }
    trials
}

/// Batch sizes and the learning rates of each. What the check refuses is left out.
fn cells(grid: &GridSpec) -> Vec<(BatchSize, LearningRate)> {
    let batch_sizes = grid.batch_size.values().into_iter().filter_map(|size| BatchSize::try_new(size).ok());
    let rates = |batch_size| {
        let values = (0..grid.learning_rate.len())
            .filter_map(move |index| grid.learning_rate.value_at(batch_size, index));
        values.filter_map(move |value| Some((batch_size, LearningRate::try_new(value).ok()?)))
    };
    batch_sizes.flat_map(rates).collect()
}

/// One trial. `None` cannot happen for a checked sweep: each axis value was tried by the check.
pub(crate) fn trial(
    sweep: &SweepDraft,
    index: u64,
    (batch_size, learning_rate): (BatchSize, LearningRate),
    combination: &[(Axis<'_>, &Value)],
    seed: u64,
) -> Option<PlannedTrial> {
    let mut train = sweep.train.clone();
    let mut model = Vec::new();
    for (axis, value) in combination {
        match axis {
            Axis::Train(axis) => train.set(axis.key, value).ok()?,
            Axis::Model(axis) => model.push((axis.key.clone(), (*value).clone())),
        }
    }
    let settings = TrialSettings { batch_size, learning_rate, seed, budget: train.budget?, train, model };
    let first = [
        ("batch_size", Value::Integer(i64::try_from(batch_size.get()).ok()?)),
        ("learning_rate", Value::Number(learning_rate.get())),
    ];
    let first = first.into_iter().map(|(name, value)| (name.to_owned(), value));
    let others = combination.iter().map(|(axis, value)| (axis.name(), (*value).clone()));
    let seed = ("seed".to_owned(), Value::Integer(i64::try_from(seed).ok()?));
    let parameters: Vec<_> = first.chain(others).chain([seed]).collect();
    Some(PlannedTrial { index, key: key(&parameters), settings, parameters })
}

/// Everything else is the same for all trials of a sweep. Numbers are written in their shortest exact form.
fn key(parameters: &[(String, Value)]) -> String {
    let words = parameters.iter().map(|(name, value)| match value {
        // Written as an integer where it is one: `0` and `0.0` are the same momentum.
        Value::Number(number) => format!("{name}={number}"),
        other => format!("{name}={other}"),
    });
    let words: Vec<_> = words.collect();
    Sha256::digest(words.join(" ")).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
