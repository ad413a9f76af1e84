//! The running server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Binaries;
use crate::failure::{Exit, Failure};
use crate::local::database_user::DatabaseUser;
use crate::local::launch::{self, Launch};
use crate::local::process::ProcessId;
use crate::local::{StateDir, socket};

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

/// How the server is started. As a child of our own rather than by `pg_ctl`, so that it can be watched.
#[must_use]
pub fn launch(
    state: &StateDir,
    binaries: &Binaries,
    user: Option<DatabaseUser>,
    dies_with_us: bool,
) -> Launch {
    let setting = |text: &str| ["-c".into(), text.into()];
    let settings = [
        // The socket is the only way in, and its folder is the lock on the door.
        setting("listen_addresses="),
        setting(&format!("unix_socket_directories=\"{}\"", socket::folder(state).display())),
        setting(&format!("port={}", socket::PORT)),
        setting("timezone=UTC"),
        setting("cluster_name=batchsweep"),
        // Every query here is short: compiling one takes longer than running it.
        setting("jit=off"),
    ];
    Launch {
        program: binaries.program("postgres"),
        arguments: ["-D".into(), state.data().into_os_string()]
            .into_iter()
            .chain(settings.into_iter().flatten())
            .collect(),
        log: state.log("postgres"),
        user,
        dies_with_us: dies_with_us.then_some(stop_signal()),
    }
}

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
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let process = ProcessId::of(lines.first()?.parse().ok()?)?;
    // After a crash of the machine the file may be left, and its pid be somebody else's.
    let name =
        fs::read_to_string(format!("/proc/{}/comm", process.pid)).unwrap_or_else(|_| "postgres".to_owned());
    if !name.trim().starts_with("postgres") {
        return None;
    }
    Some(Server {
        process,
        socket_folder: PathBuf::from(lines.get(4).copied().unwrap_or_default()),
        is_ready: lines.get(7) == Some(&"ready"),
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
