//! What a trial's page shows beside its result: rows of other views, a heading each.

use domain::table::View;
use maud::html;
use report::{Table, rows as sheets};

use super::piece::Piece;
use super::sheet;

/// A view that a trial's page shows beside the result.
#[derive(Debug)]
pub struct Beside {
    pub view: View,
    heading: &'static str,
    /// Columns that say nothing here.
    hidden: &'static [&'static str],
    /// Whether nothing is said where it has no rows.
    is_optional: bool,
}

/// What a trial's page shows beside the result, in this order.
pub const BESIDE: [Beside; 4] = [
    Beside {
        view: View::Decision,
        heading: "Decisions",
        hidden: &[
            "sweep_id",
            "sweep_name",
            "decision_index",
            "trial_id",
            "trial_index",
            "batch_size",
            "learning_rate",
            "seed",
            "parameters",
            "reason",
        ],
        is_optional: true,
    },
    Beside { view: View::Split, heading: "Splits", hidden: &["sweep_id", "trial_id"], is_optional: false },
    Beside {
        view: View::Attempt,
        heading: "Attempts",
        hidden: &["sweep_id", "trial_id", "trial_index"],
        is_optional: false,
    },
    Beside {
        view: View::Log,
        heading: "Log",
        hidden: &["sweep_id", "trial_id", "trial_index", "seq"],
        is_optional: false,
    },
];

impl Beside {
    /// Its rows under its heading.
    pub fn piece(&self, table: &Table) -> Option<Piece> {
        if self.is_optional && table.rows.is_empty() {
            return None;
        }
        let markup = html! {
            h2 { (self.heading) }
            @if table.rows.is_empty() { p.note { "None yet." } }
            @else { div.panel { (sheet::table(&sheets::readable(table, self.hidden), self.heading)) } }
        };
        Some(Piece::new("trial", self.heading.to_lowercase(), &markup))
    }
}
