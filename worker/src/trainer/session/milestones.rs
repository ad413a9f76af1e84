//! When a trial is evaluated: at counts of training examples that do not depend on the batch size, so that curves
//! and "examples to target" of different batch sizes are compared at the same places.

use domain::spec::TargetMetric;

/// One evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestone {
    /// It is due once so many training examples were seen.
    pub examples: u64,
    /// Whether the whole training set is evaluated too, not only the validation set.
    pub train_set: bool,
}

/// Every epoch's end is one up to this many epochs.
const EPOCH_ENDS: u64 = 20;

/// With a target, evaluations of a long trial lie no further apart than this factor, so that what it took to meet the
/// target is known to 8 %.
const CLOSE: f64 = 1.08;

/// A training set of no more numbers is evaluated every time: it takes next to nothing.
const SMALL_SET: u64 = 1 << 16;

/// Evaluations of a larger one may cost this share of the training, besides the one at the end.
const SHARE: f64 = 0.1;

/// What training on an example costs in evaluations of it: a backward takes twice a forward.
const TRAINING_COST: f64 = 3.0;

/// The evaluations of a trial that sees `total_examples`, in order; the last one is its end.
///
/// Up to 20 epochs: an eighth, a quarter and half of the first epoch, and the end of each. Longer trials: 20 counts in
/// geometric progression from a quarter of an epoch, and more where a target is to be met. Evaluating a large training set
/// takes a third of training on it, so it is done as often as costs a tenth of the training, besides the end; where the
/// target is set on it, each time.
#[must_use]
pub fn milestones(
    train_examples: u64,
    total_examples: u64,
    input_elements: u64,
    target: Option<TargetMetric>,
) -> Vec<Milestone> {
    let epochs = total_examples / train_examples;
    let mut counts: Vec<u64> = [8, 4, 2].iter().map(|share| train_examples / share).collect();
    if epochs <= EPOCH_ENDS {
        counts.extend((1..=epochs).map(|epoch| epoch * train_examples));
    } else {
        let first = (train_examples / 4).max(1) as f64;
        let growth = total_examples as f64 / first;
        let close = target.map_or(0, |_| (growth.ln() / CLOSE.ln()).ceil() as u64 + 1);
        let count = close.max(EPOCH_ENDS);
        counts = (0..count).map(|i| (first * growth.powf(i as f64 / (count - 1) as f64)) as u64).collect();
    }
    counts.retain(|&count| count > 0 && count < total_examples);
    counts.push(total_examples);
    counts.dedup();

    let every = target == Some(TargetMetric::TrainSetLoss)
        || train_examples.saturating_mul(input_elements) <= SMALL_SET;
    let affordable = SHARE * TRAINING_COST * total_examples as f64 / train_examples as f64;
    let allowed = if every { counts.len() } else { (affordable as usize).min(counts.len()) };
    let last = counts.len() - 1;
    // Spread evenly over the evaluations, the last one always among them.
    let taken = |index: usize| index * allowed / counts.len() != (index + 1) * allowed / counts.len();
    counts
        .iter()
        .enumerate()
        .map(|(index, &examples)| Milestone { examples, train_set: index == last || taken(index) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(train: u64, total: u64) -> Vec<u64> {
        milestones(train, total, 10, None).iter().map(|milestone| milestone.examples).collect()
    }

    #[test]
    fn short_trials_are_evaluated_within_the_first_epoch_and_at_each_end() {
        assert_eq!(counts(1000, 3000), [125, 250, 500, 1000, 2000, 3000]);
        assert_eq!(counts(1000, 2500), [125, 250, 500, 1000, 2000, 2500]);
        assert_eq!(counts(1000, 100), [100]);
        assert_eq!(counts(3, 3), [1, 3]);
    }

    #[test]
    fn long_trials_are_evaluated_20_times() {
        let counts = counts(1000, 100_000);
        assert_eq!((counts.len(), counts[0], counts[19]), (20, 250, 100_000));
        assert!(counts.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_long_trial_with_a_target_is_evaluated_often_enough_to_tell_when_it_was_met() {
        for epochs in [21, 33, 1000] {
            let all = milestones(55_000, epochs * 55_000, 784, Some(TargetMetric::ValidationError));
            let pairs = all.windows(2).map(|pair| pair[1].examples as f64 / pair[0].examples as f64);
            assert!(pairs.fold(0.0, f64::max) < 1.081, "{epochs}: {all:?}");
            // Evaluating the training set takes no more than without one.
            let passes = all.iter().filter(|milestone| milestone.train_set).count() as u64;
            assert!(passes <= 1 + 3 * epochs / 10, "{passes} in {epochs} epochs");
            assert_eq!(all.last().unwrap().examples, epochs * 55_000);
        }
    }

    #[test]
    fn a_large_training_set_is_evaluated_for_a_tenth_of_the_training_besides_the_end() {
        for epochs in [1, 3, 10, 60] {
            let all = milestones(60_000, epochs * 60_000, 784, None);
            let passes = all.iter().filter(|milestone| milestone.train_set).count() as u64;
            assert!(passes <= 1 + 3 * epochs / 10, "{passes} in {epochs} epochs");
            assert!(all.last().unwrap().train_set);
            let all = milestones(60_000, epochs * 60_000, 784, Some(TargetMetric::TrainSetLoss));
            assert!(all.iter().all(|milestone| milestone.train_set));
        }
        assert!(milestones(1000, 3000, 10, None).iter().all(|milestone| milestone.train_set));
    }
}
