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

/// Which rows of a view.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Of this sweep.
    pub sweep_id: Uuid,
    /// Of this trial alone.
    pub trial_id: Option<Uuid>,
    /// Of trials in this state, for [`View::Result`] and [`View::Trial`].
    pub status: Option<&'a str>,
    /// Of this curve, for [`View::Metric`].
    pub name: Option<&'a str>,
    /// After this place.
    pub after: Option<Place>,
    /// About so many; see [`Page`].
    pub limit: Option<u32>,
}

/// A place among the rows of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The trial.
    pub trial_id: Uuid,
    /// The step, for [`View::Metric`]; else 0.
    pub step: i64,
}

/// Rows, and where the next ones begin. What shares a [`Place`] stands in one page, so that places need no numbers.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows.
    pub table: v1::Table,
    /// After this place; `None` after the last page.
    pub next: Option<Place>,
}

/// The rows of a view in grid order.
///
/// # Errors
/// [`StoreError::TooManyRows`] past what one message holds, and where a limit cuts through the rows of one place.
pub async fn list(connection: &mut PgConnection, view: View, wanted: &Wanted<'_>) -> Result<Page> {
    macro_rules! rows {
        ($file:literal $(, $argument:expr)*) => {{
            let rows = sqlx::query_file_scalar!($file $(, $argument)*).fetch(&mut *connection);
            read(rows.map(|row| row.map(|row| (None, row))), None).await?
        }};
    }
    macro_rules! page {
        ($file:literal $(, $argument:expr)*) => {{
            let rows = sqlx::query_file!($file $(, $argument)*).fetch(&mut *connection);
            let rows = rows.map(|row| row.map(|row| (Some((row.trial_id, row.step)), row.row)));
            read(rows, wanted.limit).await?
        }};
    }
    let (sweep, trial) = (wanted.sweep_id.to_string(), wanted.trial_id.map(|trial_id| trial_id.to_string()));
    let (after, step) = wanted.after.as_ref().map(|place| (place.trial_id.to_string(), place.step)).unzip();
    // One more tells whether there is a next page.
    let limit = wanted.limit.map(|limit| i64::from(limit) + 1);
    let (rows, next) = match view {
        View::Result => page!("queries/rows/result_rows.sql", sweep, trial, wanted.status, after, limit),
        View::Trial => page!("queries/rows/trial_rows.sql", sweep, trial, wanted.status, after, limit),
        View::Metric => page!("queries/rows/metric_rows.sql", sweep, trial, wanted.name, after, step, limit),
        View::Split => page!("queries/rows/split_rows.sql", sweep, trial, after, limit),
        View::Attempt => page!("queries/rows/attempt_rows.sql", sweep, trial, after, limit),
        View::Log => rows!("queries/rows/log_rows.sql", sweep, trial),
        View::Worker => rows!("queries/rows/worker_rows.sql"),
        View::BestLearningRate => rows!("queries/rows/best_learning_rate_rows.sql", sweep),
    };
    Ok(Page { table: v1::Table { columns: columns(connection, view).await?, rows }, next })
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
        "timestamp with time zone" | "timestamptz" => v1::ColumnKind::Timestamp,
        _ => v1::ColumnKind::Text,
    }
}

/// A row's trial and step, where its view has pages, and the row as a JSON object.
type Placed = (Option<(String, i64)>, String);

async fn read(
    mut rows: impl Stream<Item = sqlx::Result<Placed>> + Unpin,
    limit: Option<u32>,
) -> Result<(Vec<v1::Row>, Option<Place>)> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    // Where the rows of the latest place begin, and of the one before which it is.
    let (mut place, mut before, mut first) = (None, None, 0);
    while let Some(row) = rows.next().await {
        let (at, row) = row?;
        bytes += row.len();
        if bytes > LIMIT_MIB << 20 {
            return Err(StoreError::TooManyRows { limit: LIMIT_MIB });
        }
        if at != place {
            (before, place, first) = (place, at, found.len());
        }
        found.push(cells(&row).map_err(|error| StoreError::corrupt("a row of a view", error))?);
    }
    let Some(_) = limit.filter(|&limit| found.len() > limit as usize) else { return Ok((found, None)) };
    // The last place may go on past the limit: it belongs to the next page.
    found.truncate(first);
    let Some((trial_id, step)) = before else { return Err(StoreError::TooManyRows { limit: LIMIT_MIB }) };
    let trial_id = trial_id.parse().map_err(|error| StoreError::corrupt("the id of a trial", error))?;
    Ok((found, Some(Place { trial_id, step })))
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
