//! Numbers that invite a wrong reading.

use std::collections::BTreeSet;

use super::Warning;
use crate::analysis::facts::Facts;
use crate::analysis::score::ScoreMetric;
use crate::analysis::words;

/// W9: the mean over an epoch's steps ranks batch sizes otherwise than the loss at its end does.
pub(super) fn mean_over_an_epoch(facts: &Facts<'_>) -> Option<Warning> {
    if facts.comparison.grid.metric == ScoreMetric::StepsToTarget {
        // Trials ended at their target: their losses rank nothing.
        return None;
    }
    let lowest = |values: &[(u64, f64)]| {
        values.iter().min_by(|left, right| left.1.total_cmp(&right.1)).map(|(size, _)| *size)
    };
    let mean = facts.of_best_cells(|trial| trial.last_epoch_train_loss);
    let end = facts.of_best_cells(|trial| trial.train_set_loss);
    let (by_mean, by_end) = lowest(&mean).zip(lowest(&end))?;
    let end_at = |size: u64| end.iter().find(|(own, _)| *own == size).map(|(_, loss)| *loss);
    let (own, lowest) = end_at(by_mean).zip(end_at(by_end))?;
    // A hair's breadth is no other ranking.
    (own > 1.01 * lowest).then(|| {
        Warning::new(
            "W9",
            format!(
                "`last_epoch_train_loss` is lowest at batch size {by_mean}, but the loss over the training \
                 set at the end at {by_end}: a mean over an epoch mixes its beginning with its end. Compare \
                 `train_set_loss`."
            ),
        )
    })
}

/// W10: the model's output for one example depends on the others of its batch, so the batch size changes the
/// objective.
pub(super) fn batch_in_the_objective(facts: &Facts<'_>) -> Option<Warning> {
    let approximate = facts.results().find(|trial| trial.accumulation.as_deref() == Some("approximate"))?;
    Some(Warning::new(
        "W10",
        format!(
            "The model mixes the examples of a micro-batch (batch statistics, random layers): batch size {} \
             in micro-batches of {} is not the batch trained whole. Compare only trials of equal \
             micro-batch, or fix it with `micro_batch`.",
            approximate.batch_size,
            approximate.micro_batch.map_or_else(|| "another size".to_owned(), |size| size.to_string())
        ),
    ))
}

/// W15: the gradient noise scale is an order of magnitude at best.
pub(super) fn noise_scale(facts: &Facts<'_>) -> Option<Warning> {
    let scales = || facts.trained().filter_map(|trial| Some((trial, trial.gradient_noise_scale?)));
    let (first, _) = scales().next()?;
    if first.optimizer != "sgd" {
        return Some(Warning::new(
            "W15",
            format!(
                "The gradient noise scale predicts the critical batch size of plain SGD; with {} it can be \
                 off by orders of magnitude (Merrill et al. 2025).",
                first.optimizer
            ),
        ));
    }
    let best_only = |batch_size: u64| {
        facts.comparison.best_of(batch_size).map(|best| {
            scales()
                .filter(|(trial, _)| {
                    trial.batch_size == batch_size && trial.learning_rate == best.learning_rate
                })
                .map(|(_, scale)| scale)
                .collect::<Vec<f64>>()
        })
    };
    let spread = |values: Vec<f64>| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        values.iter().copied().fold(0.0, f64::max) / least
    };
    let widest = facts.batch_sizes().into_iter().filter_map(best_only).map(spread).fold(0.0, f64::max);
    (widest > 4.0).then(|| {
        Warning::new(
            "W15",
            format!(
                "The gradient noise scale differs {} between seeds of one cell: take it for an order of \
                 magnitude. It also grows while a trial trains.",
                words::times(widest)
            ),
        )
    })
}

/// W16: the loss jumps more or less at another loss, whatever the batch.
pub(super) fn spread_at_unequal_losses(facts: &Facts<'_>) -> Option<Warning> {
    let spread = facts.of_best_cells(|trial| trial.train_loss_std);
    let losses = facts.of_best_cells(|trial| trial.train_set_loss);
    let least = losses.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
    let most = losses.iter().map(|(_, loss)| *loss).fold(f64::NEG_INFINITY, f64::max);
    (spread.len() > 1 && losses.len() > 1 && least > 0.0 && most > 1.1 * least).then(|| {
        Warning::new(
            "W16",
            format!(
                "`train_loss_std` was taken at train-set losses from {} to {}: a batch size that trained \
                 less far jumps at another height. Compare it at equal loss.",
                words::score(least),
                words::score(most)
            ),
        )
    })
}

/// W17: times from unlike machines.
pub(super) fn unlike_machines(facts: &Facts<'_>) -> Option<Warning> {
    let timed = || facts.trained().filter(|trial| trial.train_seconds.is_some());
    let devices: BTreeSet<&str> = timed().filter_map(|trial| trial.device.as_deref()).collect();
    let workers: BTreeSet<&str> = timed().filter_map(|trial| trial.worker.as_deref()).collect();
    if devices.len() > 1 {
        return Some(Warning::new(
            "W17",
            format!(
                "Trials ran on unlike devices ({}): losses and steps compare, times do not.",
                words::list(devices)
            ),
        ));
    }
    let shares_cores = devices.iter().all(|device| device.starts_with("cpu"));
    (shares_cores && workers.len() > 1).then(|| {
        Warning::new(
            "W17",
            format!(
                "{} trained at once on CPUs: where they share a machine they slow each other, and where they \
                 do not, machines may differ. Losses and steps compare; for times, use one worker.",
                words::count(workers.len(), "worker")
            ),
        )
    })
}

/// W22: a larger batch behind on validation is behind on training too.
pub(super) fn behind_in_training_too(facts: &Facts<'_>) -> Option<Warning> {
    if matches!(facts.comparison.grid.metric, ScoreMetric::TrainSetLoss | ScoreMetric::StepsToTarget) {
        return None;
    }
    let (small, large) = facts.comparison.best.first().zip(facts.comparison.best.last())?;
    let train = facts.of_best_cells(|trial| trial.train_set_loss);
    let of = |size: u64| train.iter().find(|(own, _)| *own == size).map(|(_, loss)| *loss);
    let (small_train, large_train) = of(small.batch_size).zip(of(large.batch_size))?;
    let is_behind = large.median > 1.02 * small.median && large_train > 1.05 * small_train;
    (large.batch_size > small.batch_size && is_behind).then(|| {
        Warning::new(
            "W22",
            format!(
                "Batch size {} is behind batch size {} on validation, but on its own training set too ({} \
                 against {}): it is not trained as far, which is not to generalise worse. Give it more steps \
                 before saying that.",
                large.batch_size,
                small.batch_size,
                words::score(large_train),
                words::score(small_train)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{told, trained};
    use crate::analysis::TrialRecord;

    #[test]
    fn a_mean_over_the_epoch_that_ranks_otherwise_is_told() {
        let trial =
            |size, mean, end| TrialRecord { last_epoch_train_loss: Some(mean), ..trained(size, 0.1, end) };
        assert!(
            told("W9", &[trial(10, 0.6, 0.5), trial(50, 0.5, 0.55)], None)
                .unwrap()
                .contains("at batch size 50")
        );
        assert_eq!(told("W9", &[trial(10, 0.5, 0.5), trial(50, 0.6, 0.55)], None), None);
        assert_eq!(
            told("W9", &[trial(10, 0.6, 0.5), trial(50, 0.5, 0.501)], None),
            None,
            "too close to tell"
        );
    }

    #[test]
    fn a_model_that_mixes_examples_is_told() {
        let trial = |accumulation: &str| TrialRecord {
            accumulation: Some(accumulation.to_owned()),
            micro_batch: Some(10),
            ..trained(50, 0.1, 0.5)
        };
        assert!(
            told("W10", &[trial("approximate")], None)
                .unwrap()
                .contains("batch size 50 in micro-batches of 10")
        );
        assert_eq!(told("W10", &[trial("exact"), trial("none")], None), None);
    }

    #[test]
    fn a_noise_scale_is_an_order_of_magnitude() {
        let trial = |optimizer: &str, seed, scale| TrialRecord {
            optimizer: optimizer.to_owned(),
            gradient_noise_scale: Some(scale),
            seed,
            ..trained(50, 0.1, 0.5)
        };
        assert!(told("W15", &[trial("adam", 0, 100.0)], None).unwrap().contains("with adam"));
        assert!(
            told("W15", &[trial("sgd", 0, 100.0), trial("sgd", 1, 500.0)], None).unwrap().contains("5.0x")
        );
        assert_eq!(told("W15", &[trial("sgd", 0, 100.0), trial("sgd", 1, 300.0)], None), None);
        assert_eq!(told("W15", &[trained(50, 0.1, 0.5)], None), None);
    }

    #[test]
    fn jumps_at_unequal_losses_are_told() {
        let trial = |size, loss| TrialRecord { train_loss_std: Some(0.1), ..trained(size, 0.1, loss) };
        assert!(told("W16", &[trial(10, 0.3), trial(50, 0.5)], None).unwrap().contains("from 0.3 to 0.5"));
        assert_eq!(told("W16", &[trial(10, 0.5), trial(50, 0.52)], None), None);
    }

    #[test]
    fn times_of_unlike_devices_or_several_cpu_workers_are_told() {
        let trial = |device: &str, worker: &str| TrialRecord {
            device: Some(device.to_owned()),
            worker: Some(worker.to_owned()),
            train_seconds: Some(1.0),
            ..trained(50, 0.1, 0.5)
        };
        let devices = [trial("cpu", "a"), trial("cuda:0 NVIDIA H100", "b")];
        assert!(told("W17", &devices, None).unwrap().contains("cpu and cuda:0 NVIDIA H100"));
        assert!(told("W17", &[trial("cpu", "a"), trial("cpu", "b")], None).unwrap().starts_with("2 workers"));
        assert_eq!(told("W17", &[trial("cpu", "a"), trial("cpu", "a")], None), None);
    }

    #[test]
    fn a_larger_batch_behind_on_both_is_not_said_to_generalise_worse() {
        let trial = |size, train, validation| TrialRecord {
            final_validation_loss: Some(validation),
            ..trained(size, 0.1, train)
        };
        let behind = [trial(10, 0.3, 0.4), trial(50, 0.5, 0.55)];
        assert!(told("W22", &behind, None).unwrap().contains("(0.5 against 0.3)"));
        assert_eq!(told("W22", &[trial(10, 0.3, 0.4), trial(50, 0.3, 0.55)], None), None);
        assert_eq!(told("W22", &[trained(10, 0.1, 0.3), trained(50, 0.1, 0.5)], None), None);
    }
}
