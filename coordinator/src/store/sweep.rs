//! Sweeps: submitted once, then steered by two flags and a weight.

use chrono::{DateTime, Utc};
use domain::lifecycle::{TrialEvent, TrialStatus};
use domain::units::SweepWeight;
use proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError, breaker};

/// A sweep to submit.
#[derive(Debug)]
pub struct NewSweep<'a> {
    /// Its id, if it is new.
    pub sweep_id: Uuid,
    /// What people call it.
    pub name: Option<&'a str>,
    /// The checked spec, encoded.
    pub spec: &'a [u8],
    /// The sweep file as typed.
    pub source: &'a str,
    /// Names the request: the same again is the same sweep.
    pub request_id: Uuid,
    /// Hash of all that was asked.
    pub request_hash: &'a [u8],
    /// Its share of the workers beside other sweeps.
    pub weight: SweepWeight,
}

/// A sweep and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRow {
    /// Its id.
    pub sweep_id: Uuid,
    /// What people call it.
    pub name: Option<String>,
    /// The checked spec, encoded.
    pub spec: Vec<u8>,
    /// The sweep file as typed; empty in listings.
    pub source: String,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// Its share of the workers beside other sweeps.
    pub weight: f64,
    /// Why it was paused by itself; `None` where somebody paused it, or it is not paused.
    pub pause_reason: Option<String>,
    /// `active`, `paused`, `cancelled` or `finished`.
    pub state: String,
    /// Trials that wait.
    pub pending: i64,
    /// Trials on a worker.
    pub running: i64,
    /// Trials trained to the end.
    pub succeeded: i64,
    /// Trials that diverged.
    pub diverged: i64,
    /// Trials that did not fit.
    pub infeasible: i64,
    /// Trials out of tries.
    pub failed: i64,
    /// Trials that somebody stopped.
    pub cancelled: i64,
    /// When the last trial ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl SweepRow {
    /// Whether every trial has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.pending + self.running == 0
    }
}

/// How a sweep is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// Running trials finish and keep their results.
    Drain,
    /// Running trials stop at once.
    Stop,
}

impl Cancel {
    fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Stop => "stop",
        }
    }
}

/// A trial that runs now.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningRow {
    /// Its id.
    pub trial_id: Uuid,
    /// Place in the grid, from 0.
    pub trial_index: i64,
    /// Examples per optimizer step.
    pub batch_size: i64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Seed.
    pub seed: i64,
    /// The worker's name.
    pub worker: String,
    /// Which attempt.
    pub attempt: i32,
    /// `preparing`, `training` or `evaluating`.
    pub phase: String,
    /// Optimizer steps done.
    pub step: i64,
    /// Optimizer steps in all; 0 while unknown.
    pub total_steps: i64,
    /// The latest step loss.
    pub train_loss: Option<f64>,
    /// Examples in the largest micro-batch; 0 while unknown.
    pub micro_batch: i64,
}

/// Stores a sweep's row. `None` when it is new and its trials are still to be stored; else the sweep that the same
/// request made before.
///
/// # Errors
/// [`StoreError::RequestIdReused`] when the request id was used for another sweep.
pub async fn insert(connection: &mut PgConnection, new: &NewSweep<'_>) -> Result<Option<Uuid>> {
    let inserted = sqlx::query_file!(
        "queries/sweep/insert_sweep.sql",
        new.sweep_id,
        new.name,
        new.spec,
        new.source,
        new.request_id,
        new.request_hash,
        new.weight.get(),
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(None);
    }
    let earlier =
        sqlx::query_file!("queries/sweep/sweep_by_request.sql", new.request_id).fetch_one(connection).await?;
    if earlier.request_hash == new.request_hash {
        Ok(Some(earlier.sweep_id))
    } else {
        Err(StoreError::RequestIdReused(new.request_id))
    }
}

/// One sweep.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(connection: &mut PgConnection, sweep_id: Uuid) -> Result<SweepRow> {
    sqlx::query_file_as!(SweepRow, "queries/sweep/get_sweep.sql", sweep_id)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { kind: "sweep", name: sweep_id.to_string(), near: None })
}

/// At most `limit` sweeps, newest first, older than the one named.
///
/// # Errors
/// As any query.
pub async fn list(connection: &mut PgConnection, before: Option<Uuid>, limit: i64) -> Result<Vec<SweepRow>> {
    Ok(sqlx::query_file_as!(SweepRow, "queries/sweep/list_sweeps.sql", before, limit)
        .fetch_all(connection)
        .await?)
}

/// The trials of a sweep that run now, in grid order.
///
/// # Errors
/// As any query.
pub async fn running(connection: &mut PgConnection, sweep_id: Uuid) -> Result<Vec<RunningRow>> {
    Ok(sqlx::query_file_as!(RunningRow, "queries/sweep/running_trials.sql", sweep_id)
        .fetch_all(connection)
        .await?)
}

/// Pauses or resumes a sweep.
///
/// # Errors
/// [`StoreError::WrongState`] when it was cancelled or has finished.
pub async fn set_paused(connection: &mut PgConnection, sweep_id: Uuid, paused: bool) -> Result<()> {
    let (verb, done) = if paused { ("pause", "paused") } else { ("resume", "resumed") };
    let sweep =
        sqlx::query_file!("queries/sweep/lock_sweep.sql", sweep_id).fetch_one(&mut *connection).await?;
    if sweep.state == "finished" || sweep.cancelled.is_some() {
        let state = if sweep.state == "finished" { "has finished" } else { "was cancelled" };
        return Err(StoreError::WrongState(format!(
            "sweep {sweep_id} {state}, so there is nothing to {verb} (nothing was {done}); `retry` puts its failed \
             and cancelled trials back into the queue"
        )));
    }
    sqlx::query_file!("queries/sweep/set_paused.sql", sweep_id, paused, None::<String>)
        .execute(&mut *connection)
        .await?;
    // Its failures were looked at by whoever wants it to go on.
    if paused { Ok(()) } else { breaker::close(connection, sweep_id).await }
}

/// Gives a sweep another share of the workers. Trials that run stay where they are.
///
/// # Errors
/// As any query.
pub async fn set_weight(connection: &mut PgConnection, sweep_id: Uuid, weight: SweepWeight) -> Result<()> {
    sqlx::query_file!("queries/sweep/set_weight.sql", sweep_id, weight.get()).execute(connection).await?;
    Ok(())
}

/// Cancels a sweep: its waiting trials now, its running ones as `how` says. A finished sweep stays as it is; a drain
/// after a stop changes nothing.
///
/// # Errors
/// As any query.
pub async fn cancel(connection: &mut PgConnection, sweep_id: Uuid, how: Cancel) -> Result<()> {
    debug_assert_eq!(TrialStatus::Pending.after(TrialEvent::Cancelled, true), Some(TrialStatus::Cancelled));
    let sweep =
        sqlx::query_file!("queries/sweep/lock_sweep.sql", sweep_id).fetch_one(&mut *connection).await?;
    if sweep.state == "finished" || sweep.cancelled.as_deref() == Some(Cancel::Stop.word()) {
        return Ok(());
    }
    sqlx::query_file!("queries/sweep/set_cancelled.sql", sweep_id, how.word())
        .execute(&mut *connection)
        .await?;
    sqlx::query_file!("queries/sweep/cancel_pending_trials.sql", sweep_id).execute(connection).await?;
    Ok(())
}

/// Puts failed and cancelled trials back into the queue, and undoes a cancellation. Gives their number. Failures in a row are
/// counted anew.
///
/// # Errors
/// As any query.
pub async fn retry(connection: &mut PgConnection, sweep_id: Uuid) -> Result<u64> {
    for status in [TrialStatus::Failed, TrialStatus::Cancelled] {
        debug_assert_eq!(status.after(TrialEvent::Retried, true), Some(TrialStatus::Pending));
    }
    sqlx::query_file!("queries/sweep/lock_sweep.sql", sweep_id).fetch_one(&mut *connection).await?;
    sqlx::query_file!("queries/sweep/set_cancelled.sql", sweep_id, None::<String>)
        .execute(&mut *connection)
        .await?;
    let retried =
        sqlx::query_file!("queries/sweep/retry_trials.sql", sweep_id).execute(&mut *connection).await?;
    breaker::close(connection, sweep_id).await?;
    Ok(retried.rows_affected())
}

/// Keeps the hash of the files that a sweep's trials are trained on, unless one is kept already. Gives the one that is.
///
/// # Errors
/// As any query.
pub async fn keep_data_sha256(
    connection: &mut PgConnection,
    sweep_id: Uuid,
    sha256: &str,
) -> Result<Option<String>> {
    sqlx::query_file!("queries/sweep/keep_data_sha256.sql", sweep_id, sha256)
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_file_scalar!("queries/sweep/data_sha256.sql", sweep_id).fetch_one(connection).await?)
}

/// The specs of these sweeps.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub async fn specs(connection: &mut PgConnection, sweep_ids: &[Uuid]) -> Result<Vec<(Uuid, v1::SweepSpec)>> {
    let rows =
        sqlx::query_file!("queries/sweep/specs_of_sweeps.sql", sweep_ids).fetch_all(connection).await?;
    rows.into_iter().map(|row| Ok((row.sweep_id, decode_spec(row.sweep_id, &row.spec)?))).collect()
}

/// The spec of a stored sweep.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn decode_spec(sweep_id: Uuid, spec: &[u8]) -> Result<v1::SweepSpec> {
    prost::Message::decode(spec)
        .map_err(|error| StoreError::corrupt(format!("the spec of sweep {sweep_id}"), error))
}
