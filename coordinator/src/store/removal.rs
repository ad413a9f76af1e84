//! Sweeps that are renamed, tagged and removed.

use domain::lifecycle::SweepState;
use domain::units::SweepId;
use sqlx::{PgConnection, PgPool};

use super::columns::{column, count, word};
use super::{Result, StoreError};

/// Tags that one sweep may have.
pub const MAX_TAGS: usize = 32;

/// Calls a sweep by another name.
///
/// # Errors
/// As any query.
pub async fn rename(connection: &mut PgConnection, sweep_id: SweepId, name: &str) -> Result<()> {
    sqlx::query_file!("queries/sweep/rename_sweep.sql", sweep_id.0, name).execute(connection).await?;
    Ok(())
}

/// Gives a sweep tags, and takes others away.
///
/// # Errors
/// [`StoreError::Invalid`] where it would have more than [`MAX_TAGS`].
pub async fn tag(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    add: &[String],
    remove: &[String],
) -> Result<()> {
    let tagged = sqlx::query_file!("queries/sweep/tag_sweep.sql", sweep_id.0, add, remove)
        .execute(connection)
        .await?
        .rows_affected();
    if tagged == 0 {
        let problem = format!("would give the sweep more than {MAX_TAGS} tags");
        return Err(StoreError::Invalid { field: "add", problem });
    }
    Ok(())
}

/// Locks sweeps that are to be removed: nobody tries them again meanwhile.
///
/// # Errors
/// [`StoreError::WrongState`] names those that have not ended.
pub async fn lock(connection: &mut PgConnection, sweep_ids: &[SweepId]) -> Result<()> {
    let sweeps = column(sweep_ids, |sweep_id| sweep_id.0);
    let rows = sqlx::query_file!("queries/sweep/lock_for_removal.sql", &sweeps).fetch_all(connection).await?;
    let mut going = Vec::new();
    for row in rows {
        let state: SweepState = word("the state of a sweep", &row.state)?;
        if state != SweepState::Finished {
            going.push(row.sweep_id.to_string());
        }
    }
    if going.is_empty() {
        return Ok(());
    }
    let (verb, them) = if going.len() == 1 { ("has", "it") } else { ("have", "them") };
    Err(StoreError::WrongState(format!(
        "{} {verb} trials that wait or run, so nothing was removed; end {them} first with `batchsweep cancel`",
        going.join(", ")
    )))
}

/// Removes sweeps with all that belongs to them. The caller has locked them.
///
/// # Errors
/// As any query.
pub async fn remove(connection: &mut PgConnection, sweep_ids: &[SweepId]) -> Result<()> {
    let sweeps = column(sweep_ids, |sweep_id| sweep_id.0);
    sqlx::query_file!("queries/sweep/remove_sweeps.sql", &sweeps).execute(connection).await?;
    Ok(())
}

/// A table is written anew where it takes this many bytes for each row that is left in it, and [`WORTH_IT`] in all.
const BYTES_A_ROW: u64 = 4_096;

/// Bytes that are worth a moment in which nobody else reads or writes the table.
const WORTH_IT: u64 = 4 << 20;

/// Gives what removed rows took back to the system, as far as that keeps nobody waiting, and gives the bytes. A table that is
/// empty, or almost, is written anew, which takes a moment; of others the free pages at their ends go.
///
/// # Errors
/// As any query.
pub async fn give_back_space(pool: &PgPool) -> Result<u64> {
    // Neither may be in a transaction. A table whose readers do not make room in time keeps its size.
    let mut connection = pool.acquire().await?;
    let before = sizes(&mut connection).await?;
    for table in &before {
        vacuum(&mut connection, "vacuum (analyze, skip_locked)", &table.name).await?;
    }
    sqlx::raw_sql("set lock_timeout = '1s'; set statement_timeout = '30s'").execute(&mut *connection).await?;
    for table in sizes(&mut connection).await? {
        if table.bytes >= WORTH_IT && table.bytes / BYTES_A_ROW >= table.rows {
            let rewritten = vacuum(&mut connection, "vacuum (full)", &table.name).await;
            if let Err(error) = rewritten {
                tracing::info!(table = table.name, "keeps its size for now: {error}");
            }
        }
    }
    sqlx::raw_sql("reset lock_timeout; reset statement_timeout").execute(&mut *connection).await?;
    let sum = |sizes: &[Size]| sizes.iter().map(|size| size.bytes).sum::<u64>();
    Ok(sum(&before).saturating_sub(sum(&sizes(&mut connection).await?)))
}

/// What a table takes on disk.
struct Size {
    name: String,
    bytes: u64,
    rows: u64,
}

async fn sizes(connection: &mut PgConnection) -> Result<Vec<Size>> {
    let rows = sqlx::query_file!("queries/sweep/size_of_tables.sql").fetch_all(connection).await?;
    let sizes = rows.into_iter();
    Ok(sizes.map(|row| Size { name: row.name, bytes: count(row.bytes), rows: count(row.rows) }).collect())
}

/// The table's name comes from the catalog, where only migrations write.
async fn vacuum(connection: &mut PgConnection, how: &str, table: &str) -> Result<()> {
    let statement = format!("{how} core.\"{table}\"");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
