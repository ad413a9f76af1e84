//! What each batch size needs to its target, in steps, examples and seconds (Shallue et al. 2019).
//!
//! `S(B)`: for each learning rate the median over the seeds, then the rate with the fewest steps. A seed that never
//! met the target counts as infinite in its median (right-censored at its budget): it is neither left out nor taken
//! for its budget.

use std::collections::BTreeMap;

use super::best_rate::Edge;
use super::group::Group;
use super::interval::Interval;
use super::record::TrialRecord;
use super::spread::{MANY, spread};
use crate::lifecycle::TrialStatus;
use crate::statistics::median;

/// A quantity to the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    /// More than half of the seeds met it.
    Reached {
        /// Median over the seeds.
        median: f64,
        /// The least of any seed; of many the lower end of the interval of their median, see [`super::spread`].
        low: f64,
        /// The most of any seed, or the upper end; `None` where a seed did not meet the target: then it is not known.
        high: Option<f64>,
    },
    /// Half of the seeds or more did not, at any learning rate.
    NotReached {
        /// It takes more than this, the least that a trial was given; `None` where all diverged.
        above: Option<f64>,
    },
}

impl Reach {
    /// The median, where the target was met.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        match *self {
            Self::Reached { median, .. } => Some(median),
            Self::NotReached { .. } => None,
        }
    }

    /// From the least to the most of any seed; without an upper end where a seed did not meet the target.
    #[must_use]
    pub fn range(&self) -> Option<Interval> {
        match *self {
            Self::Reached { low, high, .. } => Some(Interval { low, high: high.unwrap_or(f64::INFINITY) }),
            Self::NotReached { .. } => None,
        }
    }

    /// Over one quantity of some trials, infinite for those that did not meet the target.
    fn of(values: &[f64]) -> Option<Self> {
        // Of a few seeds, one that missed the target leaves the range open; of many it counts in resampling.
        let missed = values.len() < MANY && values.iter().any(|value| value.is_infinite());
        let range = spread(values)?;
        let median = median(values).filter(|median| median.is_finite())?;
        Some(Self::Reached {
            median,
            low: range.low,
            high: Some(range.high).filter(|high| high.is_finite() && !missed),
        })
    }
}

/// One batch size on its way to the target, at the learning rate that needs the fewest steps.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// Examples that a step really saw: fewer where the training set is smaller than the batch.
    pub examples_in_step: u64,
    /// That learning rate; `None` where none met the target.
    pub learning_rate: Option<f64>,
    /// The end of the learning rates tried that it sits on: then others may need fewer steps. `None` too where one
    /// rate was tried.
    pub edge: Option<Edge>,
    /// Optimizer steps.
    pub steps: Reach,
    /// Training examples.
    pub examples: Reach,
    /// Training seconds.
    pub seconds: Reach,
    /// How many seeds of that learning rate met the target.
    pub reached: u64,
    /// Of how many.
    pub tried: u64,
    /// The steps that perfect scaling would take: those of the smallest batch size that met the target, divided by
    /// the ratio of the batches.
    pub perfect_steps: Option<f64>,
    /// Data efficiency: the examples of the smallest batch size that met the target, divided by this one's. 1 is
    /// perfect.
    pub efficiency: Option<f64>,
}

/// The steps of every learning rate and seed of one batch size; infinite where the target was not met.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Steps {
    pub examples_in_step: u64,
    /// Steps of each seed, by learning rate.
    pub of_rate: Vec<Vec<SeedSteps>>,
    /// The least number of steps that a trial was given without meeting the target.
    pub given: Option<f64>,
}

/// Steps to the target of one seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SeedSteps {
    /// At the evaluation that met it; infinite where none did.
    pub steps: f64,
    /// Since the evaluation before: somewhere in between it was met. 0 where that is not known.
    pub gap: f64,
}

/// One row a batch size, smallest first; those that never trained (infeasible, failed, waiting) are left out.
#[must_use]
pub fn rows(group: &Group<'_>) -> Vec<TargetRow> {
    let mut rows: Vec<TargetRow> =
        by_batch_size(group).into_values().filter_map(|rates| row(&rates)).collect();
    let first = rows
        .iter()
        .find_map(|row| Some((row.steps.median()? * row.examples_in_step as f64, row.examples.median()?)));
    if let Some((step_examples, examples)) = first {
        for row in &mut rows {
            row.perfect_steps = Some(step_examples / row.examples_in_step as f64);
            row.efficiency = row.examples.median().map(|own| examples / own);
        }
    }
    rows
}

/// The same as numbers to resample.
pub(super) fn steps(group: &Group<'_>) -> Vec<Steps> {
    by_batch_size(group)
        .into_values()
        .filter_map(|rates| {
            let all = || rates.values().flatten();
            Some(Steps {
                examples_in_step: all().next()?.examples_in_step(),
                of_rate: rates.values().map(|trials| trials.iter().map(seed_steps).collect()).collect(),
                given: least_given(all(), |trial| trial.steps.map(|steps| steps as f64)),
            })
        })
        .collect()
}

/// The fewest steps of any learning rate: the median over its seeds; infinite where none met the target.
pub(super) fn fewest(of_rate: &[Vec<SeedSteps>]) -> f64 {
    let medians =
        of_rate.iter().filter_map(|seeds| median(&seeds.iter().map(|seed| seed.steps).collect::<Vec<_>>()));
    medians.fold(f64::INFINITY, f64::min)
}

type Rates<'a> = BTreeMap<u64, Vec<&'a TrialRecord>>;

/// Trials that were trained to an end, or until they could no longer be the best, by batch size and (the bits of) learning rate.
fn by_batch_size<'a>(group: &Group<'a>) -> BTreeMap<u64, Rates<'a>> {
    let mut sizes: BTreeMap<u64, Rates<'a>> = BTreeMap::new();
    for trial in &group.trials {
        if matches!(trial.status, TrialStatus::Succeeded | TrialStatus::Diverged | TrialStatus::Stopped) {
            let rates = sizes.entry(trial.batch_size).or_default();
            rates.entry(trial.learning_rate.to_bits()).or_default().push(trial);
        }
    }
    sizes
}

fn seed_steps(trial: &&TrialRecord) -> SeedSteps {
    SeedSteps { steps: steps_of(trial), gap: trial.steps_between_evaluations.unwrap_or(0) as f64 }
}

fn steps_of(trial: &&TrialRecord) -> f64 {
    trial.steps_to_target.map_or(f64::INFINITY, |steps| steps as f64)
}

/// The least of what a trial was given that did not meet the target. A diverged trial was given no chance to.
fn least_given<'a>(
    trials: impl Iterator<Item = &'a &'a TrialRecord>,
    quantity: impl Fn(&TrialRecord) -> Option<f64>,
) -> Option<f64> {
    let unmet =
        trials.filter(|trial| trial.status == TrialStatus::Succeeded && trial.steps_to_target.is_none());
    unmet.filter_map(|trial| quantity(trial)).min_by(f64::total_cmp)
}

fn row(rates: &Rates<'_>) -> Option<TargetRow> {
    let any = rates.values().flatten().next()?;
    let all = || rates.values().flatten();
    let steps = |trials: &[&TrialRecord]| trials.iter().map(steps_of).collect::<Vec<f64>>();
    let best = rates
        .iter()
        .filter_map(|(&rate, trials)| Some((rate, trials, Reach::of(&steps(trials))?)))
        .min_by(|left, right| f64::total_cmp(&order(&left.2), &order(&right.2)));
    let not_reached =
        |quantity: fn(&TrialRecord) -> Option<f64>| Reach::NotReached { above: least_given(all(), quantity) };
    let row = TargetRow {
        batch_size: any.batch_size,
        examples_in_step: any.examples_in_step(),
        learning_rate: None,
        edge: None,
        steps: not_reached(|trial| trial.steps.map(|steps| steps as f64)),
        examples: not_reached(|trial| trial.examples.map(|examples| examples as f64)),
        seconds: not_reached(|trial| trial.train_seconds),
        reached: 0,
        tried: all().count() as u64,
        perfect_steps: None,
        efficiency: None,
    };
    let Some((rate, trials, steps)) = best else { return Some(row) };
    let of = |quantity: fn(&TrialRecord) -> Option<f64>| {
        let values: Vec<f64> = trials.iter().map(|trial| quantity(trial).unwrap_or(f64::INFINITY)).collect();
        Reach::of(&values).unwrap_or(Reach::NotReached { above: None })
    };
    Some(TargetRow {
        learning_rate: Some(f64::from_bits(rate)),
        edge: edge(rates, rate),
        steps,
        examples: of(|trial| trial.examples_to_target.map(|examples| examples as f64)),
        seconds: of(|trial| trial.seconds_to_target),
        reached: trials.iter().filter(|trial| trial.steps_to_target.is_some()).count() as u64,
        tried: trials.len() as u64,
        ..row
    })
}

/// A larger rate that diverged bounds the rate as well as one that took longer.
fn edge(rates: &Rates<'_>, rate: u64) -> Option<Edge> {
    let (first, last) = rates.keys().next().zip(rates.keys().next_back())?;
    match rate {
        _ if first == last => None,
        rate if rate == *first => Some(Edge::Low),
        rate if rate == *last => Some(Edge::High),
        _ => None,
    }
}

fn order(steps: &Reach) -> f64 {
    steps.median().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A trial that met its target after so many steps, of 1000; or did not.
    pub fn met(batch_size: u64, learning_rate: f64, seed: u64, steps: Option<u64>) -> TrialRecord {
        TrialRecord {
            steps: Some(1000),
            examples: Some(1000 * batch_size),
            epochs: Some(1000.0 * batch_size as f64 / 1e6),
            train_seconds: Some(10.0),
            steps_to_target: steps,
            examples_to_target: steps.map(|steps| steps * batch_size),
            seconds_to_target: steps.map(|steps| steps as f64 / 100.0),
            ..TrialRecord::new(batch_size, learning_rate, seed, TrialStatus::Succeeded)
        }
    }

    pub fn group(records: &[TrialRecord]) -> Group<'_> {
        Group { axes: &[], trials: records.iter().collect() }
    }

    #[test]
    fn the_rate_with_the_fewest_median_steps_stands_for_its_batch_size() {
        let records = [
            met(8, 0.1, 0, Some(400)),
            met(8, 0.1, 1, Some(420)),
            met(8, 0.1, 2, Some(800)),
            met(8, 0.2, 0, Some(300)),
            met(8, 0.2, 1, None),
            met(8, 0.2, 2, None),
            met(32, 0.1, 0, Some(150)),
        ];
        let rows = rows(&group(&records));
        assert_eq!(rows[0].learning_rate, Some(0.1));
        assert_eq!((rows[0].edge, rows[1].edge), (Some(Edge::Low), None));
        assert_eq!(rows[0].steps, Reach::Reached { median: 420.0, low: 400.0, high: Some(800.0) });
        assert_eq!(rows[0].seconds, Reach::Reached { median: 4.2, low: 4.0, high: Some(8.0) });
        assert_eq!((rows[0].reached, rows[0].tried), (3, 3));
        assert_eq!((rows[0].perfect_steps, rows[0].efficiency), (Some(420.0), Some(1.0)));
        // Perfect would be 420 / 4 steps; it took 150, that is 4800 examples instead of 3360.
        assert_eq!((rows[1].perfect_steps, rows[1].efficiency), (Some(105.0), Some(0.7)));
    }

    #[test]
    fn a_seed_that_misses_the_target_opens_the_range_and_is_not_left_out() {
        let records = [met(8, 0.1, 0, Some(400)), met(8, 0.1, 1, Some(500)), met(8, 0.1, 2, None)];
        let rows = rows(&group(&records));
        assert_eq!(rows[0].steps, Reach::Reached { median: 500.0, low: 400.0, high: None });
        assert_eq!((rows[0].reached, rows[0].tried), (2, 3));
    }

    #[test]
    fn a_batch_size_that_misses_the_target_has_a_bound_and_no_value() {
        let diverged = TrialRecord::new(8, 0.4, 0, TrialStatus::Diverged);
        let records = [met(8, 0.1, 0, None), diverged.clone(), met(32, 0.1, 0, Some(100))];
        let found = rows(&group(&records));
        assert_eq!(found[0].steps, Reach::NotReached { above: Some(1000.0) });
        assert_eq!(found[0].examples, Reach::NotReached { above: Some(8000.0) });
        assert_eq!((found[0].learning_rate, found[0].reached, found[0].tried), (None, 0, 2));
        // Perfect scaling starts at the smallest batch size that met it.
        assert_eq!((found[0].perfect_steps, found[0].efficiency), (Some(400.0), None));
        assert_eq!(rows(&group(&[diverged]))[0].steps, Reach::NotReached { above: None });
    }

    #[test]
    fn what_was_never_trained_has_no_row() {
        let statuses = [TrialStatus::Infeasible, TrialStatus::Failed, TrialStatus::Running];
        let records = statuses.map(|status| TrialRecord::new(8, 0.1, 0, status));
        assert!(rows(&group(&records)).is_empty());
    }

    proptest! {
        #[test]
        fn more_seeds_that_miss_never_make_a_batch_size_faster(
            steps in prop::collection::vec(1u64..1000, 1..6), misses in 0u64..6,
        ) {
            let trials = |misses: u64| {
                let met_ones = steps.iter().enumerate().map(|(seed, &steps)| met(8, 0.1, seed as u64, Some(steps)));
                met_ones.chain((0..misses).map(|seed| met(8, 0.1, 100 + seed, None))).collect::<Vec<_>>()
            };
            let (few, many) = (trials(0), trials(misses));
            let before = rows(&group(&few))[0].steps.median().unwrap();
            let after = rows(&group(&many))[0].steps.median();
            prop_assert!(after.is_none_or(|after| after >= before));
        }
    }
}
