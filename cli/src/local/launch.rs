//! How a process of the stack is started: its own process group, so that Ctrl-C reaches only this command; its output
//! in a log; and, for those that must not outlive this command, a signal from the kernel when it dies.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::sys::signal::Signal;

use crate::failure::Failure;
use crate::local::database_user::DatabaseUser;
use crate::local::{StateDir, life};

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The path of the program's file.
    pub program: PathBuf,
    /// What it is given after its name.
    pub arguments: Vec<OsString>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The lock that it holds for life: see [`life`].
    pub life: PathBuf,
    /// What is done before each start; `None` for nothing.
    pub before: Option<Before>,
    /// The system user it runs as; `None` for this one.
    pub user: Option<DatabaseUser>,
    /// What the kernel sends it when this command dies; `None` for a process that stays.
    pub dies_with_us: Option<Signal>,
}

/// A step before each start of a process, also when it is started again.
#[derive(Debug, Clone)]
pub struct Before {
    /// The state folder that it is for.
    pub state: StateDir,
    /// What is done there; a failure keeps the process from starting.
    pub step: fn(&StateDir) -> Result<(), Failure>,
}

/// A log past this size makes room for a new one; one older is kept.
const LOG_BYTES: u64 = 8 << 20;

impl Launch {
    /// Starts it.
    ///
    /// # Errors
    /// When the program or its log cannot be opened, or the one before it still runs.
    pub fn spawn(&self) -> Result<Child, Failure> {
        if let Some(Before { state, step }) = &self.before {
            step(state)?;
        }
        let life = life::take(&self.life)?;
        let log = open_log(&self.log)
            .map_err(|error| Failure::io(format!("cannot write the log {}", self.log.display()), &error))?;
        let output = log.try_clone().map_err(|error| Failure::io("cannot share a log", &error))?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(life).stdout(output).stderr(log).process_group(0);
        for name in
            std::env::vars_os().map(|(name, _)| name).filter(|name| is_foreign(&name.to_string_lossy()))
        {
            command.env_remove(name);
        }
        if let Some(user) = &self.user {
            // Another user may not be able to stay in this command's working folder.
            command.uid(user.uid).gid(user.gid).current_dir("/");
        }
        if let Some(signal) = self.dies_with_us {
            die_with_parent(&mut command, signal);
        }
        command
            .spawn()
            .map_err(|error| Failure::io(format!("cannot start {}", self.program.display()), &error))
    }
}

/// Settings in the environment are meant for another database or coordinator; these processes are told all by flags.
#[must_use]
pub fn is_foreign(name: &str) -> bool {
    name.starts_with("PG") || (name.starts_with("BATCHSWEEP_") && !name.starts_with("BATCHSWEEP_LOG"))
}

/// Asks the kernel to send the child `signal` when the thread that starts it ends. This command starts processes on its
/// main thread only, so that is when the command ends, also by kill -9.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std offers no safe way to run code between fork and exec")]
fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec only two system calls are made and nothing is allocated, which is all that is allowed
    // there. The user has been changed by then, which would have undone the request.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // The parent may have died before the kernel was asked.
            if nix::unistd::getppid() == parent {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(nix::libc::ESRCH))
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command, _signal: Signal) {}

fn open_log(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// How long a log is now; 0 when there is none.
#[must_use]
pub fn log_end(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |log| log.len())
}

/// The last lines that a log got since it was `start` bytes long, without colours; empty for none.
#[must_use]
pub fn log_since(path: &Path, start: u64) -> String {
    const LINES: usize = 6;
    const BYTES: u64 = 8 << 10;
    let read = || -> io::Result<String> {
        let mut log = File::open(path)?;
        let end = log.metadata()?.len();
        log.seek(SeekFrom::Start(start.max(end.saturating_sub(BYTES)).min(end)))?;
        let mut bytes = Vec::new();
        // A log may be a device that never ends.
        log.take(BYTES).read_to_end(&mut bytes)?;
        Ok(anstream::adapter::strip_str(&String::from_utf8_lossy(&bytes)).to_string())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
