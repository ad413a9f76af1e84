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
}

/// What a trial's page shows beside the result, in this order.
pub const BESIDE: [Beside; 3] = [
    Beside { view: View::Split, heading: "Splits", hidden: &["sweep_id", "trial_id"] },
    Beside { view: View::Attempt, heading: "Attempts", hidden: &["sweep_id", "trial_id", "trial_index"] },
    Beside { view: View::Log, heading: "Log", hidden: &["sweep_id", "trial_id", "trial_index", "seq"] },
];

impl Beside {
    /// Its rows under its heading.
    pub fn piece(&self, table: &Table) -> Piece {
        let markup = html! {
            h2 { (self.heading) }
            @if table.rows.is_empty() { p.note { "None yet." } }
            @else { div.panel { (sheet::table(&sheets::readable(table, self.hidden), self.heading)) } }
        };
        Piece::new("trial", self.heading.to_lowercase(), &markup)
    }
}
