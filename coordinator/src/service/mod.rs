//! The RPCs. A handler decodes, asks the domain and the store, and encodes; there is no SQL here.

mod decode;
mod encode;
mod findings;
mod lessons;
mod status;
mod steer;
mod submit;
mod sweeps;
mod workers;

pub use lessons::ReadBefore;
pub use sweeps::Sweeps;
pub use workers::Workers;

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::tasks::claims::Claims;
use crate::tasks::watches::Watches;

/// What handlers work with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Postgres.
    pub store: Store,
    /// Postgres as the reader role.
    pub reader: PgConnectOptions,
    /// The line of waiting claims.
    pub claims: Claims,
    /// Watched sweeps.
    pub watches: Watches,
    /// What was read before of the memory that trials take.
    pub known_memory: ReadBefore,
    /// How long a lease lasts without a heartbeat.
    pub lease_ttl: Duration,
    /// How often workers send one.
    pub heartbeat_interval: Duration,
    /// Cancelled when the coordinator drains.
    pub drain: CancellationToken,
}
