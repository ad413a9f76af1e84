//! Any table as a sheet: texts as the database wrote them.

use crate::sheet::{Cell, Sheet, SheetColumn, Tone};
use crate::table::{ColumnKind, Table};
use crate::{human, sheet};

/// All columns, values untouched: for queries, where every digit may matter.
#[must_use]
pub fn verbatim(table: &Table) -> Sheet {
    Sheet {
        columns: table.columns.iter().map(|column| sheet_column(&column.name, column.kind, 0)).collect(),
        rows: table
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.as_deref().map_or_else(null, Cell::from)).collect())
            .collect(),
    }
}

/// All columns but `hidden`, in human units by the ending of their names: `_bytes`, `_seconds`, `_at`. The further
/// right a column, the sooner a narrow terminal loses it; columns empty in every row are left out.
#[must_use]
pub fn readable(table: &Table, hidden: &[&str]) -> Sheet {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|&index| !hidden.contains(&table.columns[index].name.as_str()))
        .collect();
    let columns = shown.iter().enumerate().map(|(place, &index)| {
        let column = &table.columns[index];
        sheet_column(&column.name.replace('_', " "), column.kind, u32::try_from(place).unwrap_or(u32::MAX))
    });
    let rows = table.rows.iter().map(|row| {
        shown
            .iter()
            .map(|&index| {
                let text = row.get(index).and_then(Option::as_deref).unwrap_or_default();
                cell(&table.columns[index].name, table.columns[index].kind, text)
            })
            .collect()
    });
    Sheet { columns: columns.collect(), rows: rows.collect() }.without_empty_columns()
}

/// The tone of a status or state.
#[must_use]
pub fn tone(status: &str) -> Tone {
    match status {
        "succeeded" | "finished" | "ready" => Tone::Good,
        "running" | "active" | "busy" => Tone::Busy,
        "diverged" | "infeasible" | "stopped" | "paused" | "draining" | "drained" => Tone::Odd,
        "failed" | "lost" | "expired" => Tone::Bad,
        "undecided" | "pending" | "skipped" | "cancelled" | "idle" => Tone::Faint,
        _ => Tone::Plain,
    }
}

fn sheet_column(title: &str, kind: ColumnKind, rank: u32) -> SheetColumn {
    let align = match kind {
        ColumnKind::Integer | ColumnKind::Number => sheet::Align::Right,
        ColumnKind::Text | ColumnKind::Boolean | ColumnKind::Timestamp => sheet::Align::Left,
    };
    SheetColumn { title: title.to_owned(), align, rank }
}

fn null() -> Cell {
    Cell { text: "null".to_owned(), tone: Tone::Faint }
}

fn cell(name: &str, kind: ColumnKind, text: &str) -> Cell {
    let number = || text.parse::<f64>().ok();
    let shown = match kind {
        ColumnKind::Integer if name.ends_with("_bytes") => text.parse().ok().map(human::bytes),
        ColumnKind::Number if name.ends_with("seconds") => number().map(human::seconds),
        ColumnKind::Number if name == "learning_rate" => number().map(human::exact),
        ColumnKind::Number => number().map(rounded),
        ColumnKind::Text | ColumnKind::Timestamp if name.ends_with("_at") => Some(second(text)),
        _ => None,
    };
    let tone = if name == "status" || name == "state" { tone(text) } else { Tone::Plain };
    Cell { text: shown.unwrap_or_else(|| text.to_owned()), tone }
}

/// Five significant digits, without zeros that say nothing.
fn rounded(number: f64) -> String {
    human::significant(number, 5).parse().map_or_else(|_| number.to_string(), human::exact)
}

/// A point in time to the second, with its zone: `2026-11-24T03:12:45.123456+00:00` as `2026-11-24 03:12:45Z`.
fn second(text: &str) -> String {
    let Some((date, rest)) = text.split_once('T') else { return text.to_owned() };
    let end = rest.find(['.', '+', '-', 'Z']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let zone = zone.trim_start_matches(|letter: char| letter == '.' || letter.is_ascii_digit());
    let zone = if zone == "+00:00" { "Z" } else { zone };
    format!("{date} {time}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::Look;
    use crate::table::Column;

    fn table() -> Table {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let row = |cells: [&str; 5]| {
            cells.map(|cell| Some(cell.to_owned()).filter(|cell| !cell.is_empty())).to_vec()
        };
        Table {
            columns: vec![
                column("worker", ColumnKind::Text),
                column("state", ColumnKind::Text),
                column("memory_bytes", ColumnKind::Integer),
                column("last_seen_at", ColumnKind::Text),
                column("note", ColumnKind::Text),
            ],
            rows: vec![
                row(["local-0", "idle", "16642998272", "2026-11-24T03:12:45.123456Z", ""]),
                row(["local-1", "lost", "", "2026-11-24T03:10:00+01:00", ""]),
            ],
        }
    }

    #[test]
    fn a_readable_table_has_human_units_and_no_empty_column() {
        insta::assert_snapshot!(readable(&table(), &[]).render(Look::PLAIN), @r"
        worker   state  memory bytes  last seen at
        local-0  idle      15.50 GiB  2026-11-24 03:12:45Z
        local-1  lost                 2026-11-24 03:10:00+01:00
        ");
    }

    #[test]
    fn a_verbatim_table_keeps_every_digit_and_shows_null() {
        insta::assert_snapshot!(verbatim(&table()).render(Look::PLAIN), @r"
        worker   state  memory_bytes  last_seen_at                 note
        local-0  idle    16642998272  2026-11-24T03:12:45.123456Z  null
        local-1  lost           null  2026-11-24T03:10:00+01:00    null
        ");
    }
}
