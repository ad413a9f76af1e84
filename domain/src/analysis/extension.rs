//! Where a grid should grow: past the edges on which best learning rates sit.

use super::best_rate::Edge;
use super::comparison::Comparison;
use crate::spec::round_to_digits;

/// Learning rates past each edge: the optimum mostly lies within a few of them.
const POINTS: i32 = 2;

/// Cells that may be better than the best of their batch sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// The batch sizes whose best learning rate sits on an edge, smallest first.
    pub batch_sizes: Vec<u64>,
    /// The next learning rates past these edges, smallest first.
    pub learning_rates: Vec<f64>,
}

/// The cells past the edges of a grid; `None` where no best learning rate of at least two sits on one. Rates go on at the ratio of the
/// last two of their batch size, to 6 significant digits.
#[must_use]
pub fn extension(comparison: &Comparison) -> Option<Extension> {
    let mut found = Extension { batch_sizes: Vec::new(), learning_rates: Vec::new() };
    for best in &comparison.best {
        let rates: Vec<f64> =
            comparison.grid.row(best.batch_size).iter().map(|cell| cell.learning_rate).collect();
        let (edge, ratio) = match (best.edge, &rates[..]) {
            (Some(Edge::Low), [first, second, ..]) => (*first, first / second),
            (Some(Edge::High), [.., second, last]) => (*last, last / second),
            _ => continue,
        };
        // A search that had to end early may have left cells of the grid out.
        let has = |rate: f64| {
            comparison.grid.cells.iter().any(|cell| {
                cell.batch_size == best.batch_size && (cell.learning_rate / rate - 1.0).abs() < 1e-3
            })
        };
        let next: Vec<f64> = (1..=POINTS).map(|steps| round_to_digits(edge * ratio.powi(steps), 6)).collect();
        if next.iter().any(|&rate| has(rate)) {
            continue;
        }
        found.batch_sizes.push(best.batch_size);
        found.learning_rates.extend(next);
    }
    found.learning_rates.sort_by(f64::total_cmp);
    found.learning_rates.dedup();
    (!found.batch_sizes.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::analyze;
    use crate::analysis::cell::tests::scored;

    #[test]
    fn a_grid_grows_past_the_edges_that_hold_a_best_rate() {
        let mut records = Vec::new();
        // The best rates are 0.1, between two others, and 0.4, the largest.
        for (size, best) in [(8_u64, 0.1_f64), (32, 0.8)] {
            for rate in [0.05_f64, 0.1, 0.2, 0.4] {
                records.push(scored(size, rate, 0, 1.0 + (rate / best).ln().powi(2)));
            }
        }
        let analysis = analyze(&records, None);
        let found = extension(&analysis.comparisons[0]).unwrap();
        assert_eq!((found.batch_sizes, found.learning_rates), (vec![32], vec![0.8, 1.6]));
        assert_eq!(extension(&analyze(&records[..4], None).comparisons[0]), None);
        // One rate has no ratio to go on at.
        assert_eq!(extension(&analyze(&records[..1], None).comparisons[0]), None);
    }
}
