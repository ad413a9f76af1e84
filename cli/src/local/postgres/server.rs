//! The running server.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::identity;
use crate::failure::{Exit, Failure};
use crate::local::StateDir;
use crate::local::launch;
use crate::local::process::ProcessId;

/// A server as its own pid file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The main process.
    pub process: ProcessId,
    /// Clients connect through the Unix socket in this folder.
    pub socket_folder: PathBuf,
    /// Whether it takes connections.
    pub is_ready: bool,
}

/// Its name among the processes of the stack.
pub const NAME: &str = "postgres";

/// Ends the server without waiting for clients: what `pg_ctl stop -m fast` sends. Nothing committed is lost.
#[must_use]
pub fn stop_signal() -> Signal {
    Signal::SIGINT
}

/// The server that runs on this state folder; `None` when there is none.
#[must_use]
pub fn running(state: &StateDir) -> Option<Server> {
    read_pid_file(&state.data())
}

/// The lines of `postmaster.pid`: pid, data folder, start time, port, socket folder, address, shared memory, status.
fn read_pid_file(data: &Path) -> Option<Server> {
    // Bytes: a path need not be UTF-8.
    let text = fs::read(data.join("postmaster.pid")).ok()?;
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let process = ProcessId::of(str::from_utf8(lines.first()?).ok()?.parse().ok()?)?;
    // After a crash the file may be left, and its pid be somebody else's.
    if identity::is_known() && !identity::serves(process, data) {
        return None;
    }
    Some(Server {
        process,
        socket_folder: PathBuf::from(OsStr::from_bytes(lines.get(4).copied().unwrap_or_default())),
        is_ready: lines.get(7) == Some(&b"ready".as_slice()),
    })
}

/// Waits until the server takes connections.
///
/// # Errors
/// When it ends before, or takes longer than crash recovery of a small database may.
pub async fn wait_until_ready(state: &StateDir, log_start: u64) -> Result<Server, Failure> {
    const LIMIT: Duration = Duration::from_secs(60);
    /// The server writes its pid file within so long, or has ended.
    const FIRST_SIGN: Duration = Duration::from_secs(5);
    let log = state.log("postgres");
    let start = Instant::now();
    loop {
        match running(state) {
            Some(server) if server.is_ready => return Ok(server),
            Some(_) if start.elapsed() < LIMIT => {}
            None if start.elapsed() < FIRST_SIGN && !has_failed(&log, log_start) => {}
            _ => {
                let said = launch::log_since(&log, log_start);
                return Err(Failure::new(Exit::Unreachable, format!("Postgres did not start:\n{said}"))
                    .hint(format!("its log is {}", log.display())));
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that cannot start says so in its last line.
fn has_failed(log: &Path, start: u64) -> bool {
    let said = launch::log_since(log, start);
    said.contains("FATAL: ") || said.contains("database system is shut down")
}
