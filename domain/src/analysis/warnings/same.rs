//! Trials that are not what they seem to be.

use std::collections::BTreeMap;

use super::Warning;
use crate::analysis::facts::Facts;
use crate::analysis::record::TrialRecord;
use crate::analysis::score::ScoreMetric;
use crate::analysis::words;
use crate::lifecycle::TrialStatus;
use crate::run::SeedSets;
use crate::spec::Value;

/// W23: trials that were trained to their end and whose loss is not finite. It says nothing about learning rates: a step
/// loss that left the finite numbers would have ended them as diverged.
pub(super) fn without_a_finite_loss(facts: &Facts<'_>) -> Option<Warning> {
    let metric = facts.comparison.grid.metric;
    if metric == ScoreMetric::StepsToTarget {
        return None;
    }
    let succeeded = facts.trained().filter(|trial| trial.status == TrialStatus::Succeeded);
    let without: Vec<_> = succeeded.filter(|trial| metric.score(trial).is_none()).collect();
    (!without.is_empty()).then(|| {
        Warning::new(
            "W23",
            format!(
                "The {} of {} is not finite, though training went on: that is no sign of a learning rate that is too large. \
                 Look for examples with inputs or targets that are not finite, or that the model cannot take.",
                metric.name(),
                words::count(without.len(), "trial")
            ),
        )
    })
}

/// W26: workers that found different data under the same path.
pub(super) fn unlike_data(facts: &Facts<'_>) -> Option<Warning> {
    let found = facts.data_sets();
    (found > 1).then(|| {
        Warning::new(
            "W26",
            format!(
                "The results are of {found} different sets of data: workers of different fleets found different files under the \
                 same path. Do not compare them: column `data_sha256` of `results` says which is which. Send the data along with \
                 `upload`, or put the same file on every worker."
            ),
        )
    })
}

/// W25: seeds that start from the same weights. Their spread is that of what the seed does set alone.
pub(super) fn seeds_are_no_repeats(facts: &Facts<'_>) -> Option<Warning> {
    let trained: Vec<&TrialRecord> = facts.trained().collect();
    let mut seeds: Vec<u64> = trained.iter().map(|trial| trial.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let sets = trained.iter().find_map(|trial| trial.seed_sets.filter(|sets| !sets.weights))?;
    same_weights(seeds.len(), sets)
}

/// W25 of so many seeds that set this, also before any trial runs.
#[must_use]
pub fn same_weights(seeds: usize, sets: SeedSets) -> Option<Warning> {
    let spread = match (sets.data, sets.order) {
        (true, true) => "Their spread is that of the data and their order alone",
        (true, false) => "Their spread is that of the data alone",
        (false, true) => "Their spread is that of the order of the examples alone",
        (false, false) => "Nothing else differs either: they are one trial again and again",
    };
    (seeds > 1 && !sets.weights).then(|| {
        Warning::new(
            "W25",
            format!(
                "The {seeds} seeds are no repeats: each starts from the weights in the module's file. {spread}, but for what the \
                 module draws itself, such as dropout; it says nothing about other initial weights. Export a method \
                 `reset_parameters` with @torch.jit.export to have the seed set them."
            ),
        )
    })
}

/// W24: an axis that changed nothing: trials that differ in it alone have the same losses, to the last bit. So they are one
/// trial, and neither of its values is better.
pub(super) fn changed_nothing(groups: &[Facts<'_>]) -> Option<Warning> {
    let trials: Vec<&TrialRecord> = groups.iter().flat_map(Facts::results).collect();
    let axes = trials.first().map(|trial| trial.axes.as_slice()).unwrap_or_default();
    let axes: Vec<&str> = axes.iter().map(|(name, _)| name.as_str()).collect();
    let found = axes
        .into_iter()
        .find_map(|axis| Some((axis, Pairs::of(axis, &trials).filter(|pairs| pairs.same > 0)?)))?;
    let (axis, Pairs { same, all, example }) = found;
    let name = format!("`{axis}`");
    let what = if same == all {
        format!(
            "{name} changed nothing: trials that differ in it alone have the same losses, to the last bit"
        )
    } else {
        format!(
            "{name} changed nothing in {same} of {} that differ in it alone, such as trials {} and {}: their losses are the \
             same to the last bit",
            words::count(all, "pair"),
            example.0,
            example.1
        )
    };
    Some(Warning::new(
        "W24",
        format!("{what}. They are one trial that ran twice; none of the values is better."),
    ))
}

/// Pairs of trials that differ in one axis alone.
struct Pairs {
    same: usize,
    all: usize,
    /// Two that are the same, by their places in the grid.
    example: (u64, u64),
}

impl Pairs {
    fn of(axis: &str, trials: &[&TrialRecord]) -> Option<Self> {
        let mut alike: BTreeMap<String, Vec<&TrialRecord>> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.status == TrialStatus::Succeeded) {
            alike.entry(all_but(axis, trial)).or_default().push(trial);
        }
        let pairs: Vec<_> =
            alike.values().flat_map(|alike| alike.windows(2).map(|pair| (pair[0], pair[1]))).collect();
        let same: Vec<_> = pairs.iter().filter(|(one, other)| have_the_same_losses(one, other)).collect();
        let (one, other) = same.first()?;
        Some(Self { same: same.len(), all: pairs.len(), example: (one.trial_index, other.trial_index) })
    }
}

/// What a trial is, but for one axis.
fn all_but(axis: &str, trial: &TrialRecord) -> String {
    let axes: Vec<&(String, Value)> = trial.axes.iter().filter(|(name, _)| name != axis).collect();
    format!("{} {:?} {} {axes:?}", trial.batch_size, trial.learning_rate, trial.seed)
}

fn have_the_same_losses(one: &TrialRecord, other: &TrialRecord) -> bool {
    let losses = |trial: &TrialRecord| {
        [trial.train_set_loss, trial.last_epoch_train_loss, trial.train_loss_std, trial.final_validation_loss]
    };
    // One loss may be the same by chance.
    one.steps == other.steps && losses(one) == losses(other) && losses(one).iter().flatten().count() > 1
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ids, told, trained};
    use crate::analysis::{CellState, TrialRecord, analyze};
    use crate::run::SeedSets;
    use crate::spec::Value;
    use crate::units::ContentHash;

    fn with(axis: &str, value: Value, trial: TrialRecord) -> TrialRecord {
        TrialRecord { axes: vec![(axis.to_owned(), value)], ..trial }
    }

    #[test]
    fn a_loss_that_is_not_finite_after_training_to_the_end_says_nothing_about_learning_rates() {
        let broken = |rate| TrialRecord {
            final_validation_accuracy: Some(0.25),
            final_validation_loss: None,
            ..trained(50, rate, 0.5)
        };
        let fine = TrialRecord { final_validation_loss: Some(0.7), ..broken(0.1) };
        let some = [fine, broken(0.2), broken(0.4)];
        let analysis = analyze(&some, None);
        let message = told("W23", &some, None).unwrap();
        assert!(message.starts_with("The validation loss of 2 trials is not finite"), "{message}");
        let best = &analysis.comparisons[0].best[0];
        assert!(!best.stability_limited && !ids(&some).contains(&"W14"));
        assert!(
            analysis.comparisons[0].grid.cells[1..].iter().all(|cell| cell.state() == CellState::NotFinite)
        );

        let all = [broken(0.1), broken(0.2)];
        let conclusion = analyze(&all, None).conclusion;
        assert_eq!(conclusion.choice, None, "not ranked by the training loss instead");
        assert!(conclusion.sentences[0].text.contains("not finite"), "{:?}", conclusion.sentences);
    }

    #[test]
    fn results_of_different_data_are_not_compared() {
        let of = |byte: &str| Some(byte.repeat(32).parse().unwrap());
        let rates = [(0.05, 0.7), (0.1, 0.5), (0.2, 0.8)];
        let trial = |data: Option<ContentHash>| {
            let of = move |(rate, loss)| {
                (0..3).map(move |seed| TrialRecord {
                    seed,
                    data_sha256: data,
                    ..trained(50, rate, loss + 0.001 * seed as f64)
                })
            };
            rates.into_iter().flat_map(of).collect::<Vec<_>>()
        };
        for alike in [trial(None), trial(of("0a"))] {
            assert_eq!(told("W26", &alike, None), None);
            assert!(analyze(&alike, None).conclusion.choice.unwrap().is_firm);
        }
        let mut mixed = trial(of("0a"));
        mixed[4].data_sha256 = of("0b");
        assert!(
            told("W26", &mixed, None).unwrap().starts_with("The results are of 2 different sets of data")
        );
        assert!(!analyze(&mixed, None).conclusion.choice.unwrap().is_firm);
    }

    #[test]
    fn seeds_that_start_from_the_same_weights_are_no_repeats_and_make_no_firm_choice() {
        let seeds = |weights, order| -> Vec<TrialRecord> {
            let sets = SeedSets { data: false, weights, order };
            let rates = [(0.05, 0.7), (0.1, 0.5), (0.2, 0.8)];
            let of = |(rate, loss)| {
                (0..3).map(move |seed| TrialRecord {
                    seed,
                    seed_sets: Some(sets),
                    ..trained(50, rate, loss + 0.001 * seed as f64)
                })
            };
            rates.into_iter().flat_map(of).collect()
        };
        let firm = analyze(&seeds(true, true), None);
        assert!(firm.conclusion.choice.unwrap().is_firm);
        assert_eq!(told("W25", &seeds(true, true), None), None);

        let fixed = seeds(false, true);
        let message = told("W25", &fixed, None).unwrap();
        assert!(message.starts_with("The 3 seeds are no repeats"), "{message}");
        assert!(message.contains("the order of the examples alone"), "{message}");
        let conclusion = analyze(&fixed, None).conclusion;
        assert!(!conclusion.choice.unwrap().is_firm);
        let advice = &conclusion.sentences[0].text;
        assert!(
            advice.starts_with("Best so far:") && advice.contains("3 seeds from the same weights"),
            "{advice}"
        );
        assert!(told("W25", &seeds(false, false), None).unwrap().contains("one trial again and again"));
        assert_eq!(told("W25", &fixed[..1], None), None, "one seed claims no spread");
    }

    #[test]
    fn an_axis_that_changed_no_loss_is_named() {
        let drop = |drop, trial: TrialRecord| {
            let last_epoch_train_loss = trial.train_set_loss.map(|loss| loss + 0.1);
            with("drop_last", Value::Flag(drop), TrialRecord { last_epoch_train_loss, ..trial })
        };
        let same = [drop(false, trained(50, 0.1, 0.5)), drop(true, trained(50, 0.1, 0.5))];
        let message = told("W24", &same, None).unwrap();
        assert!(
            message.starts_with("`drop_last` changed nothing: trials that differ in it alone"),
            "{message}"
        );
        let other = [drop(false, trained(50, 0.1, 0.5)), drop(true, trained(50, 0.1, 0.6))];
        assert_eq!(told("W24", &other, None), None);
        let mut some = [same, other].concat();
        some[2].batch_size = 30;
        some[3].batch_size = 30;
        assert!(told("W24", &some, None).unwrap().contains("in 1 of 2 pairs"));
    }
}
