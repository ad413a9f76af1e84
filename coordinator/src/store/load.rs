//! How much there is to do, for monitors.

use super::{Result, Store};

/// Figures of the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Trials that wait.
    pub pending: i64,
    /// Trials on a worker.
    pub running: i64,
    /// Workers that were heard of within a lease's time.
    pub workers_alive: i64,
    /// The others.
    pub workers_lost: i64,
    /// Those of the first that are taken out of service.
    pub workers_draining: i64,
    /// Age of the attempt that runs longest, in seconds; 0 when none runs.
    pub oldest_attempt_seconds: f64,
    /// What the lease that ends next still has, in seconds; 0 when none runs, negative when it is overdue.
    pub lease_seconds_left: f64,
}

/// Looks. Reads the queue's index, and the small tables of leases and workers.
///
/// # Errors
/// As any query.
pub async fn look(store: &Store) -> Result<Load> {
    Ok(sqlx::query_file_as!(Load, "queries/coordinator/load.sql").fetch_one(&store.requests).await?)
}
