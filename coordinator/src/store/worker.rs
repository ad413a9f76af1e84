//! Workers: a name, and the process that registered last under it.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::ending::{self, Ended, Why};
use super::lease::LeaseKey;
use super::{Result, StoreError};

/// A worker that registers.
#[derive(Debug)]
pub struct NewWorker<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its process.
    pub instance_id: Uuid,
    /// Version of its binary.
    pub version: &'a str,
    /// Where it trains.
    pub device: &'a str,
    /// What the device is.
    pub device_description: &'a str,
    /// Memory of the device, in bytes.
    pub memory_bytes: i64,
    /// Its own limit, in bytes.
    pub memory_limit_bytes: Option<i64>,
    /// Version of libtorch.
    pub libtorch_version: &'a str,
    /// CPU threads.
    pub threads: i32,
    /// Who registers it; `None` where nobody has a name.
    pub principal: Option<&'a str>,
    /// Leases that it found on its disk.
    pub held: &'a [LeaseKey],
}

/// A registered worker.
#[derive(Debug)]
pub struct Registered {
    /// Its id; the same for each process of its name.
    pub worker_id: Uuid,
    /// The attempts that an earlier process of that name held.
    pub superseded: Vec<Ended>,
    /// What became of the leases that it showed, in their order.
    pub held: Vec<HeldState>,
}

/// What became of a lease that a worker shows when it registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    /// It can be written for.
    Ours,
    /// It is over.
    Lost,
    /// It never was, here; or it is somebody else's, of which the caller learns nothing.
    Unknown,
}

/// Registers a worker, and ends what an earlier process of its name held, as if those leases had expired, but for those
/// that the new process shows: they are its own now. Registering the same process twice changes nothing.
///
/// # Errors
/// [`StoreError::NotHolder`] when a living worker of that name is somebody else's.
pub async fn register(
    connection: &mut PgConnection,
    new: &NewWorker<'_>,
    ttl: Duration,
) -> Result<Registered> {
    // A claim of the earlier process holds this lock until its leases are stored, so they are seen below.
    sqlx::query_file!("queries/worker/lock_worker.sql", new.name).fetch_optional(&mut *connection).await?;
    let worker_id = sqlx::query_file_scalar!(
        "queries/worker/upsert_worker.sql",
        Uuid::now_v7(),
        new.name,
        new.instance_id,
        new.version,
        new.device,
        new.device_description,
        new.memory_bytes,
        new.memory_limit_bytes,
        new.libtorch_version,
        new.threads,
        ttl.as_secs_f64(),
        new.principal as Option<&str>,
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| {
        StoreError::NotHolder(format!("the worker `{}`, which was heard of within {ttl:?},", new.name))
    })?;
    adopt(connection, new, worker_id, ttl).await?;
    let held = sqlx::query_file_scalar!("queries/worker/superseded_leases.sql", worker_id, new.instance_id)
        .fetch_all(&mut *connection)
        .await?;
    let why = Why::WorkerLost("another process registered under the worker's name");
    let superseded = ending::without_result(connection, &held, &why).await?;
    let held = held_states(connection, new).await?;
    Ok(Registered { worker_id, superseded, held })
}

async fn adopt(
    connection: &mut PgConnection,
    new: &NewWorker<'_>,
    worker_id: Uuid,
    ttl: Duration,
) -> Result<()> {
    if new.held.is_empty() {
        return Ok(());
    }
    sqlx::query_file!(
        "queries/worker/adopt_leases.sql",
        &new.held.iter().map(|key| key.trial_id).collect::<Vec<_>>(),
        &new.held.iter().map(|key| key.attempt).collect::<Vec<_>>(),
        &new.held.iter().map(|key| key.token.clone()).collect::<Vec<_>>(),
        worker_id,
        new.instance_id,
        ttl.as_secs_f64(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn held_states(connection: &mut PgConnection, new: &NewWorker<'_>) -> Result<Vec<HeldState>> {
    let held = new.held;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_file!(
        "queries/worker/held_states.sql",
        &held.iter().map(|key| key.trial_id).collect::<Vec<_>>(),
        &held.iter().map(|key| key.attempt).collect::<Vec<_>>(),
        &held.iter().map(|key| key.token.clone()).collect::<Vec<_>>(),
        new.principal as Option<&str>,
    )
    .fetch_all(connection)
    .await?;
    let state = |known: bool, ours: bool| match (known, ours) {
        (false, _) => HeldState::Unknown,
        (true, true) => HeldState::Ours,
        (true, false) => HeldState::Lost,
    };
    Ok(rows.into_iter().map(|row| state(row.known, row.ours)).collect())
}

/// A call that shows that a worker lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The worker.
    pub worker_id: Uuid,
    /// Its process.
    pub instance_id: Uuid,
    /// The principal that calls; `None` where nobody has one.
    pub by: Option<String>,
}

/// A worker whose call is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Whether it is taken out of service, so that it gets no trial.
    pub is_draining: bool,
    /// Whether it has checkpoints to remove.
    pub cleans: bool,
}

/// Notes that workers live, and holds their names fast until the transaction ends. One answer for each call, in their
/// order: [`StoreError::WorkerSuperseded`] when another process has its name now; [`StoreError::NotFound`] when it never
/// registered; [`StoreError::NotHolder`] when it is somebody else's.
///
/// # Errors
/// As any query.
pub async fn seen(
    connection: &mut PgConnection,
    signs: &[Sign],
    ttl: Duration,
) -> Result<Vec<Result<Heard>>> {
    let rows = sqlx::query_file!(
        "queries/worker/workers_seen.sql",
        &signs.iter().map(|sign| sign.worker_id).collect::<Vec<_>>(),
        &signs.iter().map(|sign| sign.instance_id).collect::<Vec<_>>(),
        &signs.iter().map(|sign| sign.by.clone()).collect::<Vec<_>>() as &[Option<String>],
        ttl.as_secs_f64(),
    )
    .fetch_all(connection)
    .await?;
    let answers = signs.iter().zip(rows).map(|(sign, row)| match (row.name, row.current) {
        (Some(name), _) if !row.ours => Err(StoreError::NotHolder(format!("the worker `{name}`"))),
        (Some(_), Some(true)) => Ok(Heard { is_draining: row.draining, cleans: row.cleans }),
        (Some(name), _) => Err(StoreError::WorkerSuperseded(name)),
        (None, _) => {
            Err(StoreError::NotFound { kind: "worker", name: sign.worker_id.to_string(), near: None })
        }
    });
    Ok(answers.collect())
}

/// What is new of a worker that waits for a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another process has its name, which is this.
    Superseded(String),
    /// It is taken out of service.
    Draining,
}

/// Where these processes stand: the places of those that are to get no trial, and why. The others' rows are as they were.
///
/// # Errors
/// As any query.
pub async fn standings(
    connection: &mut PgConnection,
    processes: &[(Uuid, Uuid)],
) -> Result<Vec<(usize, Standing)>> {
    let (workers, instances): (Vec<Uuid>, Vec<Uuid>) = processes.iter().copied().unzip();
    let rows =
        sqlx::query_file!("queries/worker/standings.sql", &workers, &instances).fetch_all(connection).await?;
    let standing =
        |superseded, name| if superseded { Standing::Superseded(name) } else { Standing::Draining };
    let placed = rows
        .into_iter()
        .filter_map(|row| Some((usize::try_from(row.place - 1).ok()?, standing(row.superseded, row.name))));
    Ok(placed.collect())
}
