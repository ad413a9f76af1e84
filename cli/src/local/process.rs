//! Processes by id, safe against ids that the system has given to somebody else since.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often a process is looked at while it is waited for.
const STEP: Duration = Duration::from_millis(5);

/// A process, told apart from later ones of the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    /// The system's id.
    pub pid: u32,
    /// When it started, in clock ticks since boot; `None` where the system does not tell.
    pub started: Option<u64>,
}

impl ProcessId {
    /// The process that now has this id; `None` when there is none, or only one that has ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid);
        match stat {
            Some(stat) if stat.is_zombie => None,
            Some(stat) => Some(Self { pid, started: Some(stat.started) }),
            // No /proc here: all there is to ask is whether a signal would arrive.
            None if !std::path::Path::new("/proc/self/stat").exists() => {
                kill(system_pid(pid)?, None).is_ok().then_some(Self { pid, started: None })
            }
            None => None,
        }
    }

    /// Every process of this machine that runs; empty where the system does not list them.
    pub fn all() -> impl Iterator<Item = Self> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::of(entry.file_name().to_str()?.parse().ok()?))
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal, if it still runs.
    pub fn signal(self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = system_pid(self.pid)
        {
            // It may end between the two lines; then there is nobody to signal, which is what was wanted.
            let _ = kill(pid, signal);
        }
    }

    /// Waits until it has ended, at most so long; whether it has.
    pub async fn ended_within(self, limit: Duration) -> bool {
        let start = Instant::now();
        while self.is_alive() {
            if start.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(STEP).await;
        }
        true
    }
}

fn system_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|&pid| pid > 0).map(Pid::from_raw)
}

struct Stat {
    is_zombie: bool,
    started: u64,
}

impl Stat {
    /// From `/proc/PID/stat`: state is the first field after the name in parentheses, the start time the 20th.
    fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        Some(Self {
            is_zombie: matches!(fields.first(), Some(&("Z" | "X"))),
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_another_start_is_another_process() {
        let own = ProcessId::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { started: Some(1), ..own }.is_alive());
    }

    #[test]
    fn an_ended_child_is_not_alive_even_before_it_is_reaped() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        if let Some(id) = ProcessId::of(pid) {
            assert!(runtime.block_on(id.ended_within(Duration::from_secs(10))));
        }
        child.wait().unwrap();
        assert_eq!(ProcessId::of(pid), None);
    }
}
