//! Rows as text, from the wire.

use domain::table::{Column, ColumnKind, Table};

use crate::v1;

/// The same table; a column of a kind that this build does not know is text.
#[must_use]
pub fn from_wire(table: v1::Table) -> Table {
    let kind = |kind: v1::ColumnKind| match kind {
        v1::ColumnKind::Integer => ColumnKind::Integer,
        v1::ColumnKind::Number => ColumnKind::Number,
        v1::ColumnKind::Boolean => ColumnKind::Boolean,
        v1::ColumnKind::Timestamp => ColumnKind::Timestamp,
        v1::ColumnKind::Text | v1::ColumnKind::Unspecified => ColumnKind::Text,
    };
    let columns = table.columns.into_iter();
    let columns = columns.map(|column| Column { kind: kind(column.kind()), name: column.name });
    let rows = table.rows.into_iter().map(|row| row.cells.into_iter().map(|cell| cell.text).collect());
    Table { columns: columns.collect(), rows: rows.collect() }
}
