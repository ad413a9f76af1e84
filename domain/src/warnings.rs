//! What a finished sweep does not say: the readings that its numbers invite and do not bear out.
//!
//! The ids are those of a longer list that the project keeps; only the ones that apply are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::lifecycle::TrialStatus;
use crate::statistics::median;

/// What the warnings need to know of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialFacts {
    /// The values of all axes but batch size, learning rate and seed, as text: only trials of one group are
    /// compared.
    pub group: String,
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Learning rate.
    pub learning_rate: f64,
    /// How it ended.
    pub status: TrialStatus,
    /// Optimizer steps done.
    pub steps: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Passes over the training set.
    pub epochs: f64,
    /// What is compared, lower is better: validation loss where there is one, else the loss over the whole
    /// training set. `None` where the trial has none, as a diverged one.
    pub score: Option<f64>,
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable id, such as `W1`.
    pub id: &'static str,
    /// One or two sentences: what must not be concluded, and what to do instead.
    pub message: String,
}

/// All warnings that apply to these trials, each told once.
#[must_use]
pub fn warnings(trials: &[TrialFacts]) -> Vec<Warning> {
    let ended: Vec<_> = trials.iter().filter(|trial| trial.status.is_result()).collect();
    let mut groups: BTreeMap<&str, Vec<&TrialFacts>> = BTreeMap::new();
    for trial in ended {
        groups.entry(&trial.group).or_default().push(trial);
    }
    let rules =
        [not_retuned, best_at_the_edge, ragged_batches, unequal_updates, no_detectable_difference, diverged];
    let mut found = Vec::new();
    for rule in rules {
        let told = groups.values().filter_map(|group| rule(group)).next();
        found.extend(told);
    }
    found
}

fn batch_sizes(group: &[&TrialFacts]) -> BTreeSet<u64> {
    group.iter().map(|trial| trial.batch_size).collect()
}

/// Distinct learning rates of one batch size, smallest first.
fn learning_rates(group: &[&TrialFacts], batch_size: u64) -> Vec<f64> {
    let mut rates: Vec<_> = group
        .iter()
        .filter(|trial| trial.batch_size == batch_size)
        .map(|trial| trial.learning_rate)
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    rates
}

/// W1: one learning rate for all batch sizes.
fn not_retuned(group: &[&TrialFacts]) -> Option<Warning> {
    let sizes = batch_sizes(group);
    let rates: Vec<_> = sizes.iter().map(|&size| learning_rates(group, size)).collect();
    let same =
        rates.first().is_some_and(|first| first.len() == 1 && rates.iter().all(|rates| rates == first));
    if sizes.len() < 2 || !same {
        return None;
    }
    let steps = group.iter().filter(|trial| trial.steps > 0).map(|trial| trial.steps);
    let updates = match (steps.clone().min(), steps.max()) {
        (Some(fewest), Some(most)) if most > fewest => {
            format!(", and the number of updates differs {}x", readable_ratio(most as f64 / fewest as f64))
        }
        _ => String::new(),
    };
    Some(Warning {
        id: "W1",
        message: format!(
            "The learning rate was not retuned: every batch size used {}{updates}. The differences are not the \
             batch size's own; give each batch size several learning rates.",
            rates[0][0]
        ),
    })
}

/// W2: the best learning rate is the smallest or largest that was tried.
fn best_at_the_edge(group: &[&TrialFacts]) -> Option<Warning> {
    let mut edges = Vec::new();
    for size in batch_sizes(group) {
        let rates = learning_rates(group, size);
        let score = |rate: f64| {
            let scores = group.iter().filter(|trial| trial.batch_size == size && trial.learning_rate == rate);
            median(&scores.filter_map(|trial| trial.score).collect::<Vec<_>>())
        };
        let best = rates
            .iter()
            .enumerate()
            .filter_map(|(index, &rate)| Some((index, rate, score(rate)?)))
            .min_by(|left, right| left.2.total_cmp(&right.2));
        let Some((index, rate, _)) = best.filter(|_| rates.len() > 1) else { continue };
        // Where everything above the best diverged, the stable rates end there: that is bracketed.
        let bracketed_above = rates[index + 1..].iter().any(|&rate| score(rate).is_none());
        if index == 0 || (index == rates.len() - 1 && !bracketed_above) {
            let side = if index == 0 { "smallest" } else { "largest" };
            edges.push(format!("{size} (best {rate}, the {side} tried)"));
        }
    }
    (!edges.is_empty()).then(|| Warning {
        id: "W2",
        message: format!(
            "The best learning rate lies at the edge of the grid for batch size {}: the optimum may lie outside. \
             Extend the learning rates there.",
            edges.join(", ")
        ),
    })
}

/// W3: a batch larger than the training set, or one that does not divide it.
fn ragged_batches(group: &[&TrialFacts]) -> Option<Warning> {
    let mut larger = BTreeSet::new();
    let mut ragged = BTreeSet::new();
    let mut examples = 0;
    for trial in group.iter().filter(|trial| trial.epochs > 0.0) {
        examples = (trial.examples as f64 / trial.epochs).round() as u64;
        if trial.batch_size > examples {
            larger.insert(trial.batch_size);
        } else if trial.epochs >= 1.0 && examples % trial.batch_size != 0 {
            // A trial that ended within its first epoch never came to the last batch.
            ragged.insert((trial.batch_size, examples % trial.batch_size));
        }
    }
    let larger: Vec<_> = larger
        .iter()
        .map(|size| format!("batch size {size} is larger than the {examples} training examples, so each step saw {examples}"))
        .collect();
    let held: Vec<_> =
        ragged.iter().map(|(size, rest)| format!("{rest} examples instead of {size}")).collect();
    let ragged = (!held.is_empty())
        .then(|| format!("the last batch of an epoch held {}, a noisier step", held.join(", ")));
    let parts: Vec<_> = larger.into_iter().chain(ragged).collect();
    (!parts.is_empty()).then(|| Warning { id: "W3", message: sentence(&parts.join("; ")) })
}

/// W4: equal epochs, unequal updates.
fn unequal_updates(group: &[&TrialFacts]) -> Option<Warning> {
    let trained = || group.iter().filter(|trial| trial.steps > 0);
    let epochs = trained().map(|trial| trial.epochs);
    let (shortest, longest) = (epochs.clone().fold(f64::MAX, f64::min), epochs.fold(0.0, f64::max));
    let most = trained().max_by_key(|trial| trial.steps)?;
    let fewest = trained().min_by_key(|trial| trial.steps)?;
    // Up to a ragged last batch, equal epochs; and enough of a difference in updates to matter.
    if longest > 1.05 * shortest || most.steps < 2 * fewest.steps {
        return None;
    }
    Some(Warning {
        id: "W4",
        message: format!(
            "Trials were compared after equal epochs: batch size {} made {} updates, batch size {} made {}. To compare \
             them per update, set `steps` instead of `epochs`.",
            fewest.batch_size, fewest.steps, most.batch_size, most.steps
        ),
    })
}

/// W7: the spread between seeds is larger than the gap between the best batch sizes.
fn no_detectable_difference(group: &[&TrialFacts]) -> Option<Warning> {
    let mut cells: BTreeMap<(u64, u64), Vec<f64>> = BTreeMap::new();
    for trial in group {
        let cell = cells.entry((trial.batch_size, trial.learning_rate.to_bits())).or_default();
        cell.extend(trial.score);
    }
    let best_of = |size: u64| {
        let of_size =
            cells.iter().filter(|((batch_size, _), scores)| *batch_size == size && scores.len() > 1);
        of_size
            .min_by(|left, right| f64::total_cmp(&center(left.1), &center(right.1)))
            .map(|(_, scores)| scores)
    };
    let mut bests: Vec<_> =
        batch_sizes(group).into_iter().filter_map(|size| Some((size, best_of(size)?))).collect();
    bests.sort_by(|left, right| f64::total_cmp(&center(left.1), &center(right.1)));
    let [(first, best), (second, next), ..] = bests[..] else { return None };
    let range = |scores: &[f64]| {
        scores.iter().fold((f64::MAX, f64::MIN), |(low, high), score| (low.min(*score), high.max(*score)))
    };
    let overlap = range(best).1 >= range(next).0;
    overlap.then(|| Warning {
        id: "W7",
        message: format!(
            "No detectable difference between the best cells of batch sizes {first} and {second}: their seeds overlap. \
             Add seeds before preferring one."
        ),
    })
}

fn center(scores: &[f64]) -> f64 {
    median(scores).unwrap_or(f64::MAX)
}

/// W14: diverged trials have no loss to compare, but they bound the usable learning rates.
fn diverged(group: &[&TrialFacts]) -> Option<Warning> {
    let count = group.iter().filter(|trial| trial.status == TrialStatus::Diverged).count();
    let trials = if count == 1 { "trial diverged and stands" } else { "trials diverged and stand" };
    (count > 0).then(|| Warning {
        id: "W14",
        message: format!(
            "{count} {trials} in no average: what is left of their batch size looks better than it is."
        ),
    })
}

fn readable_ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(batch_size: u64, learning_rate: f64, score: f64) -> TrialFacts {
        let steps = 3 * 1000u64.div_ceil(batch_size);
        TrialFacts {
            group: String::new(),
            batch_size,
            learning_rate,
            status: TrialStatus::Succeeded,
            steps,
            examples: 3000,
            epochs: 3.0,
            score: Some(score),
        }
    }

    fn ids(trials: &[TrialFacts]) -> Vec<&'static str> {
        warnings(trials).into_iter().map(|warning| warning.id).collect()
    }

    #[test]
    fn the_seed_example_is_read_honestly() {
        let trials = [trial(1, 0.01, 0.696), trial(32, 0.01, 0.727), trial(1024, 0.01, 0.775)];
        let found = warnings(&trials);
        assert_eq!(ids(&trials), ["W1", "W3", "W4"]);
        assert_eq!(
            found[0].message,
            "The learning rate was not retuned: every batch size used 0.01, and the number of updates differs 1000x. \
             The differences are not the batch size's own; give each batch size several learning rates."
        );
        assert!(found[1].message.starts_with("Batch size 1024 is larger than the 1000 training examples"));
        assert!(found[2].message.contains("batch size 1024 made 3 updates, batch size 1 made 3000"));
    }

    #[test]
    fn a_ragged_batch_that_was_never_reached_is_not_told() {
        let cut_short =
            |batch_size| TrialFacts { steps: 12, examples: 12 * batch_size, ..trial(batch_size, 0.05, 2.3) };
        let epochs = |trial: TrialFacts| TrialFacts { epochs: trial.examples as f64 / 6001.0, ..trial };
        assert_eq!(ids(&[epochs(cut_short(32)), epochs(cut_short(64))]), ["W1"]);
    }

    #[test]
    fn an_optimum_at_the_edge_is_not_bracketed() {
        let trials = [trial(50, 0.01, 0.9), trial(50, 0.1, 0.8), trial(50, 1.0, 0.7)];
        assert_eq!(ids(&trials), ["W2"]);
        let inner = [trial(50, 0.01, 0.9), trial(50, 0.1, 0.6), trial(50, 1.0, 0.7)];
        assert!(ids(&inner).is_empty());
    }

    #[test]
    fn an_optimum_next_to_a_diverged_rate_is_bracketed() {
        let diverged = TrialFacts { status: TrialStatus::Diverged, score: None, ..trial(50, 10.0, 0.0) };
        let trials = [trial(50, 0.1, 0.8), trial(50, 1.0, 0.7), diverged];
        assert_eq!(ids(&trials), ["W14"]);
    }

    #[test]
    fn overlapping_seeds_tell_no_difference() {
        let trials = [
            trial(10, 0.1, 0.50),
            trial(10, 0.1, 0.60),
            trial(10, 0.2, 0.9),
            trial(20, 0.1, 0.55),
            trial(20, 0.1, 0.65),
            trial(20, 0.2, 0.9),
        ];
        assert!(ids(&trials).contains(&"W7"));
        let apart: Vec<_> = trials
            .into_iter()
            .map(|trial| TrialFacts { score: trial.score.map(|s| s + trial.batch_size as f64), ..trial })
            .collect();
        assert!(!ids(&apart).contains(&"W7"));
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert!(warnings(&[]).is_empty());
        let failed = TrialFacts { status: TrialStatus::Failed, ..trial(1, 0.1, 0.1) };
        assert!(warnings(&[failed]).is_empty());
    }
}
