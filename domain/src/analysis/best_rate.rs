//! The best learning rate of each batch size, and how well it is bracketed.

use super::cell::{Cell, CellState, Grid};
use super::interval::Interval;
use super::parabola::{Measured, vertex};

/// The best learning rate of one batch size: the one with the lowest median score over its seeds, the smaller rate of
/// equals.
#[derive(Debug, Clone, PartialEq)]
pub struct BestRate {
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// The rate of the best cell, one of those tried.
    pub learning_rate: f64,
    /// Its median score.
    pub median: f64,
    /// From the lowest to the highest score of its seeds; of many the interval of their median, see [`super::spread`].
    pub range: Interval,
    /// How many seeds have a score.
    pub seeds: usize,
    /// Learning rates that did about as well.
    pub plateau: Plateau,
    /// Where the optimum lies between the rates tried; `None` where it is not bracketed by scored rates.
    pub refined: Option<RefinedRate>,
    /// The end of the grid that it sits on: then the optimum may lie outside. `None` too where there is one rate
    /// only.
    pub edge: Option<Edge>,
    /// Every larger rate diverged: the rate is limited by stability, not by a minimum that was seen.
    pub stability_limited: bool,
    /// Learning rates that this batch size was given.
    pub rates_tried: usize,
    /// Every trial of this batch size has ended by itself: none is still to come, failed or was cancelled, so no rate can turn
    /// out better that was asked for.
    pub is_complete: bool,
    /// Distance to its neighbours in the grid, in factors of two; the larger of the two. `None` without a neighbour.
    pub spacing: Option<f64>,
}

/// Neighbouring learning rates that did about as well as the best: a flat optimum is a range, not a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// The smallest learning rate among them.
    pub low: f64,
    /// The largest learning rate among them.
    pub high: f64,
    /// What "about as well" means.
    pub rule: PlateauRule,
}

/// What "about as well" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlateauRule {
    /// Within one standard error of the best cell's median; where it has three seeds or more.
    StandardError,
    /// Within 1.1 times the best median; where there are too few seeds for a standard error.
    TenPercent,
}

/// An optimum between the learning rates tried: the vertex of a parabola through the best cell and its two
/// neighbours, in `log2` of the rate and the logarithm of the median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RefinedRate {
    /// The rate of the best cell, one of those tried.
    pub learning_rate: f64,
    /// Standard error in factors of two, from the spread of the seeds; `None` below three seeds in any of the three
    /// cells.
    pub error_octaves: Option<f64>,
}

/// An end of the learning rates tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Smaller rates may be better.
    Low,
    /// Larger rates may be better.
    High,
}

impl BestRate {
    /// Whether it deserves to be marked as the best of its row: there was a choice, and the whole row was tried.
    #[must_use]
    pub fn is_best_of_row(&self) -> bool {
        self.rates_tried > 1 && self.is_complete
    }
}

/// One a batch size that has a scored cell, smallest batch size first.
#[must_use]
pub fn best_rates(grid: &Grid) -> Vec<BestRate> {
    grid.batch_sizes().into_iter().filter_map(|size| best_rate(&grid.row(size))).collect()
}

fn best_rate(row: &[&Cell]) -> Option<BestRate> {
    let scored = row.iter().enumerate().filter_map(|(index, cell)| Some((index, cell.median?)));
    let (index, median) = scored.min_by(|left, right| left.1.total_cmp(&right.1))?;
    let best = row[index];
    let (smaller, larger) = (&row[..index], &row[index + 1..]);
    // Worse, but trained to its end: that bounds the optimum.
    let bounds = |cells: &[&Cell]| {
        cells
            .iter()
            .any(|cell| matches!(cell.state(), CellState::Scored | CellState::Missed | CellState::Stopped))
    };
    let stability_limited =
        !larger.is_empty() && larger.iter().all(|cell| cell.state() == CellState::Diverged);
    let edge = match () {
        () if row.len() == 1 => None,
        () if !bounds(smaller) => Some(Edge::Low),
        () if !bounds(larger) && !stability_limited => Some(Edge::High),
        () => None,
    };
    let gap = |other: &&Cell| (other.learning_rate / best.learning_rate).log2().abs();
    let neighbours = [smaller.last(), larger.first()];
    Some(BestRate {
        batch_size: best.batch_size,
        learning_rate: best.learning_rate,
        median,
        range: best.range?,
        seeds: best.scores.len(),
        plateau: plateau(row, index, median),
        refined: refined(row, index),
        edge,
        stability_limited,
        rates_tried: row.len(),
        is_complete: row.iter().all(|cell| cell.open + cell.failed == 0),
        spacing: neighbours.into_iter().flatten().map(gap).max_by(f64::total_cmp),
    })
}

fn plateau(row: &[&Cell], best: usize, median: f64) -> Plateau {
    let (bound, rule) = match row[best].standard_error() {
        Some(error) => (median + error, PlateauRule::StandardError),
        // A share of a loss that may be negative, as a log-likelihood may, means nothing.
        None if median > 0.0 => (1.1 * median, PlateauRule::TenPercent),
        None => (median, PlateauRule::TenPercent),
    };
    let as_good = |cell: &&&Cell| cell.median.is_some_and(|median| median <= bound);
    let low = row[..best].iter().rev().take_while(as_good).last().unwrap_or(&row[best]);
    let high = row[best + 1..].iter().take_while(as_good).last().unwrap_or(&row[best]);
    Plateau { low: low.learning_rate, high: high.learning_rate, rule }
}

fn refined(row: &[&Cell], best: usize) -> Option<RefinedRate> {
    let measured = |cell: &Cell| {
        let median = cell.median.filter(|median| *median > 0.0)?;
        let error = cell.standard_error().map(|error| error / median);
        Some(Measured { x: cell.learning_rate.log2(), y: median.ln(), error })
    };
    let left = measured(row[best.checked_sub(1)?])?;
    let right = measured(row.get(best + 1)?)?;
    let lowest = vertex([left, measured(row[best])?, right])?;
    Some(RefinedRate { learning_rate: lowest.x.exp2(), error_octaves: lowest.error })
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::{grid, scored};
    use super::*;
    use crate::analysis::TrialRecord;
    use crate::lifecycle::TrialStatus;
    use proptest::prelude::*;

    fn one(records: &[TrialRecord]) -> BestRate {
        let found = best_rates(&grid(records));
        assert_eq!(found.len(), 1);
        found[0].clone()
    }

    fn ended(learning_rate: f64, status: TrialStatus) -> TrialRecord {
        TrialRecord::new(8, learning_rate, 0, status)
    }

    #[test]
    fn a_bracketed_optimum_has_no_edge_and_is_refined() {
        let records = [scored(8, 0.05, 0, 0.9), scored(8, 0.1, 0, 0.5), scored(8, 0.2, 0, 0.9)];
        let best = one(&records);
        assert_eq!((best.learning_rate, best.median, best.edge), (0.1, 0.5, None));
        assert!(!best.stability_limited);
        let refined = best.refined.unwrap();
        assert!((refined.learning_rate - 0.1).abs() < 1e-12);
        assert_eq!((refined.error_octaves, best.spacing), (None, Some(1.0)));
    }

    #[test]
    fn with_seeds_the_refined_rate_has_an_error() {
        let mut records = Vec::new();
        for (rate, score) in [(0.05, 0.9), (0.1, 0.5), (0.2, 0.7)] {
            records.extend(
                [-0.02, 0.0, 0.02].iter().zip(0..).map(|(off, seed)| scored(8, rate, seed, score + off)),
            );
        }
        let best = one(&records);
        let refined = best.refined.unwrap();
        assert!(refined.learning_rate > 0.1 && refined.learning_rate < 0.2);
        assert!((0.001..0.1).contains(&refined.error_octaves.unwrap()), "{refined:?}");
        assert_eq!(best.plateau, Plateau { low: 0.1, high: 0.1, rule: PlateauRule::StandardError });
    }

    #[test]
    fn rates_within_a_tenth_are_one_plateau() {
        let scores = [(0.0125, 0.52), (0.025, 0.9), (0.05, 0.54), (0.1, 0.5), (0.2, 0.549), (0.4, 0.56)];
        let best = one(&scores.map(|(rate, score)| scored(8, rate, 0, score)));
        assert_eq!(best.plateau, Plateau { low: 0.05, high: 0.2, rule: PlateauRule::TenPercent });
    }

    #[test]
    fn the_ends_of_the_grid_are_told_apart() {
        let falling = [scored(8, 0.1, 0, 0.9), scored(8, 0.2, 0, 0.8)];
        assert_eq!(one(&falling).edge, Some(Edge::High));
        let rising = [scored(8, 0.1, 0, 0.8), scored(8, 0.2, 0, 0.9)];
        assert_eq!(one(&rising).edge, Some(Edge::Low));
        assert_eq!(one(&rising).refined, None);
    }

    #[test]
    fn next_to_diverged_rates_the_optimum_is_limited_by_stability() {
        let bracketed = [
            scored(8, 0.1, 0, 0.9),
            scored(8, 0.2, 0, 0.8),
            ended(0.4, TrialStatus::Diverged),
            ended(0.8, TrialStatus::Diverged),
        ];
        assert_eq!((one(&bracketed).edge, one(&bracketed).stability_limited), (None, true));
        // A larger rate that merely failed says nothing.
        let failed = [scored(8, 0.1, 0, 0.9), scored(8, 0.2, 0, 0.8), ended(0.4, TrialStatus::Failed)];
        assert_eq!((one(&failed).edge, one(&failed).stability_limited), (Some(Edge::High), false));
    }

    #[test]
    fn a_batch_size_without_a_score_has_no_best() {
        assert!(best_rates(&grid(&[ended(0.1, TrialStatus::Diverged)])).is_empty());
    }

    proptest! {
        #[test]
        fn the_best_is_lowest_and_lies_on_its_plateau(scores in prop::collection::vec(0.01f64..10.0, 1..9)) {
            let records: Vec<TrialRecord> = scores.iter().enumerate()
                .map(|(index, &score)| scored(8, 0.001 * 2f64.powi(i32::try_from(index).unwrap()), 0, score)).collect();
            let best = one(&records);
            prop_assert!(scores.iter().all(|&score| score >= best.median));
            prop_assert!(best.plateau.low <= best.learning_rate && best.learning_rate <= best.plateau.high);
            if let Some(refined) = best.refined {
                let octaves = (refined.learning_rate / best.learning_rate).log2();
                prop_assert!(octaves.abs() <= 0.5 + 1e-9);
                prop_assert!(best.edge.is_none());
            }
        }
    }
}
