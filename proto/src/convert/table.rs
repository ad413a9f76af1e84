//! Rows as text.

use domain::table::{Column, ColumnKind, Table, View};

use super::{Wire, WireError, unspecified};
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

/// The same table as a message. It is taken and not copied: it may be as large as a message can be.
#[must_use]
pub fn to_wire(table: Table) -> v1::Table {
    let kind = |kind| match kind {
        ColumnKind::Text => v1::ColumnKind::Text,
        ColumnKind::Integer => v1::ColumnKind::Integer,
        ColumnKind::Number => v1::ColumnKind::Number,
        ColumnKind::Boolean => v1::ColumnKind::Boolean,
        ColumnKind::Timestamp => v1::ColumnKind::Timestamp,
    };
    let columns = table.columns.into_iter();
    let columns = columns.map(|column| v1::Column { kind: kind(column.kind).into(), name: column.name });
    let row = |row: Vec<_>| v1::Row { cells: row.into_iter().map(|text| v1::Cell { text }).collect() };
    v1::Table { columns: columns.collect(), rows: table.rows.into_iter().map(row).collect() }
}

impl Wire for View {
    type Message = v1::View;

    fn to_wire(&self) -> v1::View {
        match self {
            Self::Result => v1::View::Result,
            Self::Trial => v1::View::Trial,
            Self::Metric => v1::View::Metric,
            Self::Split => v1::View::Split,
            Self::Attempt => v1::View::Attempt,
            Self::Log => v1::View::Log,
            Self::Worker => v1::View::Worker,
            Self::BestLearningRate => v1::View::BestLearningRate,
            Self::Decision => v1::View::Decision,
        }
    }

    fn from_wire(message: v1::View) -> Result<Self, WireError> {
        Ok(match message {
            v1::View::Result => Self::Result,
            v1::View::Trial => Self::Trial,
            v1::View::Metric => Self::Metric,
            v1::View::Split => Self::Split,
            v1::View::Attempt => Self::Attempt,
            v1::View::Log => Self::Log,
            v1::View::Worker => Self::Worker,
            v1::View::BestLearningRate => Self::BestLearningRate,
            v1::View::Decision => Self::Decision,
            v1::View::Unspecified => return Err(unspecified("view")),
        })
    }
}
