//! What handlers and pages work with.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::access::rates::Rates;
use crate::cache::{MeasuredMemory, Specs};
use crate::store::Store;
use crate::tasks::claims::Claims;
use crate::tasks::completions::Completions;
use crate::tasks::searches::Searches;
use crate::tasks::watches::Watches;
use crate::uploads::Uploads;

/// One coordinator's, shared by all calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// Postgres.
    pub store: Store,
    /// Postgres as the reader role.
    pub reader: PgConnectOptions,
    /// The line of waiting claims.
    pub claims: Claims,
    /// The line of results that are brought.
    pub completions: Completions,
    /// Hints to those who decide what sweeps with `[search]` train.
    pub searches: Searches,
    /// Watched sweeps.
    pub watches: Watches,
    /// Where files are kept that were sent along with sweeps.
    pub uploads: Arc<Uploads>,
    /// What was read before of the memory that trials take.
    pub known_memory: MeasuredMemory,
    /// What is common to the trials of sweeps.
    pub specs: Specs,
    /// How long a lease lasts without a heartbeat.
    pub lease_ttl: Duration,
    /// How often workers send one.
    pub heartbeat_interval: Duration,
    /// How much each principal may ask for.
    pub rates: Arc<Rates>,
    /// How long one watch may last before its caller is to ask again.
    pub watch_age: Duration,
    /// Cancelled when the coordinator drains.
    pub drain: CancellationToken,
}
