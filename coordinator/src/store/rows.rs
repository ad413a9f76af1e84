//! Rows of the public views as tables of text.

use std::fmt;

use proto::v1;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sqlx::PgConnection;
use tokio_stream::{Stream, StreamExt};
use uuid::Uuid;

use super::{Result, StoreError};

/// What one message may hold of rows, in MiB; the rest of `proto::MAX_MESSAGE_BYTES` is for the framing of cells.
const LIMIT_MIB: usize = proto::MAX_MESSAGE_BYTES / (2 << 20);

/// The public views that have rows for one sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One row a trial, every number.
    Result,
    /// One row a trial, its state.
    Trial,
    /// One row a point.
    Metric,
    /// One row a split.
    Split,
    /// One row an attempt.
    Attempt,
    /// One row a log line.
    Log,
    /// One row a worker.
    Worker,
    /// One row a batch size and optimizer.
    BestLearningRate,
}

impl View {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Result,
        Self::Trial,
        Self::Metric,
        Self::Split,
        Self::Attempt,
        Self::Log,
        Self::Worker,
        Self::BestLearningRate,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Trial => "trial",
            Self::Metric => "metric",
            Self::Split => "split",
            Self::Attempt => "attempt",
            Self::Log => "log",
            Self::Worker => "worker",
            Self::BestLearningRate => "best_learning_rate",
        }
    }
}

/// The rows of a view for one sweep, or for one trial of it, in grid order.
///
/// # Errors
/// [`StoreError::TooManyRows`] past what one message holds.
pub async fn list(
    connection: &mut PgConnection,
    view: View,
    sweep_id: Uuid,
    trial_id: Option<Uuid>,
) -> Result<v1::Table> {
    macro_rules! rows {
        ($file:literal $(, $argument:expr)*) => {
            read(sqlx::query_file_scalar!($file $(, $argument)*).fetch(&mut *connection)).await?
        };
    }
    let (sweep, trial) = (sweep_id.to_string(), trial_id.map(|trial_id| trial_id.to_string()));
    let rows = match view {
        View::Result => rows!("queries/rows/result_rows.sql", sweep, trial),
        View::Trial => rows!("queries/rows/trial_rows.sql", sweep, trial),
        View::Metric => rows!("queries/rows/metric_rows.sql", sweep, trial),
        View::Split => rows!("queries/rows/split_rows.sql", sweep, trial),
        View::Attempt => rows!("queries/rows/attempt_rows.sql", sweep, trial),
        View::Log => rows!("queries/rows/log_rows.sql", sweep, trial),
        View::Worker => rows!("queries/rows/worker_rows.sql"),
        View::BestLearningRate => rows!("queries/rows/best_learning_rate_rows.sql", sweep),
    };
    Ok(v1::Table { columns: columns(connection, view).await?, rows })
}

async fn columns(connection: &mut PgConnection, view: View) -> Result<Vec<v1::Column>> {
    let columns =
        sqlx::query_file!("queries/rows/view_columns.sql", view.name()).fetch_all(connection).await?;
    Ok(columns
        .into_iter()
        .map(|column| v1::Column { name: column.name, kind: kind(&column.r#type).into() })
        .collect())
}

/// What cells of a Postgres type hold.
pub(crate) fn kind(type_name: &str) -> v1::ColumnKind {
    match type_name.to_ascii_lowercase().as_str() {
        "smallint" | "integer" | "bigint" | "int2" | "int4" | "int8" | "oid" => v1::ColumnKind::Integer,
        "real" | "double precision" | "numeric" | "float4" | "float8" => v1::ColumnKind::Number,
        "boolean" | "bool" => v1::ColumnKind::Boolean,
        _ => v1::ColumnKind::Text,
    }
}

async fn read(mut rows: impl Stream<Item = sqlx::Result<String>> + Unpin) -> Result<Vec<v1::Row>> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().await {
        let row = row?;
        bytes += row.len();
        if bytes > LIMIT_MIB << 20 {
            return Err(StoreError::TooManyRows { limit: LIMIT_MIB });
        }
        found.push(cells(&row).map_err(|error| StoreError::corrupt("a row of a view", error))?);
    }
    Ok(found)
}

/// The values of a JSON object in its order: numbers with all the digits that Postgres wrote, texts without quotes.
fn cells(row: &str) -> serde_json::Result<v1::Row> {
    struct Cells;
    impl<'de> Visitor<'de> for Cells {
        type Value = Vec<v1::Cell>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a row as a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut cells = Vec::new();
            while let Some((_, value)) = map.next_entry::<&str, &RawValue>()? {
                let text = match value.get() {
                    "null" => None,
                    text if text.starts_with('"') => {
                        Some(serde_json::from_str(text).map_err(serde::de::Error::custom)?)
                    }
                    other => Some(other.to_owned()),
                };
                cells.push(v1::Cell { text });
            }
            Ok(cells)
        }
    }
    let mut json = serde_json::Deserializer::from_str(row);
    Ok(v1::Row { cells: json.deserialize_map(Cells)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_keeps_its_order_and_every_digit() {
        let row = cells(r#"{"b":9007199254740993,"a":1e-05,"t":"say \"no\"","n":null,"f":false}"#).unwrap();
        let texts: Vec<_> = row.cells.iter().map(|cell| cell.text.as_deref()).collect();
        assert_eq!(texts, [Some("9007199254740993"), Some("1e-05"), Some("say \"no\""), None, Some("false")]);
    }
}
