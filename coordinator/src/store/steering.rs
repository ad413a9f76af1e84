//! What people do with a sweep: pause, resume, cancel, retry and weigh, by two flags and a weight.

use domain::lifecycle::{TrialEvent, TrialStatus};
use domain::units::{SweepId, SweepWeight};
use sqlx::PgConnection;

use super::sweep::{self, Cancel};
use super::{Result, StoreError, breaker, search};

/// Pauses or resumes a sweep.
///
/// # Errors
/// [`StoreError::WrongState`] when it was cancelled or has finished.
pub async fn set_paused(connection: &mut PgConnection, sweep_id: SweepId, paused: bool) -> Result<()> {
    let (verb, done) = if paused { ("pause", "paused") } else { ("resume", "resumed") };
    let sweep = sweep::lock(connection, sweep_id).await?;
    if sweep.is_finished || sweep.cancelled.is_some() {
        let state = if sweep.is_finished { "has finished" } else { "was cancelled" };
        return Err(StoreError::WrongState(format!(
            "sweep {sweep_id} {state}, so there is nothing to {verb} (nothing was {done}); `retry` puts its failed \
             and cancelled trials back into the queue"
        )));
    }
    sqlx::query_file!("queries/sweep/set_paused.sql", sweep_id.0, paused, None::<String>)
        .execute(&mut *connection)
        .await?;
    // Its failures were looked at by whoever wants it to go on.
    if paused { Ok(()) } else { breaker::close(connection, sweep_id).await }
}

/// Locks a sweep that is to get more trials.
///
/// # Errors
/// [`StoreError::WrongState`] where it was cancelled: they would never be handed out.
pub async fn lock_to_extend(connection: &mut PgConnection, sweep_id: SweepId) -> Result<()> {
    if sweep::lock(connection, sweep_id).await?.cancelled.is_some() {
        return Err(StoreError::WrongState(format!(
            "sweep {sweep_id} was cancelled, so no trial was added; `batchsweep retry {sweep_id}` undoes that"
        )));
    }
    Ok(())
}

/// Gives a sweep another share of the workers. Trials that run stay where they are.
///
/// # Errors
/// As any query.
pub async fn set_weight(connection: &mut PgConnection, sweep_id: SweepId, weight: SweepWeight) -> Result<()> {
    sqlx::query_file!("queries/sweep/set_weight.sql", sweep_id.0, weight.get()).execute(connection).await?;
    Ok(())
}

/// Cancels a sweep: its waiting trials now, its running ones as `how` says. A finished sweep stays as it is; a drain
/// after a stop changes nothing.
///
/// # Errors
/// As any query.
pub async fn cancel(connection: &mut PgConnection, sweep_id: SweepId, how: Cancel) -> Result<()> {
    debug_assert_eq!(TrialStatus::Pending.after(TrialEvent::Cancelled, true), Some(TrialStatus::Cancelled));
    let sweep = sweep::lock(connection, sweep_id).await?;
    if sweep.is_finished {
        return Ok(());
    }
    // A coordinator of an earlier version leaves those that a search has not decided on.
    let how = if sweep.cancelled == Some(Cancel::Stop) { Cancel::Stop } else { how };
    sqlx::query_file!("queries/sweep/set_cancelled.sql", sweep_id.0, how.word())
        .execute(&mut *connection)
        .await?;
    sqlx::query_file!("queries/sweep/cancel_pending_trials.sql", sweep_id.0).execute(connection).await?;
    Ok(())
}

/// Puts failed and cancelled trials back into the queue, and undoes a cancellation. Gives their number. Failures in a row are
/// counted anew, and a search goes on.
///
/// # Errors
/// As any query.
pub async fn retry(connection: &mut PgConnection, sweep_id: SweepId) -> Result<u64> {
    for status in [TrialStatus::Failed, TrialStatus::Cancelled] {
        debug_assert_eq!(status.after(TrialEvent::Retried, true), Some(TrialStatus::Pending));
    }
    sweep::lock(connection, sweep_id).await?;
    sqlx::query_file!("queries/sweep/set_cancelled.sql", sweep_id.0, None::<String>)
        .execute(&mut *connection)
        .await?;
    let retried =
        sqlx::query_file!("queries/sweep/retry_trials.sql", sweep_id.0).execute(&mut *connection).await?;
    if retried.rows_affected() > 0 {
        search::reopen(connection, sweep_id).await?;
    }
    breaker::close(connection, sweep_id).await?;
    Ok(retried.rows_affected())
}
