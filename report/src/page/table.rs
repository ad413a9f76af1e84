//! Tables of the page: numbers as people read them, each with the exact one behind it.

use maud::{Markup, html};

use crate::human;
use crate::plot::Unit;
use crate::table::{ColumnKind, Table};

/// Rows shown at most; the SQL beside a table gives all.
const MOST_ROWS: usize = 500;

/// A table with the columns' names in words.
pub fn of(table: &Table) -> Markup {
    let left_out = table.rows.len().saturating_sub(MOST_ROWS);
    html! {
        div.scroll tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=(side(column.kind)) { (column.name.replace('_', " ")) }
                        }
                    }
                }
                tbody {
                    @for row in table.rows.iter().take(MOST_ROWS) {
                        tr {
                            @for (column, cell) in table.columns.iter().zip(row) {
                                (data(&column.name, column.kind, cell.as_deref()))
                            }
                        }
                    }
                }
            }
        }
        @if left_out > 0 {
            p.note { "The first " (human::whole(MOST_ROWS as u64)) " rows; " (human::whole(left_out as u64)) " more come from the SQL." }
        }
    }
}

fn side(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Integer | ColumnKind::Number => "number",
        ColumnKind::Text | ColumnKind::Boolean | ColumnKind::Timestamp => "words",
    }
}

fn data(name: &str, kind: ColumnKind, cell: Option<&str>) -> Markup {
    let Some(text) = cell else { return html! { td.null { "–" } } };
    let shown = shown(name, kind, text);
    html! {
        td class=(side(kind)) {
            @if shown == text { (shown) } @else { data value=(text) title=(text) { (shown) } }
        }
    }
}

/// A cell as people read it; batch sizes and learning rates as typed.
fn shown(name: &str, kind: ColumnKind, text: &str) -> String {
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite());
    match (kind, number()) {
        (ColumnKind::Integer | ColumnKind::Number, Some(number)) => match name {
            "learning_rate" | "next_smaller" | "next_larger" => human::exact(number),
            _ if name.ends_with("_bytes") => human::bytes(number.max(0.0) as u64),
            "seconds" | "train_seconds" | "seconds_per_step" | "fastest" | "slowest" => {
                Unit::Seconds.long(number)
            }
            _ if kind == ColumnKind::Integer || number.fract() == 0.0 && number.abs() < 1e6 => {
                human::exact(number)
            }
            _ if number.abs() >= 1e5 => human::prefixed(number),
            _ => human::significant(number, 4),
        },
        _ => text.to_owned(),
    }
}
