//! The axes of `[grid]`, each for itself: whether its values can be read, are in range, and differ.

use super::{Issues, check_train};
use crate::spec::{
    BatchSizeAxis, GridSpec, LearningRateAxis, ModelAxis, ModelSetError, ModelSpec, SpecIssue, SweepSpec,
    TrainAxis, TrainSpec,
};
use crate::units::{BatchSize, LearningRate, OutOfRange};

const BATCH_SIZE: &str = "grid.batch_size";
const LEARNING_RATE: &str = "grid.learning_rate";

pub(super) fn check(grid: &GridSpec, model: &ModelSpec, found: &mut Issues) {
    let before = found.0.len();
    check_batch_sizes(&grid.batch_size, found);
    check_learning_rates(&grid.learning_rate, found);
    if found.0.len() == before {
        check_rates_of_each_batch_size(grid, found);
    }
    check_seeds(&grid.seed, found);
    for axis in &grid.train {
        check_train_axis(axis, found);
    }
    if grid.model.len() > MOST_MODEL_AXES {
        let message = format!("{} axes of the model are too many", grid.model.len());
        found.add("grid.model", message, Some(&format!("{MOST_MODEL_AXES} are allowed")));
    }
    for axis in &grid.model {
        check_model_axis(axis, model, found);
    }
    found.add_repeats("grid.model", &grid.model.iter().map(|axis| &axis.key).collect::<Vec<_>>());
}

const MOST_MODEL_AXES: usize = 16;

fn check_batch_sizes(axis: &BatchSizeAxis, found: &mut Issues) {
    match axis {
        BatchSizeAxis::List(values) => {
            if values.is_empty() {
                found.add_empty(BATCH_SIZE);
            }
            for (index, &value) in values.iter().enumerate() {
                if let Err(error) = BatchSize::try_new(value) {
                    found.add(format!("{BATCH_SIZE}[{index}]"), error.to_string(), None);
                }
            }
            found.add_repeats(BATCH_SIZE, values);
        }
        &BatchSizeAxis::Geometric { from, to, factor } => {
            if factor < 2 {
                let message = format!("a factor of {factor} never gets from {from} to {to}");
                found.add(format!("{BATCH_SIZE}.factor"), message, Some("use a factor of at least 2"));
            }
            if from > to {
                let message = format!("{to} is below `from` = {from}");
                found.add(format!("{BATCH_SIZE}.to"), message, Some("swap them"));
            }
            // The bounds speak for all values between them.
            for (key, value) in [("from", from), ("to", to)] {
                if let Err(error) = BatchSize::try_new(value) {
                    found.add(format!("{BATCH_SIZE}.{key}"), error.to_string(), None);
                }
            }
        }
    }
}

fn check_learning_rates(axis: &LearningRateAxis, found: &mut Issues) {
    let mut positive = |path: String, value: f64| {
        if let Err(error) = LearningRate::try_new(value) {
            found.add(path, error.to_string(), None);
        }
    };
    match axis {
        LearningRateAxis::List(values) => {
            for (index, &value) in values.iter().enumerate() {
                positive(format!("{LEARNING_RATE}[{index}]"), value);
            }
            if values.is_empty() {
                found.add_empty(LEARNING_RATE);
            }
            found.add_repeats(LEARNING_RATE, values);
        }
        LearningRateAxis::LogSpaced { from, to, count } => {
            positive(format!("{LEARNING_RATE}.from"), *from);
            positive(format!("{LEARNING_RATE}.to"), *to);
            let single = Some("use at least 2; a single value is written [0.1]");
            if *count < 2 || *count > SweepSpec::MAX_TRIALS {
                let message = format!("a count of {count} does not make an axis");
                found.add(format!("{LEARNING_RATE}.count"), message, single);
            }
            if from == to {
                found.add(format!("{LEARNING_RATE}.to"), "`from` and `to` are equal", single);
            }
        }
        LearningRateAxis::Scaled { base, at, times, .. } => {
            positive(format!("{LEARNING_RATE}.base"), *base);
            for (index, &value) in times.iter().enumerate() {
                positive(format!("{LEARNING_RATE}.times[{index}]"), value);
            }
            if times.is_empty() {
                found.add_empty(&format!("{LEARNING_RATE}.times"));
            }
            if let Err(error) = BatchSize::try_new(*at) {
                found.add(format!("{LEARNING_RATE}.at"), error.to_string(), None);
            }
            found.add_repeats(&format!("{LEARNING_RATE}.times"), times);
        }
    }
}

/// Learning rates as the trials of a batch size have them, scaled and rounded: in range, and different. The first fault is
/// named, not the same one at every batch size.
fn check_rates_of_each_batch_size(grid: &GridSpec, found: &mut Issues) {
    for size in grid.batch_size.values() {
        let Ok(batch_size) = BatchSize::try_new(size) else { continue };
        let values =
            (0..grid.learning_rate.len()).filter_map(|index| grid.learning_rate.value_at(batch_size, index));
        let mut before: Vec<f64> = Vec::new();
        for value in values {
            if let Err(OutOfRange { rule, found: text, .. }) = LearningRate::try_new(value) {
                let message = format!("the learning rate of batch size {size} must be {rule}, not {text}");
                return found.add(
                    LEARNING_RATE,
                    message,
                    Some("bring `base`, `at` and `times` closer together"),
                );
            }
            before.push(value);
        }
        before.sort_by(f64::total_cmp);
        if let Some(pair) = before.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!(
                "two learning rates of batch size {size} are both {} (6 significant digits), so the same trial would \
                 run twice",
                pair[0]
            );
            return found.add(LEARNING_RATE, message, Some("space them further apart, or ask for fewer"));
        }
    }
}

fn check_seeds(seeds: &[u64], found: &mut Issues) {
    if seeds.is_empty() {
        found.add_empty("grid.seed");
    }
    found.add_repeats("grid.seed", seeds);
    for (index, seed) in seeds.iter().enumerate() {
        if i64::try_from(*seed).is_err() {
            found.add(format!("grid.seed[{index}]"), "the seed is over 2^63 - 1", None);
        }
    }
}

fn check_train_axis(axis: &TrainAxis, found: &mut Issues) {
    let path = format!("grid.{}", axis.key.word());
    if axis.values.is_empty() {
        found.add_empty(&path);
    }
    let mut before: Vec<TrainSpec> = Vec::new();
    for (index, value) in axis.values.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut train = TrainSpec::default();
        match train.set(axis.key, value) {
            Err(error) => found.add(path, error.to_string(), None),
            // By what it sets, not by how it is written: 0 and 0.0 are one value.
            Ok(()) if before.contains(&train) => found.add_repeat(path, value),
            Ok(()) => {
                check_value(&path, &train, found);
                before.push(train);
            }
        }
    }
}

fn check_model_axis(axis: &ModelAxis, model: &ModelSpec, found: &mut Issues) {
    let path = format!("grid.{}", axis.name());
    if axis.values.is_empty() {
        found.add_empty(&path);
    }
    let mut before: Vec<ModelSpec> = Vec::new();
    for (index, value) in axis.values.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut model = model.clone();
        match model.set(&axis.key, value) {
            // A key that is none is so for every value.
            Err(error @ ModelSetError::NoSuchKey { .. }) => {
                return found.add(format!("grid.{}", axis.name()), error.to_string(), None);
            }
            Err(error) => found.add(path, error.to_string(), None),
            Ok(()) if before.contains(&model) => found.add_repeat(path, value),
            Ok(()) => {
                let mut inner = Issues::default();
                super::model::check(&model, &mut inner);
                let of_key = format!("model.{}", axis.key);
                let of_argument = format!("model.arguments.{}", axis.key);
                let own =
                    inner.0.into_iter().filter(|issue| issue.path == of_key || issue.path == of_argument);
                found.0.extend(own.map(|issue| SpecIssue { path: path.clone(), ..issue }));
                before.push(model);
            }
        }
    }
}

/// Checks one value of an axis by the rules of `[train]`, reported at the value's own place.
fn check_value(path: &str, train: &TrainSpec, found: &mut Issues) {
    let mut inner = Issues::default();
    check_train("train", train, &mut inner);
    found.0.extend(inner.0.into_iter().map(|issue| SpecIssue { path: path.to_owned(), ..issue }));
}
