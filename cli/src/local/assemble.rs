//! From what is there to a whole stack: what goes on running is used, what is on its way out is waited for, and the rest is
//! started.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::failure::{Exit, Failure};
use crate::local::options::{Lifetime, StackOptions};
use crate::local::parts::Parts;
use crate::local::process::ProcessId;
use crate::local::record::Record;
use crate::local::starter::{ADDRESS_FILE, Starter};
use crate::local::{StateDir, postgres, stopping};
use crate::talk::Talk;

/// Starts what does not run; `parts` shows what was started, also where something does not start. The caller holds
/// [`crate::local::lock::change`]. Gives what runs then, and whether its coordinator is new.
///
/// # Errors
/// When a part cannot be found or does not start.
pub async fn whole_stack(
    state: &StateDir,
    options: &StackOptions,
    talk: Talk,
    parts: &Parts,
) -> Result<(Record, bool), Failure> {
    let mut record = what_goes_on(state, talk, parts).await?;
    let lifetime = lifetime(&record, options.lifetime, parts.is_owner(), talk);
    parts.lock().lifetime = lifetime;
    record.stays = record.stays || lifetime == Lifetime::Stays;
    let starter = Starter { state, lifetime, talk, parts };
    let needs_coordinator = record.coordinator.is_none();
    if parts.is_owner() {
        starter.core(options, &mut record).await?;
    }
    if let Some(workers) = &options.workers {
        starter.workers(workers, &mut record)?;
    }
    record.save(state)?;
    if lifetime == Lifetime::Stays {
        parts.disown();
    }
    Ok((record, needs_coordinator))
}

/// What runs and goes on running. Where no living command looks after it and it does not stay, nothing does: then this
/// command takes over.
async fn what_goes_on(state: &StateDir, talk: Talk, parts: &Parts) -> Result<Record, Failure> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let start = Instant::now();
    loop {
        if parts.claim(state)? {
            let living = Record::of_living(state);
            if living.stays && !living.is_empty() {
                return settled(state, living).await;
            }
            stopping::end_leftovers(state, &living, &parts.processes(), talk).await?;
            // At the same address, if it is free: others may follow a sweep there.
            let url = if living.url.is_empty() { last_address(state) } else { living.url };
            let mut record = Record { url, ..Record::default() };
            parts.note_all(&mut record);
            return Ok(record);
        }
        // The command that it belongs to starts again what was killed.
        let record = Record::load(state);
        if record.coordinator.is_some() {
            return Ok(record);
        }
        if start.elapsed() > PATIENCE {
            return Err(Failure::new(
                Exit::Unreachable,
                "another batchsweep command has a stack here, but its coordinator does not run",
            )
            .hint("stop it with: batchsweep down; or choose another folder with --state-dir"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A stack that stays, with the address that its coordinator wrote: the command that started it may have died before it read
/// that. A coordinator without one was cut short as well, and is ended.
async fn settled(state: &StateDir, living: Record) -> Result<Record, Failure> {
    let database = postgres::running(state).map(|server| server.process);
    let mut record = Record { database, ..living };
    if let Some(coordinator) = record.coordinator {
        let address = last_address(state);
        if address.starts_with("http://") {
            record.url = address;
        } else {
            end(coordinator).await;
            record.coordinator = None;
        }
    }
    Ok(record)
}

/// The address that the last coordinator wrote; empty where it came to none.
fn last_address(state: &StateDir) -> String {
    fs::read_to_string(state.file(ADDRESS_FILE)).unwrap_or_default().trim().to_owned()
}

async fn end(process: ProcessId) {
    process.signal(Signal::SIGTERM);
    if !process.ended_within(Duration::from_secs(1)).await {
        process.signal(Signal::SIGKILL);
        process.ended_within(Duration::from_secs(5)).await;
    }
}

/// A part missing from a stack of `up` is mended, and stays with the rest. What joins another command's stack ends with this
/// command.
fn lifetime(record: &Record, wanted: Lifetime, is_owner: bool, talk: Talk) -> Lifetime {
    if record.stays && !record.is_empty() {
        return Lifetime::Stays;
    }
    if !is_owner && wanted == Lifetime::Stays {
        talk.warn("the local stack belongs to another batchsweep command and ends with it");
        return Lifetime::WithUs;
    }
    wanted
}
