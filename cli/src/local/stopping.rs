//! How processes of a stack are ended: in good order, from the top down.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::local::parts::Parts;
use crate::local::process::ProcessId;
use crate::local::record::Record;
use crate::local::service::Service;
use crate::local::{StateDir, lock, postgres};
use crate::talk::Talk;

/// How long a database may take to stop: it writes out what it has in memory.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

/// Stops everything in the state folder, whoever started it; whether there was anything.
///
/// # Errors
/// When a process does not end, or the record cannot be written.
pub async fn everything(state: &StateDir, talk: Talk) -> Result<bool, Failure> {
    if !state.path().exists() {
        return Ok(false);
    }
    // Commands that look after it are to let it go, rather than start it again.
    state.set_stopped(true)?;
    let _change = lock::change(state, talk).await?;
    // A command that was starting a stack meanwhile looks after that, too.
    state.set_stopped(true)?;
    let record = Record::of_living(state);
    let database = postgres::running(state);
    let any = !record.is_empty() || database.is_some();
    end_clients(&record, &[], Duration::from_secs(15)).await;
    end_database(state).await?;
    Record::default().save(state)?;
    Ok(any)
}

/// Ends what an earlier command left, but for processes of `ours`. It is on its way out, as the kernel sent it a signal when
/// that command died; what it holds is in the database, or in a worker's spool.
///
/// # Errors
/// When the database does not end.
pub async fn end_leftovers(
    state: &StateDir,
    left: &Record,
    ours: &[ProcessId],
    talk: Talk,
) -> Result<(), Failure> {
    if !left.is_empty() {
        talk.detail("ending what an earlier command left");
    }
    end_clients(left, ours, Duration::from_millis(500)).await;
    match postgres::running(state) {
        Some(server) if ours.contains(&server.process) => Ok(()),
        _ => end_database(state).await,
    }
}

async fn end_clients(record: &Record, ours: &[ProcessId], patience: Duration) {
    let workers = record.workers.iter().map(|(_, process)| *process);
    let clients: Vec<_> =
        workers.chain(record.coordinator).filter(|process| !ours.contains(process)).collect();
    clients.iter().for_each(|process| process.signal(Signal::SIGTERM));
    for process in clients {
        if !process.ended_within(patience).await {
            process.signal(Signal::SIGKILL);
            process.ended_within(Duration::from_secs(5)).await;
        }
    }
}

async fn end_database(state: &StateDir) -> Result<(), Failure> {
    let Some(server) = postgres::running(state) else { return Ok(()) };
    server.process.signal(postgres::stop_signal());
    if server.process.ended_within(DATABASE_PATIENCE).await {
        return Ok(());
    }
    Err(Failure::failed(format!("Postgres (process {}) does not stop", server.process.pid))
        .hint(format!("its log is {}", state.log("postgres").display())))
}

/// Stops what this command started; workers and the coordinator get so long each.
///
/// # Errors
/// When the record cannot be written.
pub async fn services(
    state: &StateDir,
    parts: &Parts,
    supervisor: Option<JoinHandle<()>>,
    patience: Duration,
) -> Result<(), Failure> {
    if let Some(supervisor) = supervisor {
        supervisor.abort();
        // Aborted between two rounds: nothing is started any more.
        let _ = supervisor.await;
    }
    let mut services = std::mem::take(&mut parts.lock().services);
    // Workers and coordinator at once, then the database under them.
    let (mut database, mut clients): (Vec<_>, Vec<_>) =
        services.drain(..).partition(|service| service.stop_signal == postgres::stop_signal());
    clients.iter_mut().for_each(Service::ask_to_stop);
    for service in &mut clients {
        service.stopped(patience).await;
    }
    for service in &mut database {
        service.ask_to_stop();
        service.stopped(DATABASE_PATIENCE).await;
    }
    Record::of_living(state).save(state)
}
