//! The answer of a sweep: one row a batch size, for people, for programs, and as one object with everything around
//! it.
//!
//! - [`sheet`]: what fits a terminal,
//! - [`table`]: every number,
//! - [`object`]: the rows, the conclusion, the fits and the warnings.

mod object;

mod sheet;

mod table;

pub(crate) use object::axes;
pub use object::object;
pub use sheet::sheet;
pub use table::table;

use domain::analysis::{Analysis, BestRate, Comparison, TargetRow};

/// One batch size of one group of comparable trials.
struct Row<'a> {
    comparison: &'a Comparison,
    batch_size: u64,
    best: Option<&'a BestRate>,
    target: Option<&'a TargetRow>,
}

/// Every batch size, also one without a result.
fn rows(analysis: &Analysis) -> Vec<Row<'_>> {
    let of = |comparison| {
        let row = move |batch_size| Row {
            comparison,
            batch_size,
            best: Comparison::best_of(comparison, batch_size),
            target: comparison.target_of(batch_size),
        };
        comparison.grid.batch_sizes().into_iter().map(row)
    };
    analysis.comparisons.iter().flat_map(of).collect()
}

/// `0.31 to 0.33 of 3`: a range and how many seeds it is of; nothing for a single one.
pub(crate) fn range_of(best: &BestRate, show: impl Fn(f64) -> String) -> String {
    let (low, high) = (best.range.low, best.range.high);
    match best.seeds {
        0 | 1 => String::new(),
        seeds if high.is_infinite() => format!("{} on, of {seeds}", show(low)),
        // Steps are counted at evaluations: seeds often meet a target at the same.
        seeds if show(low) == show(high) => format!("{} of {seeds}", show(low)),
        seeds => format!("{} to {} of {seeds}", show(low), show(high)),
    }
}

#[cfg(test)]
mod tests;
