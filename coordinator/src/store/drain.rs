//! Workers out of service. What an operator asked for stands with the worker's name, so it outlives the worker's process and
//! the coordinator's; claims look at it with the worker's row held fast, so none is answered after it was told to the operator.

use domain::units::WorkerId;
use sqlx::PgConnection;

use super::{Result, StoreError, count, resolve};

/// What becomes of the trials that a worker holds while it is taken out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// They end as usual.
    Finish,
    /// They are saved and given back, for other workers to go on with.
    HandOver,
}

impl Drain {
    fn word(self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::HandOver => "hand_over",
        }
    }
}

/// A worker, after it was taken out of service or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The worker.
    pub worker_id: WorkerId,
    /// Its name.
    pub name: String,
    /// How many trials it holds.
    pub running: u64,
    /// Whether it was not heard of for a lease's time.
    pub lost: bool,
}

/// Takes a worker, named as people do, out of service, or with `None` puts it back. The trials told are all that it holds
/// until it is put back: no claim is on its way.
///
/// # Errors
/// As [`resolve::worker`].
pub async fn set(connection: &mut PgConnection, worker: &str, drain: Option<Drain>) -> Result<Duty> {
    let worker_id = resolve::worker(connection, worker).await?;
    // A claim that is being answered holds the row until its leases are stored, so they are counted below.
    sqlx::query_file!("queries/worker/hold_worker.sql", worker_id.0).fetch_optional(&mut *connection).await?;
    let row = sqlx::query_file!("queries/worker/set_drain.sql", worker_id.0, drain.map(Drain::word))
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { kind: "worker", name: worker.to_owned(), near: None })?;
    Ok(Duty { worker_id, name: row.name, running: count(row.running), lost: row.lost })
}
