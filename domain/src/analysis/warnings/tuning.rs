//! Was each batch size given a fair chance?

use std::collections::BTreeSet;

use super::Warning;
use crate::analysis::best_rate::{BestRate, Edge};
use crate::analysis::facts::Facts;
use crate::analysis::score::ScoreMetric;
use crate::analysis::words;
use crate::lifecycle::TrialStatus;

/// W1: every batch size had one learning rate only, the same or one from a rule.
pub(super) fn not_retuned(facts: &Facts<'_>) -> Option<Warning> {
    let sizes = facts.batch_sizes();
    if sizes.len() < 2 || !facts.comparison.is_untuned() {
        return None;
    }
    let steps = facts.trained().filter_map(|trial| trial.steps);
    let updates = match (steps.clone().min(), steps.max()) {
        (Some(fewest), Some(most)) if most > fewest => {
            format!(", and the number of updates differs {}", words::times(most as f64 / fewest as f64))
        }
        _ => String::new(),
    };
    let message = match facts.comparison.grid.learning_rates()[..] {
        [rate] => format!(
            "The learning rate was not retuned: every batch size used {}{updates}. ",
            words::exact(rate)
        ),
        _ => format!("The learning rate was not tuned: every batch size was given one only{updates}. "),
    };
    Some(Warning::new(
        "W1",
        message
            + "The differences are not the batch size's own; give each batch size several learning rates.",
    ))
}

/// W2: the best learning rate is the smallest or largest that was tried.
pub(super) fn best_at_the_edge(facts: &Facts<'_>) -> Option<Warning> {
    let edge = |best: &BestRate| {
        let side = match best.edge? {
            Edge::Low => "smallest",
            Edge::High => "largest",
        };
        Some(format!("{} (best {}, the {side} tried)", best.batch_size, words::exact(best.learning_rate)))
    };
    let edges: Vec<String> = facts.comparison.best.iter().filter_map(edge).collect();
    let to_target = facts.comparison.to_target.iter().filter(|row| row.edge.is_some());
    let to_target: Vec<u64> = to_target.map(|row| row.batch_size).collect();
    let message = match (edges.is_empty(), to_target.is_empty()) {
        (true, true) => return None,
        (true, false) => format!(
            "The target was met in the fewest steps at the edge of the learning rates for {}: others may \
             need fewer. Extend the learning rates there.",
            words::batch_sizes(&to_target)
        ),
        (false, _) => format!(
            "The best learning rate lies at the edge of the grid for batch size {}: the optimum may lie outside. \
             Extend the learning rates there.",
            edges.join(", ")
        ),
    };
    Some(Warning::new("W2", message))
}

/// W7: the spread between seeds is larger than the gap between the best batch sizes.
pub(super) fn no_detectable_difference(facts: &Facts<'_>) -> Option<Warning> {
    if facts.comparison.grid.metric == ScoreMetric::StepsToTarget {
        // Batch sizes differ in steps whatever the seeds.
        return None;
    }
    let mut bests: Vec<&BestRate> = facts.comparison.best.iter().filter(|best| best.seeds > 1).collect();
    bests.sort_by(|left, right| left.median.total_cmp(&right.median));
    let [best, next, ..] = bests[..] else { return None };
    best.range.overlaps(&next.range).then(|| {
        Warning::new(
            "W7",
            format!(
                "No detectable difference between the best cells of batch sizes {} and {}: their seeds overlap. Add \
                 seeds before preferring one.",
                best.batch_size, next.batch_size
            ),
        )
    })
}

/// W13: more learning rates or seeds came to an end at one batch size than at another. The best of many looks better. Where a
/// search chose the trials, that was the plan.
pub(super) fn unequal_effort(facts: &Facts<'_>) -> Option<Warning> {
    if facts.is_open() || facts.is_searched() {
        return None;
    }
    let tried = |size: u64| {
        let trials = facts.trained().filter(|trial| trial.batch_size == size);
        let rates: BTreeSet<u64> = trials.clone().map(|trial| trial.learning_rate.to_bits()).collect();
        (size, rates.len(), trials.count())
    };
    let effort: Vec<_> =
        facts.batch_sizes().into_iter().map(tried).filter(|(_, _, trials)| *trials > 0).collect();
    let most = effort.iter().max_by_key(|(_, rates, trials)| (*rates, *trials))?;
    let least = effort.iter().min_by_key(|(_, rates, trials)| (*rates, *trials))?;
    let describe = |(size, rates, trials): &(u64, usize, usize)| {
        format!(
            "batch size {size} had {} of {}",
            words::count(*trials, "trial"),
            words::count(*rates, "learning rate")
        )
    };
    ((most.1, most.2) != (least.1, least.2)).then(|| {
        Warning::new(
            "W13",
            format!(
                "Unequal effort: {}, {}. The best of more trials looks better by chance; run what is missing \
                 (batchsweep retry).",
                describe(most),
                describe(least)
            ),
        )
    })
}

/// W14: diverged trials have no loss to compare, but they bound the usable learning rates.
pub(super) fn diverged(facts: &Facts<'_>) -> Option<Warning> {
    let count = facts.results().filter(|trial| trial.status == TrialStatus::Diverged).count();
    let trials = if count == 1 { "trial diverged and stands" } else { "trials diverged and stand" };
    (count > 0).then(|| {
        Warning::new(
            "W14",
            format!(
                "{count} {trials} in no average of losses: what is left of their batch size looks better than it is. \
                 Medians here count them as infinitely bad."
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{ids, met, told, trained};
    use crate::analysis::TrialRecord;
    use crate::lifecycle::TrialStatus;

    fn seeded(seed: u64, trial: TrialRecord) -> TrialRecord {
        TrialRecord { seed, ..trial }
    }

    #[test]
    fn one_learning_rate_for_all_is_not_tuned_and_two_are() {
        assert!(
            told("W1", &[trained(10, 0.1, 0.5), trained(20, 0.1, 0.5)], None).unwrap().contains("used 0.1")
        );
        let by_rule = told("W1", &[trained(10, 0.1, 0.5), trained(20, 0.2, 0.5)], None).unwrap();
        assert!(by_rule.contains("given one only"), "{by_rule}");
        let tuned =
            [trained(10, 0.1, 0.5), trained(10, 0.2, 0.6), trained(20, 0.1, 0.5), trained(20, 0.2, 0.6)];
        assert_eq!(told("W1", &tuned, None), None);
        assert_eq!(told("W1", &[trained(10, 0.1, 0.5)], None), None, "there is nothing to compare");
    }

    #[test]
    fn an_optimum_at_the_edge_is_not_bracketed() {
        let trials = [trained(50, 0.01, 0.9), trained(50, 0.1, 0.8), trained(50, 1.0, 0.7)];
        assert_eq!(ids(&trials), ["W2"]);
        assert!(told("W2", &trials, None).unwrap().contains("50 (best 1, the largest tried)"));
        let inner = [trained(50, 0.01, 0.9), trained(50, 0.1, 0.6), trained(50, 1.0, 0.7)];
        assert!(ids(&inner).is_empty());
    }

    #[test]
    fn the_fewest_steps_to_the_target_may_sit_at_the_edge_too() {
        let met = |rate: f64, loss, steps| TrialRecord {
            learning_rate: rate,
            train_set_loss: Some(loss),
            ..met(50, steps)
        };
        let at_edge = [met(0.1, 0.6, Some(58)), met(0.2, 0.5, Some(50)), met(0.4, 0.6, Some(30))];
        assert!(
            told("W2", &at_edge, None)
                .unwrap()
                .contains("fewest steps at the edge of the learning rates for batch size 50")
        );
        let inner = [met(0.1, 0.6, Some(58)), met(0.2, 0.5, Some(30)), met(0.4, 0.6, None)];
        assert_eq!(told("W2", &inner, None), None);
    }

    #[test]
    fn an_optimum_next_to_a_diverged_rate_is_bracketed() {
        let diverged =
            TrialRecord { status: TrialStatus::Diverged, train_set_loss: None, ..trained(50, 10.0, 0.0) };
        let trials = [trained(50, 0.1, 0.8), trained(50, 1.0, 0.7), diverged];
        assert_eq!(ids(&trials), ["W14"]);
        assert!(told("W14", &trials, None).unwrap().starts_with("1 trial diverged and stands"));
        assert_eq!(told("W14", &trials[..2], None), None);
    }

    #[test]
    fn overlapping_seeds_tell_no_difference() {
        let scores = [(10, 0.50), (10, 0.60), (20, 0.55), (20, 0.65)];
        let trials = |apart: f64| -> Vec<TrialRecord> {
            let of = |(seed, (size, score)): (u64, (u64, f64))| {
                let score = score + apart * size as f64;
                [seeded(seed, trained(size, 0.1, score)), seeded(seed, trained(size, 0.2, score + 0.4))]
            };
            (0..).zip(scores).flat_map(of).collect()
        };
        assert!(told("W7", &trials(0.0), None).unwrap().contains("batch sizes 10 and 20"));
        assert_eq!(told("W7", &trials(1.0), None), None);
    }

    #[test]
    fn a_batch_size_that_lost_trials_had_less_of_a_chance() {
        let failed = TrialRecord { status: TrialStatus::Failed, steps: None, ..trained(20, 0.2, 0.0) };
        let mut trials = vec![trained(10, 0.1, 0.5), trained(10, 0.2, 0.6), trained(20, 0.1, 0.5), failed];
        let message = told("W13", &trials, None).unwrap();
        assert!(
            message
                .contains("batch size 10 had 2 trials of 2 learning rates, batch size 20 had 1 trial of 1")
        );
        trials[3] = trained(20, 0.2, 0.6);
        assert_eq!(told("W13", &trials, None), None);
        trials[3].status = TrialStatus::Running;
        assert_eq!(told("W13", &trials, None), None, "what still runs is not missing");
        trials[3].status = TrialStatus::Skipped;
        trials.push(seeded(1, trained(10, 0.1, 0.5)));
        assert_eq!(told("W13", &trials, None), None, "a search left it out");
        assert_eq!(told("W19", &trials, None), None, "a search repeats where that decides something");
    }
}
