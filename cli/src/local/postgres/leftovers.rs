//! What a server leaves that did not end in good order: backends in the middle of a query, and files that name its process.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{identity, server};
use crate::failure::Failure;
use crate::local::{StateDir, life, socket};

/// Makes way for a new server where none runs: ends the last one's backends, which hold its memory and would keep the next
/// one out until their query is through, and removes the files by which Postgres takes another process, or a zombie, for a
/// running server. Nothing committed is lost. Waits for a second or so at worst.
///
/// # Errors
/// When a process does not end, or a file cannot be removed.
pub fn clear(state: &StateDir) -> Result<(), Failure> {
    if !state.has_database() || !identity::is_known() || server::running(state).is_some() {
        return Ok(());
    }
    end_all(state)?;
    let held = life::file(state, server::NAME);
    if life::is_held(&held) {
        return Err(Failure::failed(format!(
            "a Postgres that this process cannot see runs on {}",
            state.data().display()
        ))
        .hint("it may be in another container that shares the folder; stop it there, or choose another folder with --state-dir"));
    }
    let socket = socket::folder(state).join(socket::file_name());
    remove(&state.data().join("postmaster.pid"))?;
    remove(&socket.with_added_extension("lock"))?;
    remove(&socket)
}

fn end_all(state: &StateDir) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let data = state.data();
    let start = Instant::now();
    loop {
        let left = identity::processes(&data);
        if left.is_empty() {
            return Ok(());
        }
        let waited = start.elapsed();
        if waited > 5 * PATIENCE {
            let pids: Vec<_> = left.iter().map(|process| process.pid.to_string()).collect();
            return Err(Failure::failed(format!(
                "processes of an earlier Postgres on {} do not end: {}",
                data.display(),
                pids.join(", ")
            ))
            .hint("see what keeps them (a disk that does not answer?) with: ps -fp PID"));
        }
        let signal = if waited < PATIENCE { Signal::SIGQUIT } else { Signal::SIGKILL };
        left.iter().for_each(|process| process.signal(signal));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn remove(file: &Path) -> Result<(), Failure> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::io(format!("cannot remove {}", file.display()), &error))
        }
        _ => Ok(()),
    }
}
