//! What equal budgets and equal settings hide.

use std::collections::BTreeSet;

use super::Warning;
use crate::analysis::facts::Facts;
use crate::analysis::words;
use crate::spec::{OptimizerKind, ScheduleKind, TrainSpec};

/// W3: a batch larger than the training set, or one that does not divide it.
pub(super) fn ragged_batches(facts: &Facts<'_>) -> Option<Warning> {
    let mut larger = BTreeSet::new();
    let mut ragged = BTreeSet::new();
    let mut examples = 0;
    for trial in facts.trained() {
        let Some((all, epochs)) = trial.train_examples().zip(trial.epochs) else { continue };
        examples = all;
        if trial.batch_size > examples {
            larger.insert(trial.batch_size);
        } else if epochs >= 1.0 && examples % trial.batch_size != 0 {
            // A trial that ended within its first epoch never came to the last batch.
            ragged.insert((trial.batch_size, examples % trial.batch_size));
        }
    }
    let drops = facts.train.is_some_and(|train| train.drop_last);
    let larger: Vec<_> = larger
        .iter()
        .map(|size| {
            format!("batch size {size} is larger than the {examples} training examples, so each step saw {examples}")
        })
        .collect();
    let ragged = (!ragged.is_empty()).then(|| {
        let parts: Vec<_> = ragged
            .iter()
            .map(|(size, rest)| {
                if drops {
                    format!("{rest} at batch size {size}")
                } else {
                    format!("{rest} examples instead of {size}")
                }
            })
            .collect();
        if drops {
            format!("`drop_last` left examples out of each epoch: {}", parts.join(", "))
        } else {
            format!("the last batch of an epoch held {}, a noisier step", parts.join(", "))
        }
    });
    let parts: Vec<_> = larger.into_iter().chain(ragged).collect();
    (!parts.is_empty()).then(|| Warning::new("W3", words::sentence(&parts.join("; "))))
}

/// W4: equal epochs, unequal updates.
pub(super) fn unequal_updates(facts: &Facts<'_>) -> Option<Warning> {
    let epochs = facts.trained().filter_map(|trial| trial.epochs);
    let (shortest, longest) = (epochs.clone().fold(f64::MAX, f64::min), epochs.fold(0.0, f64::max));
    let most = facts.trained().max_by_key(|trial| trial.steps)?;
    let fewest = facts.trained().min_by_key(|trial| trial.steps)?;
    let (many, few) = most.steps.zip(fewest.steps)?;
    // Up to a ragged last batch, equal epochs; and enough of a difference in updates to matter.
    if longest > 1.05 * shortest || many < 2 * few {
        return None;
    }
    Some(Warning::new(
        "W4",
        format!(
            "Trials were compared after equal epochs: batch size {} made {few} updates, batch size {} made {many}. To \
             compare them per update, set `steps` instead of `epochs`.",
            fewest.batch_size, most.batch_size
        ),
    ))
}

/// W11: what an optimizer remembers is counted in steps, so it grows with the batch when counted in examples. With `m` the decay
/// of a step, half is forgotten after `ln 0.5 / ln m` steps; to keep that constant in examples, `m' = m^(B'/B)` (Marek et al.
/// 2025).
pub(super) fn memory_in_steps(facts: &Facts<'_>) -> Option<Warning> {
    let train = facts.train?;
    let sizes = facts.batch_sizes();
    let (&smallest, &largest) = sizes.first().zip(sizes.last())?;
    if largest < 4 * smallest {
        return None;
    }
    let (name, decay) = remembered(train)?;
    let steps = 0.5f64.ln() / decay.ln();
    let examples = |size: u64| words::about(steps * size as f64);
    Some(Warning::new(
        "W11",
        format!(
            "`{name} = {}` forgets half within {} steps at every batch size: that is {} examples at batch size {smallest} and {} at \
             {largest}. To compare at equal memory, give batch size {largest} {}.",
            words::exact(decay),
            words::about(steps),
            examples(smallest),
            examples(largest),
            words::about(decay.powf(largest as f64 / smallest as f64)),
        ),
    ))
}

/// The slowest decay that the optimizer keeps.
fn remembered(train: &TrainSpec) -> Option<(&'static str, f64)> {
    let decay = match train.optimizer {
        OptimizerKind::Sgd => ("momentum", train.momentum),
        OptimizerKind::Adam | OptimizerKind::AdamW | OptimizerKind::RmsProp => ("beta2", train.beta2()),
    };
    (decay.1 > 0.0 && decay.1 < 1.0).then_some(decay)
}

/// W12: a warm-up of so many steps is a large share of a large batch's few steps; and a decayed learning rate fits its own end
/// only.
pub(super) fn warm_up_and_decay(facts: &Facts<'_>) -> Option<Warning> {
    let train = facts.train?;
    let share = |steps: u64| train.warmup_steps as f64 / steps as f64;
    let fewest = facts.trained().min_by_key(|trial| trial.steps)?;
    let most = facts.trained().max_by_key(|trial| trial.steps)?;
    let (few, many) = fewest.steps.zip(most.steps)?;
    if train.warmup_steps > 0 && share(few) > 0.2 && share(few) >= 4.0 * share(many) {
        return Some(Warning::new(
            "W12",
            format!(
                "The warm-up of {} steps is {:.0} % of the {few} steps of batch size {} and {:.0} % of the {many} of batch size {}. \
                 Make `warmup_steps` an axis, or shorten it.",
                train.warmup_steps,
                100.0 * share(few).min(1.0),
                fewest.batch_size,
                100.0 * share(many),
                most.batch_size
            ),
        ));
    }
    let met = facts.trained().any(|trial| trial.steps_to_target.is_some());
    (train.schedule != ScheduleKind::Constant && met).then(|| {
        Warning::new(
            "W12",
            format!(
                "Steps to the target were read off runs whose learning rate decays (`schedule = \"{}\"`) over their whole \
                 budget: with a shorter budget it would fall sooner and the target be met earlier. Use a constant \
                 schedule, or tune the budget too.",
                train.schedule.word()
            ),
        )
    })
}

/// W19: repeats that are not paired, or examples in file order.
pub(super) fn order_of_the_data(facts: &Facts<'_>) -> Option<Warning> {
    let seeds = |size: u64| -> BTreeSet<u64> {
        facts.trained().filter(|trial| trial.batch_size == size).map(|trial| trial.seed).collect()
    };
    let sizes = facts.batch_sizes();
    if facts.train.is_some_and(|train| !train.shuffle) && sizes.len() > 1 {
        return Some(Warning::new(
            "W19",
            "Examples came in file order (`shuffle = false`), every epoch: if the file is sorted, a small batch sees one class \
             at a time and a large one does not. Shuffle before comparing batch sizes.",
        ));
    }
    let trained: Vec<_> =
        sizes.into_iter().map(|size| (size, seeds(size))).filter(|(_, seeds)| !seeds.is_empty()).collect();
    let (first, own) = trained.first()?;
    let (other, theirs) = trained.iter().find(|(_, seeds)| seeds != own)?;
    (!facts.is_open()).then(|| {
        Warning::new(
            "W19",
            format!(
                "Repeats are not paired: batch size {first} has seeds {}, batch size {other} has {}. Run the same seeds \
                 everywhere.",
                words::list(own),
                words::list(theirs)
            ),
        )
    })
}
