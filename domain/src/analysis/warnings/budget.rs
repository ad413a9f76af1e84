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
    let (fewest, most) = facts.unequal_updates()?;
    let (few, many) = fewest.steps.zip(most.steps)?;
    Some(Warning::new(
        "W4",
        format!(
            "Trials were compared after equal epochs: batch size {} made {few} updates, batch size {} made \
             {many}. To compare them per update, set `steps` instead of `epochs`.",
            fewest.batch_size, most.batch_size
        ),
    ))
}

/// W11: what an optimizer remembers is counted in steps, so it grows with the batch when counted in examples. With
/// `m` the decay of a step, half is forgotten after `ln 0.5 / ln m` steps; to keep that constant in examples, `m' =
/// m^(B'/B)` (Marek et al. 2025).
pub(super) fn memory_in_steps(facts: &Facts<'_>) -> Option<Warning> {
    let train = facts.train?;
    let sizes = || facts.trained().map(|trial| trial.batch_size);
    let (smallest, largest) = sizes().min().zip(sizes().max())?;
    if largest < 4 * smallest {
        return None;
    }
    let (name, decay) = remembered(train)?;
    let steps = 0.5f64.ln() / decay.ln();
    let examples = |size: u64| words::about(steps * size as f64);
    let kept = match decay.powf(largest as f64 / smallest as f64) {
        nothing if nothing < 0.01 => "none of it".to_owned(),
        kept => words::about(kept),
    };
    Some(Warning::new(
        "W11",
        format!(
            "`{name} = {}` forgets half within {} steps at every batch size: that is {} examples at batch \
             size {smallest} and {} at {largest}. To compare at equal memory, give batch size {largest} {}.",
            words::exact(decay),
            words::about(steps),
            examples(smallest),
            examples(largest),
            kept,
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

/// Of W12: trials that ended within their warm-up were never trained with their learning rate.
fn never_warm(facts: &Facts<'_>, warmup_steps: u64, fewest: u64) -> Warning {
    let cold = || facts.trained().filter(|trial| trial.steps.is_some_and(|steps| steps < warmup_steps));
    let most = cold().filter_map(|trial| trial.steps).max().unwrap_or(fewest);
    let steps = if most == fewest { fewest.to_string() } else { format!("{fewest} to {most}") };
    let mut rates: Vec<f64> = cold().map(|trial| trial.learning_rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let reached = match rates.as_slice() {
        [only] => format!("learning rate {} was", words::exact(*only)),
        [first, _, .., last] if rates.len() > 3 => {
            format!("learning rates {} to {} were", words::exact(*first), words::exact(*last))
        }
        few => format!("learning rates {} were", words::list(few.iter().copied().map(words::exact))),
    };
    Warning::new(
        "W12",
        format!(
            "The warm-up of {warmup_steps} steps is longer than the {steps} steps of {}: {reached} never reached. \
             Shorten `warmup_steps`, or train longer.",
            words::count(cold().count(), "trial"),
        ),
    )
}

/// W12: a warm-up of so many steps is a large share of a large batch's few steps; and a decayed learning rate fits
/// its own end only.
pub(super) fn warm_up_and_decay(facts: &Facts<'_>) -> Option<Warning> {
    let train = facts.train?;
    let share = |steps: u64| train.warmup_steps as f64 / steps as f64;
    let fewest = facts.trained().min_by_key(|trial| trial.steps)?;
    let most = facts.trained().max_by_key(|trial| trial.steps)?;
    let (few, many) = fewest.steps.zip(most.steps)?;
    if train.warmup_steps > few {
        return Some(never_warm(facts, train.warmup_steps, few));
    }
    if train.warmup_steps > 0 && share(few) > 0.2 && share(few) >= 4.0 * share(many) {
        return Some(Warning::new(
            "W12",
            format!(
                "The warm-up of {} steps is {:.0} % of the {few} steps of batch size {} and {:.0} % of the \
                 {many} of batch size {}. Make `warmup_steps` an axis, or shorten it.",
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
                "Steps to the target were read off runs whose learning rate decays (`schedule = \"{}\"`) \
                 over their whole budget: with a shorter budget it would fall sooner and the target be met \
                 earlier. Use a constant schedule, or tune the budget too.",
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
            "Examples came in file order (`shuffle = false`), every epoch: if the file is sorted, a small \
             batch sees one class at a time and a large one does not. Shuffle before comparing batch sizes.",
        ));
    }
    let trained: Vec<_> =
        sizes.into_iter().map(|size| (size, seeds(size))).filter(|(_, seeds)| !seeds.is_empty()).collect();
    let (first, own) = trained.first()?;
    let (other, theirs) = trained.iter().find(|(_, seeds)| seeds != own)?;
    // A search gives repeats where they decide something.
    (!facts.is_open() && !facts.is_searched()).then(|| {
        Warning::new(
            "W19",
            format!(
                "Repeats are not paired: batch size {first} has seeds {}, batch size {other} has {}. Run the \
                 same seeds everywhere.",
                words::list(own),
                words::list(theirs)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ids, told, trained};
    use super::*;
    use crate::analysis::TrialRecord;
    use crate::lifecycle::TrialStatus;

    #[test]
    fn a_batch_that_does_not_divide_the_data_is_told() {
        let message = told("W3", &[trained(32, 0.1, 0.5)], None).unwrap();
        assert_eq!(message, "The last batch of an epoch held 8 examples instead of 32, a noisier step.");
        let train = TrainSpec { drop_last: true, ..TrainSpec::default() };
        let message = told("W3", &[trained(32, 0.1, 0.5)], Some(&train)).unwrap();
        assert_eq!(message, "`drop_last` left examples out of each epoch: 8 at batch size 32.");
        assert_eq!(told("W3", &[trained(50, 0.1, 0.5)], None), None);
    }

    #[test]
    fn a_ragged_batch_that_was_never_reached_is_not_told() {
        let cut_short = |batch_size: u64| TrialRecord {
            steps: Some(12),
            examples: Some(12 * batch_size),
            epochs: Some(12.0 * batch_size as f64 / 6001.0),
            ..trained(batch_size, 0.05, 2.3)
        };
        assert_eq!(ids(&[cut_short(32), cut_short(64)]), ["W1"]);
    }

    #[test]
    fn equal_epochs_are_unequal_updates_and_equal_steps_are_not() {
        assert!(
            told("W4", &[trained(10, 0.1, 0.5), trained(50, 0.1, 0.5)], None)
                .unwrap()
                .contains("made 60 updates")
        );
        let equal_steps = |size: u64| TrialRecord {
            steps: Some(100),
            examples: Some(100 * size),
            epochs: Some(size as f64 / 10.0),
            ..trained(size, 0.1, 0.5)
        };
        assert_eq!(told("W4", &[equal_steps(10), equal_steps(50)], None), None);
        assert_eq!(told("W4", &[trained(10, 0.1, 0.5), trained(10, 0.2, 0.5)], None), None);
    }

    #[test]
    fn momentum_remembers_more_examples_at_larger_batches() {
        let momentum = TrainSpec { momentum: 0.9, ..TrainSpec::default() };
        let wide = [trained(10, 0.1, 0.5), trained(100, 0.1, 0.5)];
        let message = told("W11", &wide, Some(&momentum)).unwrap();
        // ln 0.5 / ln 0.9 = 6.58; 0.9^10 = 0.349.
        assert!(
            message.contains("half within 6.58 steps") && message.contains("give batch size 100 0.349"),
            "{message}"
        );
        assert_eq!(told("W11", &wide, Some(&TrainSpec::default())), None, "plain SGD remembers nothing");
        assert_eq!(told("W11", &[trained(10, 0.1, 0.5), trained(20, 0.1, 0.5)], Some(&momentum)), None);
        let adam = TrainSpec { optimizer: OptimizerKind::Adam, ..TrainSpec::default() };
        assert!(told("W11", &wide, Some(&adam)).unwrap().contains("`beta2 = 0.999`"));
    }

    #[test]
    fn a_warm_up_that_eats_the_few_steps_of_a_large_batch_is_told() {
        let train = |warmup_steps| TrainSpec { warmup_steps, ..TrainSpec::default() };
        let trials = [trained(10, 0.1, 0.5), trained(500, 0.1, 0.5)];
        let message = told("W12", &trials, Some(&train(3))).unwrap();
        assert!(message.contains("50 % of the 6 steps of batch size 500 and 1 % of the 300"), "{message}");
        assert_eq!(told("W12", &trials, Some(&train(1))), None);
        assert_eq!(told("W12", &trials, Some(&train(0))), None);
    }

    #[test]
    fn a_warm_up_longer_than_the_training_means_that_no_learning_rate_was_reached() {
        let train = TrainSpec { warmup_steps: 5000, ..TrainSpec::default() };
        let message = told("W12", &[trained(500, 0.1, 0.5), trained(500, 1.0, 0.5)], Some(&train)).unwrap();
        assert_eq!(
            message,
            "The warm-up of 5000 steps is longer than the 6 steps of 2 trials: learning rates 0.1 and 1 were never \
             reached. Shorten `warmup_steps`, or train longer."
        );
    }

    #[test]
    fn steps_to_a_target_under_a_decaying_rate_belong_to_their_budget() {
        let met = super::super::fixture::met(10, Some(30));
        let train = |schedule| TrainSpec { schedule, ..TrainSpec::default() };
        let decayed = told("W12", std::slice::from_ref(&met), Some(&train(ScheduleKind::Cosine))).unwrap();
        assert!(decayed.contains("\"cosine\""), "{decayed}");
        assert_eq!(told("W12", &[met], Some(&train(ScheduleKind::Constant))), None);
    }

    #[test]
    fn examples_in_file_order_and_unpaired_seeds_are_told() {
        let pair = |seed| [trained(10, 0.1, 0.5), TrialRecord { seed, ..trained(50, 0.1, 0.5) }];
        let in_order = TrainSpec { shuffle: false, ..TrainSpec::default() };
        assert!(told("W19", &pair(0), Some(&in_order)).unwrap().contains("file order"));
        assert_eq!(told("W19", &pair(0), Some(&TrainSpec::default())), None);
        assert!(
            told("W19", &pair(1), None).unwrap().contains("batch size 10 has seeds 0, batch size 50 has 1")
        );
        let mut running = pair(1).to_vec();
        running.push(TrialRecord::new(50, 0.1, 0, TrialStatus::Running));
        assert_eq!(told("W19", &running, None), None);
    }
}
