//! Tables of text: rows of the public views, and of people's own SQL ([`reader`]).

mod cells;
pub mod reader;
mod statement;

use domain::table::{Column, Table, View};
use domain::units::{SweepId, TrialId};
use sqlx::PgConnection;
use tokio_stream::{Stream, StreamExt};

use super::{Result, StoreError};
use cells::{cells, kind};

/// What one message may hold of rows, in MiB; the rest of `proto::MAX_MESSAGE_BYTES` is for the framing of cells.
const LIMIT_MIB: usize = proto::MAX_MESSAGE_BYTES / (2 << 20);

/// Rows of a page of [`all`].
const PAGE_ROWS: u32 = 5_000;

/// Which rows of a view.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Of this sweep; all views but that of workers are of one.
    pub sweep_id: Option<SweepId>,
    /// Of this trial alone.
    pub trial_id: Option<TrialId>,
    /// Of trials in this state, for [`View::Result`] and [`View::Trial`].
    pub status: Option<&'a str>,
    /// Of this curve, for [`View::Metric`].
    pub name: Option<&'a str>,
    /// After this place.
    pub after: Option<Cursor>,
    /// About so many; see [`Page`].
    pub limit: Option<u32>,
}

/// A place among the rows of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The trial.
    pub trial_id: TrialId,
    /// The step, for [`View::Metric`]; else 0.
    pub step: i64,
}

/// Rows, and where the next ones begin. What shares a [`Cursor`] is in one page, so that places need no numbers.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows.
    pub table: Table,
    /// After this place; `None` after the last page.
    pub next: Option<Cursor>,
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
    let sweep = wanted.sweep_id.map(|sweep_id| sweep_id.to_string());
    let trial = wanted.trial_id.map(|trial_id| trial_id.to_string());
    let (after, step) = wanted.after.map(|place| (place.trial_id.to_string(), place.step)).unzip();
    // One more shows whether there is a next page.
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
        View::Decision => rows!("queries/rows/decision_rows.sql", sweep, trial),
    };
    Ok(Page { table: Table { columns: columns(connection, view).await?, rows }, next })
}

/// All rows of a view, page by page: more than one message holds.
///
/// # Errors
/// As [`list`].
pub async fn all(connection: &mut PgConnection, view: View, wanted: &Wanted<'_>) -> Result<Table> {
    let mut wanted = Wanted { limit: Some(PAGE_ROWS), ..wanted.clone() };
    let mut table = Table::default();
    loop {
        let page = list(connection, view, &wanted).await?;
        table.columns = page.table.columns;
        table.rows.extend(page.table.rows);
        if page.next.is_none() {
            return Ok(table);
        }
        wanted.after = page.next;
    }
}

async fn columns(connection: &mut PgConnection, view: View) -> Result<Vec<Column>> {
    let columns =
        sqlx::query_file!("queries/rows/view_columns.sql", view.name()).fetch_all(connection).await?;
    Ok(columns.into_iter().map(|column| Column { kind: kind(&column.r#type), name: column.name }).collect())
}

/// A row's trial and step, where its view has pages, and the row as a JSON object.
type Placed = (Option<(String, i64)>, String);

async fn read(
    mut rows: impl Stream<Item = sqlx::Result<Placed>> + Unpin,
    limit: Option<u32>,
) -> Result<(Vec<Vec<Option<String>>>, Option<Cursor>)> {
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
    Ok((found, Some(Cursor { trial_id, step })))
}
