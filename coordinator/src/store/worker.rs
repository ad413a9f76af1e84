//! Workers: a name, and the process that registered last under it.

use std::time::Duration;

use domain::run::{HeldState, Lease};
use domain::units::{InstanceId, WorkerId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::bigint;
use super::ending::{self, Ended, Why};
use super::{Result, StoreError};

/// A worker and which of its processes is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// The worker.
    pub worker_id: WorkerId,
    /// The process that has its name, or had it.
    pub instance_id: InstanceId,
}

/// A worker that registers.
#[derive(Debug)]
pub struct NewWorker<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its process.
    pub instance_id: InstanceId,
    /// Version of its binary.
    pub version: &'a str,
    /// Where it trains.
    pub device: &'a str,
    /// What the device is.
    pub device_description: &'a str,
    /// Memory of the device, in bytes.
    pub memory_bytes: u64,
    /// Its own limit, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Version of libtorch.
    pub libtorch_version: &'a str,
    /// CPU threads.
    pub threads: u32,
    /// Whether it runs code of users.
    pub allows_code: bool,
    /// Who registers it; `None` where nobody has a name.
    pub principal: Option<&'a str>,
    /// Leases that it found on its disk.
    pub held: &'a [Lease],
}

/// A registered worker.
#[derive(Debug)]
pub struct Registered {
    /// Its id; the same for each process of its name.
    pub worker_id: WorkerId,
    /// The attempts that an earlier process of that name held.
    pub superseded: Vec<Ended>,
    /// What became of the leases that it showed, in their order.
    pub held: Vec<HeldState>,
}

/// Registers a worker, and ends what an earlier process of its name held, as if those leases had expired, but for those
/// that the new process shows: they are its own now. Registering the same process twice changes nothing.
///
/// # Errors
/// [`StoreError::NotHolder`] when a living worker of that name is somebody else's; [`StoreError::Invalid`] for a number past a
/// bigint.
pub async fn register(
    connection: &mut PgConnection,
    new: &NewWorker<'_>,
    ttl: Duration,
) -> Result<Registered> {
    // A claim of the earlier process holds this lock until its leases are stored, so they are seen below.
    sqlx::query_file!("queries/worker/lock_worker.sql", new.name).fetch_optional(&mut *connection).await?;
    let memory_limit_bytes = new.memory_limit_bytes.map(|bytes| bigint("device.memory_limit_bytes", bytes));
    let worker_id = sqlx::query_file_scalar!(
        "queries/worker/upsert_worker.sql",
        Uuid::now_v7(),
        new.name,
        new.instance_id.0,
        new.version,
        new.device,
        new.device_description,
        bigint("device.memory_bytes", new.memory_bytes)?,
        memory_limit_bytes.transpose()?,
        new.libtorch_version,
        i32::try_from(new.threads).unwrap_or(i32::MAX),
        ttl.as_secs_f64(),
        new.principal as Option<&str>,
        new.allows_code,
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| {
        StoreError::NotHolder(format!("the worker `{}`, which was heard of within {ttl:?},", new.name))
    })?;
    let process = Process { worker_id: worker_id.into(), instance_id: new.instance_id };
    adopt(connection, process, new.held, ttl).await?;
    let superseded =
        sqlx::query_file_scalar!("queries/worker/superseded_leases.sql", worker_id, new.instance_id.0)
            .fetch_all(&mut *connection)
            .await?;
    let superseded: Vec<_> = superseded.into_iter().map(Into::into).collect();
    let why = Why::WorkerLost("another process registered under the worker's name");
    let superseded = ending::without_result(connection, &superseded, why).await?;
    let held = held_states(connection, new.held, new.principal).await?;
    Ok(Registered { worker_id: process.worker_id, superseded, held })
}

async fn adopt(connection: &mut PgConnection, process: Process, held: &[Lease], ttl: Duration) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let adopting = by_name!("queries/worker/adopt_leases.sql", [], for lease in held => {
        trial_id: Uuid = lease.trial_id.0,
        attempt: i32 = lease.attempt.as_i32(),
        token: Vec<u8> = lease.token.0.clone(),
    }, [process.worker_id.0, process.instance_id.0, ttl.as_secs_f64()]);
    adopting.execute(connection).await?;
    Ok(())
}

async fn held_states(
    connection: &mut PgConnection,
    held: &[Lease],
    principal: Option<&str>,
) -> Result<Vec<HeldState>> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let reading = by_name!("queries/worker/held_states.sql", [], for lease in held => {
        trial_id: Uuid = lease.trial_id.0,
        attempt: i32 = lease.attempt.as_i32(),
        token: Vec<u8> = lease.token.0.clone(),
    }, [principal as Option<&str>]);
    let rows = reading.fetch_all(connection).await?;
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
    /// Who calls.
    pub process: Process,
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
    /// Whether it runs code of users.
    pub allows_code: bool,
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
    let noting = by_name!("queries/worker/workers_seen.sql", [], for sign in signs => {
        worker_id: Uuid = sign.process.worker_id.0,
        instance_id: Uuid = sign.process.instance_id.0,
        principal: Option<String> = sign.by.clone(),
    }, [ttl.as_secs_f64()]);
    let rows = noting.fetch_all(connection).await?;
    let answers = signs.iter().zip(rows).map(|(sign, row)| match (row.name, row.current) {
        (Some(name), _) if !row.ours => Err(StoreError::NotHolder(format!("the worker `{name}`"))),
        (Some(_), Some(true)) => {
            Ok(Heard { is_draining: row.draining, cleans: row.cleans, allows_code: row.allows_code })
        }
        (Some(name), _) => Err(StoreError::WorkerSuperseded(name)),
        (None, _) => {
            let name = sign.process.worker_id.to_string();
            Err(StoreError::NotFound { kind: "worker", name, near: None })
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
    processes: &[Process],
) -> Result<Vec<(usize, Standing)>> {
    let looking = by_name!("queries/worker/standings.sql", [], for process in processes => {
        worker_id: Uuid = process.worker_id.0,
        instance_id: Uuid = process.instance_id.0,
    }, []);
    let rows = looking.fetch_all(connection).await?;
    let standing =
        |superseded, name| if superseded { Standing::Superseded(name) } else { Standing::Draining };
    let placed = rows
        .into_iter()
        .filter_map(|row| Some((usize::try_from(row.place - 1).ok()?, standing(row.superseded, row.name))));
    Ok(placed.collect())
}
