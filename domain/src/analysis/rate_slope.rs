//! How the best learning rate moves with the batch size, beside the two rules that people use.
//!
//! The slope of `log2` of the best rate against `log2` of the batch: 1 is the linear rule (Goyal et al. 2017), 1/2
//! the square-root rule (Krizhevsky 2014; Malladi et al. 2022 for Adam). Theory expects a slope near 1 (SGD) or 1/2
//! (Adam) below the critical batch size and 0 above it (`McCandlish` et al. 2018), so the two sides are fitted
//! apart where it is known.

use super::best_rate::BestRate;
use super::interval::Interval;
use super::line::{Line, Weighted};

/// The linear rule's slope.
pub const LINEAR: f64 = 1.0;

/// The square-root rule's slope.
pub const SQUARE_ROOT: f64 = 0.5;

/// The slopes of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct RateSlopes {
    /// Over all batch sizes; `None` below two that count.
    pub all: Option<RateSlope>,
    /// Over those below the critical batch size; `None` where that is not known.
    pub below_critical: Option<RateSlope>,
    /// Over those above it.
    pub above_critical: Option<RateSlope>,
    /// Batch sizes whose best rate sits on the edge of the grid: a bound is no point to fit.
    pub left_out: Vec<u64>,
}

/// A slope and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSlope {
    /// Doublings of the best learning rate for each doubling of the batch.
    pub slope: f64,
    /// The 95 % interval of the slope.
    pub interval: Interval,
    /// How many batch sizes it comes from.
    pub batch_sizes: usize,
}

impl RateSlope {
    /// Whether a rule's slope lies in the interval. Both rules may: then the sweep does not tell them apart.
    #[must_use]
    pub fn agrees_with(&self, rule: f64) -> bool {
        self.interval.contains(rule)
    }
}

/// The slopes over the best rates, each with the examples that its steps really saw. A rate counts with its refined
/// value where there is one. Its error is that of the refinement, but no less than a tenth of the grid's spacing,
/// or else that of a place unknown within the spacing (`spacing / sqrt(12)`).
#[must_use]
pub fn rate_slopes(best: &[(BestRate, u64)], critical_batch_size: Option<f64>) -> RateSlopes {
    let is_point = |rate: &BestRate| rate.edge.is_none() && rate.spacing.is_some();
    let points: Vec<Weighted> = best
        .iter()
        .filter(|(rate, _)| is_point(rate))
        .map(|(rate, examples)| {
            let spacing = rate.spacing.unwrap_or(1.0);
            let learning_rate = rate.refined.map_or(rate.learning_rate, |refined| refined.learning_rate);
            let error = rate
                .refined
                .and_then(|refined| refined.error_octaves)
                .map_or(spacing / 12f64.sqrt(), |error| error.max(0.1 * spacing));
            Weighted { x: (*examples as f64).log2(), y: learning_rate.log2(), weight: error.powi(-2) }
        })
        .collect();
    let side = |keep: fn(f64, f64) -> bool| {
        let critical = critical_batch_size?.log2();
        slope(&points.iter().copied().filter(|point| keep(point.x, critical)).collect::<Vec<_>>())
    };
    RateSlopes {
        all: slope(&points),
        below_critical: side(|size, critical| size < critical),
        above_critical: side(|size, critical| size > critical),
        left_out: best.iter().filter(|(rate, _)| !is_point(rate)).map(|(rate, _)| rate.batch_size).collect(),
    }
}

fn slope(points: &[Weighted]) -> Option<RateSlope> {
    let line = Line::fit(points)?;
    let margin = line.slope_margin();
    Some(RateSlope {
        slope: line.slope,
        interval: Interval { low: line.slope - margin, high: line.slope + margin },
        batch_sizes: line.count,
    })
}

#[cfg(test)]
mod tests {
    use super::super::best_rate::best_rates;
    use super::super::cell::tests::{grid, scored};
    use super::*;
    use crate::analysis::TrialRecord;
    use proptest::prelude::*;

    /// Best rates `0.01 B^power`, each bracketed by rates half and twice as large.
    fn following(power: f64, sizes: &[u64]) -> Vec<(BestRate, u64)> {
        let records: Vec<TrialRecord> = sizes
            .iter()
            .flat_map(|&size| {
                let rate = 0.01 * (size as f64).powf(power);
                [(0.5, 0.9), (1.0, 0.5), (2.0, 0.9)]
                    .map(|(times, score)| scored(size, times * rate, 0, score))
            })
            .collect();
        best_rates(&grid(&records)).into_iter().map(|rate| (rate.clone(), rate.batch_size)).collect()
    }

    #[test]
    fn the_linear_and_the_square_root_rule_are_recognised() {
        let sizes = [8, 32, 128, 512, 2048];
        let linear = rate_slopes(&following(1.0, &sizes), None).all.unwrap();
        assert!((linear.slope - 1.0).abs() < 1e-9);
        assert!(linear.agrees_with(LINEAR) && !linear.agrees_with(SQUARE_ROOT));
        let root = rate_slopes(&following(0.5, &sizes), None).all.unwrap();
        assert!(root.agrees_with(SQUARE_ROOT) && !root.agrees_with(LINEAR));
    }

    #[test]
    fn neighbouring_batch_sizes_do_not_tell_the_rules_apart() {
        let slope = rate_slopes(&following(1.0, &[32, 64]), None).all.unwrap();
        assert!(slope.agrees_with(LINEAR) && slope.agrees_with(SQUARE_ROOT), "{slope:?}");
    }

    #[test]
    fn a_rate_at_the_edge_is_a_bound_and_left_out() {
        let mut best = following(1.0, &[8, 32, 128]);
        let edge = best_rates(&grid(&[scored(512, 0.1, 0, 0.9), scored(512, 0.2, 0, 0.8)]));
        best.push((edge[0].clone(), 512));
        let slopes = rate_slopes(&best, None);
        assert_eq!((slopes.left_out, slopes.all.unwrap().batch_sizes), (vec![512], 3));
        assert_eq!(rate_slopes(&following(1.0, &[8]), None).all, None);
    }

    #[test]
    fn the_two_sides_of_the_critical_batch_size_are_fitted_apart() {
        let mut best = following(1.0, &[8, 16, 32, 64]);
        best.extend(following(0.0, &[1024, 4096, 16384]));
        let slopes = rate_slopes(&best, Some(256.0));
        assert!((slopes.below_critical.unwrap().slope - 1.0).abs() < 1e-9);
        assert!(slopes.above_critical.unwrap().slope.abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_slope_of_a_power_law_is_its_power(power in -1f64..2.0) {
            let slope = rate_slopes(&following(power, &[4, 16, 64, 256]), None).all.unwrap();
            prop_assert!((slope.slope - power).abs() < 1e-9);
            prop_assert!(slope.agrees_with(slope.slope));
        }
    }
}
