//! Checkpoints: what later attempts of a trial go on from, and whose records come before theirs.

use std::time::Duration;

use domain::run::{Checkpoint, Lease, Resumed};
use domain::units::{Attempt, TrialId, WorkerId};
use sqlx::PgConnection;

use super::columns::{attempt, bigint, column};
use super::lease::Held;
use super::{Result, StoreError};

/// Keeps the newest checkpoint of a trial. One that is further than every earlier one shows that the trial can be done: it
/// gets its budget of failures and preemptions back. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::RecordsMissing`] when records before the checkpoint are not stored yet.
pub async fn keep(
    connection: &mut PgConnection,
    lease: &Lease,
    held: Held,
    checkpoint: &Checkpoint,
) -> Result<()> {
    if checkpoint.last_seq > held.acked_seq {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    sqlx::query_file!(
        "queries/checkpoint/keep_checkpoint.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        bigint("checkpoint.step", checkpoint.step)?,
        bigint("checkpoint.examples", checkpoint.examples)?,
        bigint("checkpoint.last_seq", checkpoint.last_seq)?,
        checkpoint.path,
        checkpoint.sha256.to_string(),
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
pub async fn forget(connection: &mut PgConnection, trial_ids: &[TrialId]) -> Result<()> {
    let trials = column(trial_ids, |trial_id| trial_id.0);
    sqlx::query_file!("queries/checkpoint/forget_checkpoints.sql", &trials).execute(connection).await?;
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
    pub trial_id: TrialId,
    /// The last attempt whose checkpoints are meant.
    pub attempt: Attempt,
}

/// What a worker is to remove next.
///
/// # Errors
/// As any query.
pub async fn removals(connection: &mut PgConnection, worker_id: WorkerId) -> Result<Vec<Stale>> {
    let rows = sqlx::query_file!("queries/checkpoint/removals_of_worker.sql", worker_id.0, ASKED)
        .fetch_all(connection)
        .await?;
    let stale = |trial_id, number| Ok(Stale { trial_id: TrialId(trial_id), attempt: attempt(number)? });
    rows.into_iter().map(|row| stale(row.trial_id, row.attempt)).collect()
}

/// Notes what a worker has removed.
///
/// # Errors
/// As any query.
pub async fn note_removals(
    connection: &mut PgConnection,
    worker_id: WorkerId,
    removed: &[Stale],
) -> Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    let noting = by_name!("queries/checkpoint/note_removals.sql", [worker_id.0], for stale in removed => {
        trial_id: uuid::Uuid = stale.trial_id.0,
        attempt: i32 = stale.attempt.as_i32(),
    }, []);
    noting.execute(connection).await?;
    Ok(())
}

/// Notes that an attempt goes on from an earlier one's checkpoint. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::Invalid`] where there was no such attempt, where it reported fewer records, or where this attempt goes on from
/// another one already or has reported points of its own.
pub async fn resume(connection: &mut PgConnection, lease: &Lease, resumed: &Resumed) -> Result<()> {
    let Resumed { attempt: ancestor, last_seq, .. } = *resumed;
    let noted = sqlx::query_file!(
        "queries/checkpoint/insert_lineage.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        ancestor.as_i32(),
        bigint("records.resumed.last_seq", last_seq)?,
    )
    .execute(connection)
    .await?;
    if noted.rows_affected() == 0 {
        return Err(StoreError::Invalid {
            field: "records.resumed",
            problem: format!(
                "names attempt {ancestor} and its records up to {last_seq}, from which attempt {} cannot go on",
                lease.attempt
            ),
        });
    }
    Ok(())
}
