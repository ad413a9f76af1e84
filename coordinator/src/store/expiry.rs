//! Leases that nobody renewed, and the grace that a coordinator gives after it or Postgres was away: workers that
//! could not renew must not lose their trials for it.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use super::ending::{self, Ended, Why};

/// Leases ended in one transaction.
const BATCH: i64 = 500;

/// Notes that a coordinator lives, and tells whether it may end leases: not within one `ttl` of its start, nor of a
/// gap of more than `gap` in which it could not have renewed any.
///
/// # Errors
/// As any query.
pub async fn is_grace_over(
    connection: &mut PgConnection,
    coordinator_id: Uuid,
    gap: Duration,
    ttl: Duration,
) -> Result<bool> {
    let alive = |connection| async move {
        sqlx::query_file_scalar!(
            "queries/coordinator/coordinator_alive.sql",
            coordinator_id,
            gap.as_secs_f64(),
            ttl.as_secs_f64(),
        )
        .fetch_optional(connection)
        .await
    };
    if let Some(over) = alive(&mut *connection).await? {
        return Ok(over);
    }
    sqlx::query_file!("queries/coordinator/insert_coordinator.sql", coordinator_id)
        .execute(&mut *connection)
        .await?;
    Ok(false)
}

/// Ends the attempts whose leases, of at most `ttl` each, ran out, a batch of them: each goes back to the queue, or ends as
/// failed.
///
/// # Errors
/// As any query.
pub async fn expire(connection: &mut PgConnection, ttl: Duration) -> Result<Vec<Ended>> {
    let expired = sqlx::query_file_scalar!("queries/lease/expired_leases.sql", BATCH, ttl.as_secs_f64())
        .fetch_all(&mut *connection)
        .await?;
    let expired: Vec<_> = expired.into_iter().map(Into::into).collect();
    let why = Why::WorkerLost("no heartbeat: the worker died, hung or lost its network");
    ending::without_result(connection, &expired, why).await
}
