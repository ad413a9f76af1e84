//! Checkpoints: what later attempts of a trial go on from, and whose records come before theirs.

use std::time::Duration;

use proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lease::{Held, LeaseKey};
use super::{Result, StoreError, bigint};

/// Keeps the newest checkpoint of a trial. One that is further than every earlier one shows that the trial can be done: it
/// gets its budget of failures and preemptions back. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::RecordsMissing`] when records before the checkpoint are not stored yet.
pub async fn keep(
    connection: &mut PgConnection,
    key: &LeaseKey,
    held: Held,
    checkpoint: &v1::Checkpoint,
) -> Result<()> {
    let last_seq = bigint("checkpoint.last_seq", checkpoint.last_seq)?;
    if last_seq > held.acked_seq {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    sqlx::query_file!(
        "queries/checkpoint/keep_checkpoint.sql",
        key.trial_id,
        key.attempt,
        bigint("checkpoint.step", checkpoint.step)?,
        bigint("checkpoint.examples", checkpoint.examples)?,
        last_seq,
        checkpoint.path,
        checkpoint.sha256,
        bigint("checkpoint.bytes", checkpoint.bytes)?,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the checkpoints of trials that have a result.
///
/// # Errors
/// As any query.
pub async fn forget(connection: &mut PgConnection, trial_ids: &[Uuid]) -> Result<()> {
    sqlx::query_file!("queries/checkpoint/forget_checkpoints.sql", trial_ids).execute(connection).await?;
    Ok(())
}

/// Trials condemned in one transaction.
const CONDEMNED: i64 = 200;

/// Removals that a worker is asked for at a time.
const ASKED: i64 = 20;

/// Forgets the checkpoints of trials that ended without a result longer than `keep` ago, a batch of them, and asks every worker
/// that may have some for their removal. Gives how many removals.
///
/// # Errors
/// As any query.
pub async fn condemn(connection: &mut PgConnection, keep: Duration) -> Result<u64> {
    let asked =
        sqlx::query_file!("queries/checkpoint/condemn_checkpoints.sql", keep.as_secs_f64(), CONDEMNED)
            .execute(connection)
            .await?;
    Ok(asked.rows_affected())
}

/// Checkpoints of a trial, up to those of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    /// The trial.
    pub trial_id: Uuid,
    /// The last attempt whose checkpoints are meant.
    pub attempt: i32,
}

/// What a worker is to remove next.
///
/// # Errors
/// As any query.
pub async fn removals(connection: &mut PgConnection, worker_id: Uuid) -> Result<Vec<Stale>> {
    Ok(sqlx::query_file_as!(Stale, "queries/checkpoint/removals_of_worker.sql", worker_id, ASKED)
        .fetch_all(connection)
        .await?)
}

/// Notes what a worker has removed.
///
/// # Errors
/// As any query.
pub async fn note_removals(connection: &mut PgConnection, worker_id: Uuid, removed: &[Stale]) -> Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    let trials: Vec<Uuid> = removed.iter().map(|stale| stale.trial_id).collect();
    let attempts: Vec<i32> = removed.iter().map(|stale| stale.attempt).collect();
    sqlx::query_file!("queries/checkpoint/note_removals.sql", worker_id, &trials, &attempts)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that an attempt goes on from an earlier one's checkpoint. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::Invalid`] where there was no such attempt, where it told fewer records, or where this attempt goes on from
/// another one already or has told points of its own.
pub async fn resume(connection: &mut PgConnection, key: &LeaseKey, resumed: &v1::Resumed) -> Result<()> {
    let ancestor = i32::try_from(resumed.attempt).unwrap_or(i32::MAX);
    let last_seq = bigint("records.resumed.last_seq", resumed.last_seq)?;
    let noted = sqlx::query_file!(
        "queries/checkpoint/insert_lineage.sql",
        key.trial_id,
        key.attempt,
        ancestor,
        last_seq
    )
    .execute(connection)
    .await?;
    if noted.rows_affected() == 0 {
        return Err(StoreError::Invalid {
            field: "records.resumed",
            problem: format!(
                "names attempt {ancestor} and its records up to {last_seq}, from which attempt {} cannot go on",
                key.attempt
            ),
        });
    }
    Ok(())
}
