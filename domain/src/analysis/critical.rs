//! The critical batch size: up to it, more examples in a step save steps; past it they mostly cost examples.

use super::group::Group;
use super::hyperbola::{Hyperbola, StepsPoint};
use super::interval::Interval;
use super::random::Random;
use super::target::{self, SeedSteps, Steps};

/// Bootstrap samples behind an interval.
pub const REPLICATES: usize = 500;

/// The overhead that Zhang et al. (2025) allow over perfect scaling.
pub const OVERHEAD: f64 = 0.2;

/// The critical batch size of a group of trials, with how well it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalBatchSize {
    /// Steps to the target by examples in a step, where it was met.
    pub points: Vec<StepsPoint>,
    /// The curve through the points; `None` below three.
    pub fit: Option<Hyperbola>,
    /// Whether its critical batch size may be told as a number.
    pub verdict: Verdict,
    /// 95 % bootstrap interval of `E_min / S_min`, over seeds (over batch sizes too where one has a single seed) and over
    /// where between two evaluations the target was met; only where it is identified.
    pub interval: Option<Interval>,
    /// From the least to the most that the fit gives when one batch size is left out; only where it is identified.
    pub without_one: Option<Interval>,
    /// Zhang's largest batch size within [`OVERHEAD`] of perfect scaling, from the smallest batch size that met the
    /// target; only where it is identified. Another definition, so another number: several times smaller or larger
    /// than `E_min / S_min` is no contradiction.
    pub at_overhead: Option<f64>,
}

/// Whether the grid pins the critical batch size down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// At least two batch sizes lie below a third of it, at least two above three times it, and no batch size that
    /// missed the target speaks against the curve.
    Identified {
        /// `E_min / S_min`, in examples.
        critical_batch_size: f64,
    },
    /// It is not. What can be said: it lies above one batch size, below another, or neither.
    NotIdentified {
        /// Why not.
        why: Gap,
        /// It is larger than this.
        above: Option<f64>,
        /// It is smaller than this.
        below: Option<f64>,
    },
}

/// What the grid lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Fewer than three batch sizes met the target.
    TooFewBatchSizes,
    /// Fewer than two batch sizes below a third of it: the branch of perfect scaling is not seen.
    SmallBatches,
    /// Fewer than two batch sizes above three times it: the branch where steps stay level is not seen.
    LargeBatches,
    /// Neither branch is seen.
    Both,
    /// A batch size missed the target within more steps than the curve gives it.
    MissedTarget,
}

/// The critical batch size of a group; `seed` starts the resampling.
#[must_use]
pub fn critical_batch_size(group: &Group<'_>, seed: u64) -> CriticalBatchSize {
    of_steps(&target::steps(group), seed)
}

fn of_steps(sizes: &[Steps], seed: u64) -> CriticalBatchSize {
    let points = points(sizes);
    let missed = sizes.iter().filter(|size| target::fewest(&size.of_rate).is_infinite());
    let censored: Vec<_> = missed.map(|size| (size.examples_in_step as f64, size.given)).collect();
    let fit = Hyperbola::fit(&points);
    let verdict = verdict(fit.as_ref(), &points, &censored);
    let has_seeds = sizes.iter().all(|size| size.of_rate.iter().any(|seeds| seeds.len() > 1));
    let identified = matches!(verdict, Verdict::Identified { .. });
    let smallest = points.iter().map(|point| point.batch_size).min_by(f64::total_cmp);
    CriticalBatchSize {
        interval: fit.filter(|_| identified).and_then(|fit| bootstrap(sizes, &fit, !has_seeds, seed)),
        without_one: identified.then(|| without_one(&points)).flatten(),
        at_overhead: fit
            .zip(smallest)
            .filter(|_| identified)
            .map(|(fit, smallest)| fit.batch_size_at_overhead(OVERHEAD, smallest)),
        points,
        fit,
        verdict,
    }
}

/// The batch sizes that met the target.
fn points(sizes: &[Steps]) -> Vec<StepsPoint> {
    let all = sizes.iter().map(|size| StepsPoint {
        batch_size: size.examples_in_step as f64,
        steps: target::fewest(&size.of_rate),
    });
    all.filter(|point| point.steps.is_finite()).collect()
}

fn verdict(fit: Option<&Hyperbola>, points: &[StepsPoint], censored: &[(f64, Option<f64>)]) -> Verdict {
    let Some(fit) = fit else {
        return Verdict::NotIdentified { why: Gap::TooFewBatchSizes, above: None, below: None };
    };
    let critical = fit.critical_batch_size();
    let sizes = || points.iter().map(|point| point.batch_size);
    let small = sizes().filter(|&size| size < critical / 3.0).count();
    let large = sizes().filter(|&size| size > 3.0 * critical).count();
    // Two residuals above the curve and still not there.
    let slack = (2.0 * fit.log_residual).exp();
    let missed =
        censored.iter().any(|&(size, given)| given.is_some_and(|given| given > slack * fit.steps(size)));
    let why = match (small < 2, large < 2) {
        _ if missed => Gap::MissedTarget,
        (false, false) => return Verdict::Identified { critical_batch_size: critical },
        (true, false) => Gap::SmallBatches,
        (false, true) => Gap::LargeBatches,
        (true, true) => Gap::Both,
    };
    // The branch that is seen bounds it from its side; past the grid's end so does the end.
    let largest_below = sizes().filter(|&size| size <= critical).max_by(f64::total_cmp);
    let smallest_above = sizes().filter(|&size| size >= critical).min_by(f64::total_cmp);
    Verdict::NotIdentified {
        why,
        above: largest_below.filter(|_| !missed && (small >= 2 || smallest_above.is_none())),
        below: smallest_above.filter(|_| !missed && (large >= 2 || largest_below.is_none())),
    }
}

fn bootstrap(sizes: &[Steps], fit: &Hyperbola, redraws_sizes: bool, seed: u64) -> Option<Interval> {
    let mut random = Random::new(seed);
    let replicates = (0..REPLICATES).filter_map(|_| {
        let mut drawn = points(&redrawn(sizes, &mut random));
        if redraws_sizes {
            drawn = random.resample(&drawn);
        }
        Hyperbola::fit(&drawn).map(|fit| fit.critical_batch_size())
    });
    let replicates: Vec<f64> = replicates.collect();
    // Fits fail where too few different batch sizes were drawn, or met the target; where that is the rule there is
    // no distribution to speak of.
    let interval =
        (replicates.len() * 2 > REPLICATES).then(|| Interval::middle_95_percent(&replicates)).flatten()?;
    // Targets are met before the evaluation that shows it, never after: that may move the whole distribution off
    // the fit.
    Interval::spanning([interval.low, interval.high, fit.critical_batch_size()])
}

/// Seeds drawn with replacement, each having met the target somewhere since the evaluation before. Trials of a
/// batch size are evaluated at the same places, so that they share where.
fn redrawn(sizes: &[Steps], random: &mut Random) -> Vec<Steps> {
    let redraw = |size: &Steps, random: &mut Random| {
        let place = random.unit();
        let mut of_rate: Vec<Vec<SeedSteps>> =
            size.of_rate.iter().map(|seeds| random.resample(seeds)).collect();
        of_rate.iter_mut().flatten().for_each(|seed| seed.steps -= place * seed.gap);
        Steps { of_rate, ..*size }
    };
    sizes.iter().map(|size| redraw(size, random)).collect()
}

fn without_one(points: &[StepsPoint]) -> Option<Interval> {
    let fits: Option<Vec<f64>> = (0..points.len())
        .map(|left_out| {
            let mut rest = points.to_vec();
            rest.remove(left_out);
            Hyperbola::fit(&rest).map(|fit| fit.critical_batch_size())
        })
        .collect();
    Interval::spanning(fits?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Steps that were told without a gap.
    fn exact(steps: &[f64]) -> Vec<SeedSteps> {
        steps.iter().map(|&steps| SeedSteps { steps, gap: 0.0 }).collect()
    }

    /// One learning rate a batch size, whose seeds took these steps.
    fn sizes(of_size: &[(u64, &[f64])]) -> Vec<Steps> {
        let of = |&(examples_in_step, seeds): &(u64, &[f64])| Steps {
            examples_in_step,
            of_rate: vec![exact(seeds)],
            given: seeds.iter().any(|steps| steps.is_infinite()).then_some(1e6),
        };
        of_size.iter().map(of).collect()
    }

    const SHALLUE: [(u64, f64); 9] = [
        (2, 23700.0),
        (8, 6100.0),
        (32, 1730.0),
        (128, 490.0),
        (512, 296.0),
        (2048, 165.0),
        (8192, 151.0),
        (32768, 165.0),
        (55000, 150.0),
    ];

    fn shallue() -> Vec<Steps> {
        let of = |&(examples_in_step, steps): &(u64, f64)| Steps {
            examples_in_step,
            of_rate: vec![exact(&[steps])],
            given: None,
        };
        SHALLUE.iter().map(of).collect()
    }

    #[test]
    fn a_grid_that_sees_both_branches_gives_a_number_and_its_interval() {
        let found = of_steps(&shallue(), 0);
        let Verdict::Identified { critical_batch_size } = found.verdict else {
            panic!("{:?}", found.verdict)
        };
        assert!((300.0..320.0).contains(&critical_batch_size));
        // An independent bootstrap over points gave 286 to 356, and leaving one out 307 to 321.
        let interval = found.interval.unwrap();
        assert!(
            (270.0..305.0).contains(&interval.low) && (330.0..390.0).contains(&interval.high),
            "{interval:?}"
        );
        let without_one = found.without_one.unwrap();
        assert!((without_one.low - 307.0).abs() < 2.0 && (without_one.high - 321.0).abs() < 2.0);
        assert!((found.at_overhead.unwrap() - (0.2 * critical_batch_size + 2.4)).abs() < 1e-9);
        assert_eq!(of_steps(&shallue(), 0), found, "equal seeds, equal intervals");
    }

    #[test]
    fn seeds_are_resampled_where_there_are_any() {
        let of = |&(size, steps): &(u64, f64)| Steps {
            examples_in_step: size,
            of_rate: vec![exact(&[0.9, 1.0, 1.1, 1.05, 0.95].map(|times| times * steps))],
            given: None,
        };
        let found = of_steps(&SHALLUE.iter().map(of).collect::<Vec<_>>(), 3);
        let (interval, fit) = (found.interval.unwrap(), found.fit.unwrap());
        assert!(interval.contains(fit.critical_batch_size()));
        assert!(interval.low > 250.0 && interval.high < 380.0, "{interval:?}");
    }

    #[test]
    fn evaluations_far_apart_widen_the_interval() {
        let with_gap = |share: f64| {
            let mut sizes = shallue();
            for seed in sizes.iter_mut().flat_map(|size| size.of_rate.iter_mut().flatten()) {
                seed.gap = share * seed.steps;
            }
            // Two seeds, so that batch sizes are not resampled.
            for size in &mut sizes {
                size.of_rate.iter_mut().for_each(|seeds| seeds.extend_from_within(..));
            }
            of_steps(&sizes, 0).interval.unwrap()
        };
        let width = |interval: Interval| interval.high / interval.low;
        assert!((width(with_gap(0.0)) - 1.0).abs() < 1e-9);
        assert!(width(with_gap(0.1)) > 1.05);
        assert!(width(with_gap(0.5)) > width(with_gap(0.1)) * 1.2);
    }

    #[test]
    fn a_grid_of_small_batches_gives_a_lower_bound_only() {
        let found = of_steps(&shallue()[..4], 0);
        assert_eq!(
            found.verdict,
            Verdict::NotIdentified { why: Gap::LargeBatches, above: Some(128.0), below: None }
        );
        assert_eq!((found.interval, found.at_overhead), (None, None));
    }

    #[test]
    fn a_grid_of_large_batches_gives_an_upper_bound_only() {
        let level = sizes(&[(2048, &[165.0]), (8192, &[151.0]), (32768, &[165.0]), (55000, &[150.0])]);
        let Verdict::NotIdentified { why, above, below } = of_steps(&level, 0).verdict else { panic!() };
        assert_eq!((why, above, below), (Gap::SmallBatches, None, Some(2048.0)));
    }

    #[test]
    fn a_narrow_grid_around_it_bounds_nothing() {
        let around = sizes(&[(128, &[490.0]), (256, &[380.0]), (512, &[296.0])]);
        let Verdict::NotIdentified { why, above, below } = of_steps(&around, 0).verdict else { panic!() };
        assert_eq!((why, above, below), (Gap::Both, None, None));
        let two = sizes(&[(128, &[490.0]), (512, &[296.0])]);
        let Verdict::NotIdentified { why, .. } = of_steps(&two, 0).verdict else { panic!() };
        assert_eq!(why, Gap::TooFewBatchSizes);
    }

    #[test]
    fn a_batch_size_that_missed_the_target_may_speak_against_the_curve() {
        let mut with_miss = shallue();
        with_miss[5].of_rate = vec![exact(&[f64::INFINITY])];
        with_miss[5].given = Some(120.0);
        let found = of_steps(&with_miss, 0);
        assert!(
            matches!(found.verdict, Verdict::Identified { .. }),
            "120 steps were too few by the curve, too"
        );
        with_miss[5].given = Some(5000.0);
        let Verdict::NotIdentified { why, above, below } = of_steps(&with_miss, 0).verdict else { panic!() };
        assert_eq!((why, above, below), (Gap::MissedTarget, None, None));
    }

    proptest! {
        #[test]
        fn what_is_told_agrees_with_the_truth_behind_noiseless_steps(
            least_steps in 10f64..1e4, critical in 0.5f64..1e5, count in 3i32..10,
        ) {
            let sizes: Vec<Steps> = (0..count).map(|power| {
                let size = 4u64.pow(u32::try_from(power).unwrap());
                Steps {
                    examples_in_step: size,
                    of_rate: vec![exact(&[least_steps * (1.0 + critical / size as f64)])],
                    given: None,
                }
            }).collect();
            match of_steps(&sizes, 1).verdict {
                Verdict::Identified { critical_batch_size } => {
                    prop_assert!((critical_batch_size / critical - 1.0).abs() < 1e-3);
                }
                Verdict::NotIdentified { above, below, .. } => {
                    prop_assert!(above.is_none_or(|above| above <= critical * 1.001));
                    prop_assert!(below.is_none_or(|below| below >= critical * 0.999));
                }
            }
        }
    }
}
