//! From a sweep to its trials: the product of all axes, in a fixed order, each trial with a key made of its
//! content.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// The turn of each trial, from 0, in an order in which an early look at a sweep, or at one that was interrupted, shows a coarse
/// picture of all of it: a seed's whole grid before the next seed, the middle learning rates of every batch size before those at
/// the ends, and middle batch sizes first among these.
#[must_use]
pub fn turns(trials: &[PlannedTrial]) -> Vec<usize> {
    let mut rows: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let mut seeds: HashMap<u64, usize> = HashMap::new();
    for PlannedTrial { settings, .. } in trials {
        // Positive numbers are ordered as their bits are.
        rows.entry(settings.batch_size.get()).or_default().insert(settings.learning_rate.get().to_bits());
        let next = seeds.len();
        seeds.entry(settings.seed).or_insert(next);
    }
    let from_middle = |place: usize, count: usize| (2 * place + 1).abs_diff(count);
    let mut cells: HashMap<(u64, u64), (usize, usize)> = HashMap::new();
    for (row, (size, rates)) in rows.iter().enumerate() {
        for (place, rate) in rates.iter().enumerate() {
            let distances = (from_middle(place, rates.len()), from_middle(row, rows.len()));
            cells.insert((*size, *rate), distances);
        }
    }
    let rank = |place: usize| {
        let TrialSettings { batch_size, learning_rate, seed, .. } = &trials[place].settings;
        (seeds.get(seed), cells.get(&(batch_size.get(), learning_rate.get().to_bits())), place)
    };
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_cached_key(|&place| rank(place));
    let mut turns = vec![0; trials.len()];
    for (turn, place) in order.into_iter().enumerate() {
        turns[place] = turn;
    }
    turns
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
