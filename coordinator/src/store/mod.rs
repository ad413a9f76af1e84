//! All truth, in Postgres, in the domain's types. One file a concern; each function runs queries of `queries/`, one a file,
//! checked against the schema when they are compiled.
//!
//! What holds at any time:
//! - a trial is `running` if and only if it has a lease, of the same attempt ([`claim`], [`completion`], [`ending`], [`lease`]);
//! - its attempt grows by one at each claim and never falls ([`claim`]);
//! - a worker's write is committed with the row of its lease locked, by the principal that holds it, or not at all
//!   ([`lease`], [`record`]);
//! - records of an attempt are numbered without gap up to the watermark of its lease ([`record`]);
//! - all times are the database's clock.
//!
//! Locks are taken in one order: worker, sweep, search, lease, trial state; after them the count of a sweep's failures ([`breaker`])
//! and what is known of memory.

#[macro_use]
mod columns;
pub mod connect;
pub mod encoded;
pub mod error;

pub mod removal;
pub mod resolve;
pub mod search;
pub mod steering;
pub mod sweep;
pub mod trial;

pub mod breaker;
pub mod checkpoint;
pub mod claim;
pub mod completion;
pub mod drain;
pub mod ending;
pub mod expiry;
pub mod lease;
pub mod leased;
pub mod load;
pub mod memory;
pub mod record;
pub mod result;
pub mod upload;
pub mod worker;

pub mod token;

pub mod rows;

use std::time::Duration;

use sqlx::{PgPool, PgTransaction};

pub(crate) use columns::{count, storable, storable_line};
pub use error::StoreError;

/// What store functions give.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The connections to Postgres.
#[derive(Debug, Clone)]
pub struct Store {
    /// For requests.
    pub requests: PgPool,
    /// For heartbeats, claims, results and the reaper, so that a flood of requests cannot make leases expire.
    pub vital: PgPool,
}

impl Store {
    /// Begins a transaction of a request.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin(&self) -> Result<PgTransaction<'static>> {
        begin(&self.requests).await
    }

    /// Begins a transaction of somebody who only looks; Postgres ends a statement that takes over ten seconds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_reading(&self) -> Result<PgTransaction<'static>> {
        let mut transaction = self.begin().await?;
        // Settings have no types to check.
        let settings = "set transaction read only; set local statement_timeout = '10s'";
        sqlx::raw_sql(settings).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// Begins a transaction that leases depend on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_vital(&self) -> Result<PgTransaction<'static>> {
        begin(&self.vital).await
    }

    /// Asks Postgres for its version, within `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer in time.
    pub async fn ping(&self, limit: Duration) -> Result<String> {
        let query = sqlx::query_file_scalar!("queries/coordinator/ping.sql").fetch_one(&self.vital);
        match tokio::time::timeout(limit, query).await {
            Ok(version) => Ok(version?),
            Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    /// Tells all coordinators that trials wait, once `transaction` commits.
    ///
    /// # Errors
    /// As any query.
    pub async fn notify_trials(&self, transaction: &mut PgTransaction<'_>) -> Result<()> {
        sqlx::query_file!("queries/sweep/notify_trials.sql").fetch_one(&mut **transaction).await?;
        Ok(())
    }
}

/// Begins in a task of its own: a call that is dropped while `BEGIN` is on its way (its caller is gone) would else put the
/// connection back with the transaction open, of which sqlx 0.9 knows nothing. The next one's writes would stay uncommitted,
/// with their rows locked. In the task the transaction is always taken up, and then rolled back.
async fn begin(pool: &PgPool) -> Result<PgTransaction<'static>> {
    let pool = pool.clone();
    match tokio::spawn(async move { pool.begin().await }).await {
        Ok(begun) => Ok(begun?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)),
    }
}

/// The channel of [`Store::notify_trials`].
pub const TRIALS_CHANNEL: &str = "batchsweep_trials";
