//! The reaper: ends leases that nobody renewed. Any number of coordinators may run it at once.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::claims::Claims;
use crate::metrics::METRICS;
use crate::store::expiry;
use crate::store::{Store, StoreError};

/// Looks for expired leases until `stop`.
pub async fn run(store: Store, claims: Claims, ttl: Duration, stop: CancellationToken) {
    let coordinator_id = Uuid::now_v7();
    let pause = (ttl / 6).clamp(Duration::from_millis(20), Duration::from_secs(5));
    let mut told = false;
    loop {
        match tick(&store, coordinator_id, ttl).await {
            Ok(0) => told = false,
            Ok(_) => claims.wake(),
            Err(error) => {
                if !told {
                    tracing::warn!("expired leases wait: {error}");
                }
                told = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One look. Gives the number of attempts that it ended.
///
/// # Errors
/// As any query.
pub async fn tick(store: &Store, coordinator_id: Uuid, ttl: Duration) -> Result<usize, StoreError> {
    let mut connection = store.vital.acquire().await?;
    if !expiry::is_grace_over(&mut connection, coordinator_id, ttl / 2, ttl).await? {
        return Ok(0);
    }
    drop(connection);
    let mut transaction = store.begin_vital().await?;
    let ended = expiry::expire(&mut transaction, ttl).await?;
    transaction.commit().await?;
    for attempt in &ended {
        METRICS.attempt_ended("expired");
        tracing::warn!(
            trial_id = %attempt.trial_id,
            attempt = %attempt.attempt,
            "the lease ran out; the trial is {}",
            attempt.status
        );
    }
    Ok(ended.len())
}
