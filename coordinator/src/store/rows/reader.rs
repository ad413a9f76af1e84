//! People's SQL: one statement on a connection of its own, as the role that sees the public views only.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use domain::table::{Column as TableColumn, Table};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgErrorPosition, PgRow};
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, PgConnection, Row, SqlSafeStr, Statement, TypeInfo, ValueRef,
};
use tokio_stream::StreamExt;

use super::cells::kind;
use super::statement::{self, Form};
use crate::store::Store;
use crate::store::error::is_unavailable;
use crate::store::resolve::nearest;

/// The role.
pub const READER_ROLE: &str = "batchsweep_reader";

/// Rows given back at most.
pub const MAX_ROWS: usize = 10_000;

/// Bytes of cells given back at most.
const MAX_BYTES: usize = proto::MAX_MESSAGE_BYTES / 2;

/// How long a statement may take; Postgres ends it.
const STATEMENT_TIMEOUT: &str = "30s";

/// How long all of it may take; a backstop should Postgres not answer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(40);

/// Characters of all cells of one row, at most.
const MAX_CELL: usize = 4 << 20;

/// What is said of a statement that is no query.
const NO_ROWS: &str = "only queries are answered: SELECT, VALUES, TABLE, WITH, EXPLAIN and SHOW (`-o csv` writes their rows as CSV)";

/// The public views.
const VIEWS: &str =
    "select viewname::text from pg_catalog.pg_views where schemaname = 'batchsweep' order by 1";

/// Why a statement gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The statement is wrong, not allowed, or took too long.
    #[error("{0}")]
    Statement(String),
    /// There is no view or table of this name.
    #[error("{message}")]
    NoSuchView {
        /// As it was written, without a schema.
        name: String,
        /// What Postgres says.
        message: String,
    },
    /// The role cannot log in.
    #[error("the role {READER_ROLE} cannot log in: {0}\ncorrect the coordinator's --reader-database-url")]
    Login(#[source] sqlx::Error),
    /// The role has too many connections.
    #[error("too many statements at once; try again in a moment")]
    Busy,
    /// Postgres does not answer.
    #[error("the database is out of reach: {0}")]
    Unavailable(#[source] sqlx::Error),
}

/// The rows of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The rows, as Postgres writes them (dates in RFC 3339).
    pub table: Table,
    /// Whether rows past [`MAX_ROWS`], or past the size of a message, were left out.
    pub truncated: bool,
}

/// Runs one statement in a read-only transaction of its own, on a fresh connection that is closed afterwards: nothing that
/// a statement does stays, neither in the database nor in a session.
///
/// # Errors
/// [`ReaderError`].
pub async fn query(store: &Store, options: &PgConnectOptions, sql: &str) -> Result<Answer, ReaderError> {
    let backend = AtomicI32::new(0);
    let answer = async {
        // The role's own settings do not count: whoever has its password may change them.
        let settings = [
            ("default_transaction_read_only", "on"),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", "10s"),
            ("search_path", "batchsweep"),
            ("work_mem", "16MB"),
        ];
        let options = options.clone().options(settings).application_name("batchsweep sql");
        let mut connection = PgConnection::connect_with(&options).await.map_err(login_error)?;
        let process = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await;
        backend.store(process.map_err(statement_error)?, Ordering::Relaxed);
        let mut answer = read(&mut connection, sql).await;
        if let Err(ReaderError::NoSuchView { name, message }) = answer {
            let views = sqlx::query_scalar(VIEWS).fetch_all(&mut connection).await.unwrap_or_default();
            answer = Err(ReaderError::Statement(format!("{message}\nhint: {}", views_hint(&name, views))));
        }
        // Rows may still be on their way, so the connection is dropped, not drained.
        drop(connection);
        answer
    };
    match tokio::time::timeout(TOTAL_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(_) => {
            terminate(store, backend.into_inner()).await;
            Err(ReaderError::Statement(format!("no answer within {TOTAL_TIMEOUT:?}")))
        }
    }
}

/// Ends a process of the database that works for the reader. A statement that outlives its time limit would else hold its
/// memory, its locks, and one of the role's connections.
async fn terminate(store: &Store, backend: i32) {
    let ended = sqlx::query_file_scalar!("queries/coordinator/end_reader.sql", backend);
    match ended.fetch_one(&store.requests).await {
        Ok(is_ended) => {
            tracing::warn!(backend, is_ended, "a statement of the reader outlived its time limit");
        }
        Err(error) => tracing::warn!(backend, "a statement of the reader outlives its time limit: {error}"),
    }
}

async fn read(connection: &mut PgConnection, sql: &str) -> Result<Answer, ReaderError> {
    // The extended protocol takes one statement only, and tells its columns even where there are no rows.
    let prepared = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await.map_err(statement_error)?;
    if prepared.parameters().is_some_and(|parameters| parameters.either(<[_]>::len, |count| count) > 0) {
        let message = "the statement has parameters ($1, ...); write the values themselves";
        return Err(ReaderError::Statement(message.to_owned()));
    }
    let types: Vec<String> =
        prepared.columns().iter().map(|column| column.type_info().name().to_ascii_lowercase()).collect();
    let columns: Vec<TableColumn> = prepared
        .columns()
        .iter()
        .zip(&types)
        .map(|(column, type_name)| TableColumn { name: column.name().to_owned(), kind: kind(type_name) })
        .collect();
    let most = MAX_CELL / columns.len().max(1);
    let text = match statement::form(sql) {
        Form::Query if !columns.is_empty() => cut_to(most, columns.len(), statement::body(sql)),
        Form::About => sql.to_owned(),
        _ => return Err(ReaderError::Statement(NO_ROWS.to_owned())),
    };
    connection.execute("begin read only").await.map_err(statement_error)?;
    // The simple protocol gives every type as text.
    let mut stream = sqlx::raw_sql(AssertSqlSafe(text)).fetch(connection);
    let (mut rows, mut bytes, mut truncated) = (Vec::new(), 0, false);
    while let Some(row) = stream.next().await {
        let row = row_of(&row.map_err(statement_error)?, &types)?;
        if row.iter().flatten().any(|cell| cell.chars().nth(most).is_some()) {
            let message = format!(
                "a cell has more than {most} characters\nhint: ask for a part of it, as left(it, 1000) gives"
            );
            return Err(ReaderError::Statement(message));
        }
        bytes += row.iter().map(|text| text.as_ref().map_or(0, String::len) + 8).sum::<usize>();
        if rows.len() == MAX_ROWS || bytes > MAX_BYTES {
            truncated = true;
            break;
        }
        rows.push(row);
    }
    Ok(Answer { table: Table { columns, rows }, truncated })
}

/// The same rows, each cell as a text of at most one letter more than `most`: a row comes in one piece, and would need as much
/// memory here as it has bytes.
fn cut_to(most: usize, columns: usize, query: &str) -> String {
    let names: Vec<String> = (1..=columns).map(|number| format!("c{number}")).collect();
    let cells: Vec<String> = names.iter().map(|name| format!("left({name}::text, {})", most + 1)).collect();
    format!("select {} from (\n{query}\n) as answer ({})", cells.join(", "), names.join(", "))
}

fn row_of(row: &PgRow, types: &[String]) -> Result<Vec<Option<String>>, ReaderError> {
    let cells = types.iter().enumerate().map(|(index, type_name)| {
        let value = row.try_get_raw(index).map_err(statement_error)?;
        if value.is_null() {
            return Ok(None);
        }
        let text = value.as_str().map_err(|error| statement_error(sqlx::Error::Decode(error)))?;
        let text = match (type_name.as_str(), text) {
            ("bool", "t") => "true".to_owned(),
            ("bool", "f") => "false".to_owned(),
            ("timestamptz", text) => rfc_3339(text),
            (_, text) => text.to_owned(),
        };
        Ok(Some(text))
    });
    cells.collect()
}

/// `2026-01-31 12:00:00.5+00` as `2026-01-31T12:00:00.5+00:00`; what is no such date stays as it is.
fn rfc_3339(text: &str) -> String {
    match text.strip_suffix("+00").and_then(|text| text.split_once(' ')) {
        Some((date, time)) => format!("{date}T{time}+00:00"),
        None => text.to_owned(),
    }
}

fn login_error(error: sqlx::Error) -> ReaderError {
    let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    match code.as_deref() {
        // too_many_connections
        Some("53300") => ReaderError::Busy,
        _ if is_unavailable(&error) => ReaderError::Unavailable(error),
        _ => ReaderError::Login(error),
    }
}

fn statement_error(error: sqlx::Error) -> ReaderError {
    if is_unavailable(&error) {
        return ReaderError::Unavailable(error);
    }
    let Some(refusal) =
        error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
    else {
        return ReaderError::Statement(format!("the rows cannot be read: {error}"));
    };
    let mut text = refusal.message().to_owned();
    if let Some(PgErrorPosition::Original(position)) = refusal.position() {
        text.push_str(&format!(" (at character {position})"));
    }
    // undefined_table: relation "batchsweep.name" does not exist
    if refusal.code() == "42P01"
        && let Some(name) = refusal.message().split('"').nth(1)
    {
        let name = name.rsplit('.').next().unwrap_or(name).to_owned();
        return ReaderError::NoSuchView { name, message: text };
    }
    for (label, line) in [("detail", refusal.detail()), ("hint", refusal.hint())] {
        if let Some(line) = line {
            text.push_str(&format!("\n{label}: {line}"));
        }
    }
    ReaderError::Statement(text)
}

/// What to write in place of a name that is none of these views.
fn views_hint(name: &str, views: Vec<String>) -> String {
    let all = views.join(", ");
    match nearest(name, views) {
        Some(view) => format!("did you mean batchsweep.{view}? The views of schema batchsweep: {all}"),
        None => format!("the views of schema batchsweep: {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_rfc_3339() {
        assert_eq!(rfc_3339("2026-01-31 12:00:00.5+00"), "2026-01-31T12:00:00.5+00:00");
        assert_eq!(rfc_3339("infinity"), "infinity");
    }
}
