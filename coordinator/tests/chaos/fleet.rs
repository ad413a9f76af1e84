//! The processes of a cluster: coordinators and workers as users run them, each started again when it ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::plan::Who;
use crate::proxy::Proxy;

/// Leases are short here, so that many run out within a test.
pub const LEASE: Duration = Duration::from_secs(3);

/// A trainer that does nothing for this long is hung: longer than a lease, so that one may also be cut short of it.
const TRAINER_TIMEOUT: Duration = Duration::from_secs(7);

/// How long a killed process stays away: now and then longer than a lease.
const AWAY: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(1_500), Duration::from_millis(4_500)];

/// How a process is started.
struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
}

/// One process after another.
struct Slot {
    program: Program,
    child: Option<Child>,
    /// Where it is down: when it is started again.
    back_at: Instant,
    starts: usize,
}

impl Slot {
    fn new(program: Program) -> Self {
        Self { program, child: None, back_at: Instant::now(), starts: 0 }
    }

    fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether it is not there; when it is to be back follows from the moment that this is first seen.
    fn is_down(&mut self) -> bool {
        if let Some(child) = &mut self.child {
            if child.try_wait().unwrap().is_none() {
                return false;
            }
            self.child = None;
            self.back_at = Instant::now() + AWAY[self.starts % AWAY.len()];
        }
        true
    }

    /// Starts it where it is down and its time has come.
    fn tend(&mut self) {
        if !self.is_down() || Instant::now() < self.back_at {
            return;
        }
        let log = File::options().create(true).append(true).open(&self.program.log).unwrap();
        let mut command = Command::new(&self.program.path);
        command.args(&self.program.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.kill_on_drop(true).spawn().unwrap());
        self.starts += 1;
    }
}

pub struct Fleet {
    folder: PathBuf,
    /// The programs, as links that may be replaced; beside the files, as links are made within one disk only.
    programs: TempDir,
    coordinators: Vec<Slot>,
    workers: Vec<Slot>,
    proxy: Proxy,
    /// Stopped processes, and when they go on.
    stopped: Vec<(u32, Instant)>,
}

impl Fleet {
    /// So many coordinators on this database behind the proxy, and workers before it; with `trainer` as their trainers'
    /// program, or their own.
    pub fn new(
        folder: &Path,
        proxy: Proxy,
        database: &str,
        coordinators: usize,
        workers: usize,
        trainer: Option<&Path>,
    ) -> Self {
        let built = PathBuf::from(env!("CARGO_BIN_EXE_batchsweep-coordinator"));
        let programs = tempfile::tempdir_in(built.parent().unwrap()).unwrap();
        let [binary, worker] = [COORDINATOR, WORKER].map(|name| programs.path().join(name));
        [COORDINATOR, WORKER].iter().for_each(|name| put(programs.path(), name));
        let text = |text: &str| text.to_owned();
        let coordinator = |index: usize| Program {
            path: binary.clone(),
            arguments: [
                "serve",
                "--database-url",
                database,
                "--listen",
                "127.0.0.1:0",
                // A port that only one of them could have.
                "--http-listen",
                "off",
                "--address-file",
                &address_file(folder, index).display().to_string(),
                "--lease-ttl",
                &format!("{}s", LEASE.as_secs()),
                "--heartbeat-interval",
                "500ms",
            ]
            .map(text)
            .to_vec(),
            log: folder.join(format!("coordinator-{index}.log")),
        };
        let agent = |index: usize| {
            let mut arguments = [
                "--coordinator",
                &proxy.url(),
                "--name",
                &name(index),
                "--threads",
                "1",
                "--spool-dir",
                &folder.join(format!("spool-{index}")).display().to_string(),
                "--trainer-timeout",
                &format!("{}s", TRAINER_TIMEOUT.as_secs()),
            ]
            .map(text)
            .to_vec();
            if let Some(trainer) = trainer {
                arguments.extend([text("--trainer-program"), trainer.display().to_string()]);
            }
            Program { path: worker.clone(), arguments, log: folder.join(format!("worker-{index}.log")) }
        };
        Self {
            folder: folder.to_owned(),
            programs,
            coordinators: (0..coordinators).map(|index| Slot::new(coordinator(index))).collect(),
            workers: (0..workers).map(|index| Slot::new(agent(index))).collect(),
            proxy,
            stopped: Vec::new(),
        }
    }

    /// Starts what is down, lets go on what was stopped for long enough, and tells the proxy who is where.
    pub fn tend(&mut self) {
        for (index, slot) in self.coordinators.iter_mut().enumerate() {
            let file = address_file(&self.folder, index);
            if slot.is_down() {
                // Of the one before; the next one writes its own.
                let _ = fs::remove_file(&file);
            }
            slot.tend();
            let address = fs::read_to_string(&file).ok();
            let address = address.and_then(|url| url.trim().strip_prefix("http://")?.parse().ok());
            self.proxy.set_backend(index, address);
        }
        for slot in &mut self.workers {
            slot.tend();
        }
        let now = Instant::now();
        self.stopped.retain(|(pid, until)| {
            let goes_on = *until <= now;
            if goes_on {
                signal(*pid, Signal::SIGCONT);
            }
            !goes_on
        });
    }

    /// The processes of this kind that run and are not stopped.
    fn running(&self, who: Who) -> Vec<u32> {
        let of = |slots: &[Slot]| slots.iter().filter_map(Slot::pid).collect::<Vec<_>>();
        let pids = match who {
            Who::Worker => of(&self.workers),
            Who::Trainer => of(&self.workers).into_iter().filter_map(child_of).collect(),
            Who::Coordinator => of(&self.coordinators),
        };
        pids.into_iter().filter(|pid| self.stopped.iter().all(|(stopped, _)| stopped != pid)).collect()
    }

    /// Sends a signal to one of them, the `choice`th; false where there is none.
    pub fn signal(&self, who: Who, choice: u64, what: Signal) -> bool {
        pick(&self.running(who), choice).is_some_and(|pid| signal(pid, what))
    }

    /// Puts another file in the place of a program that runs.
    pub fn replace(&self, who: Who) -> bool {
        put(self.programs.path(), if who == Who::Coordinator { COORDINATOR } else { WORKER });
        true
    }

    /// Stops one of them for this long; false where there is none.
    pub fn stop(&mut self, who: Who, choice: u64, time: Duration) -> bool {
        pick(&self.running(who), choice).is_some_and(|pid| self.stop_process(pid, time))
    }

    /// Stops this process for this long, or until somebody lets it go on; false where it is gone.
    pub fn stop_process(&mut self, pid: u32, time: Duration) -> bool {
        let is_stopped = signal(pid, Signal::SIGSTOP);
        if is_stopped {
            self.stopped.push((pid, Instant::now() + time));
        }
        is_stopped
    }

    /// The process of the worker of this name, where it runs and is not stopped.
    pub fn worker(&self, name_of: &str) -> Option<u32> {
        let index = (0..self.workers.len()).find(|index| name(*index) == name_of)?;
        self.workers[index].pid().filter(|pid| self.running(Who::Worker).contains(pid))
    }

    /// How often a text stands in the logs of all workers.
    pub fn workers_said(&self, text: &str) -> usize {
        said(&self.workers, text)
    }

    /// How often a text stands in the logs of all coordinators.
    pub fn coordinators_said(&self, text: &str) -> usize {
        said(&self.coordinators, text)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // A stopped trainer would not see that its agent is gone.
        for (pid, _) in &self.stopped {
            signal(*pid, Signal::SIGCONT);
        }
    }
}

const COORDINATOR: &str = "batchsweep-coordinator";
const WORKER: &str = "batchsweep-worker";

/// Links a program into the folder, in place of the link that is there.
fn put(folder: &Path, name: &str) {
    let built = Path::new(env!("CARGO_BIN_EXE_batchsweep-coordinator")).with_file_name(name);
    assert!(built.exists(), "{} is not built; run `cargo build` first", built.display());
    let place = folder.join(name);
    let _ = fs::remove_file(&place);
    fs::hard_link(built, place).unwrap();
}

fn said(slots: &[Slot], text: &str) -> usize {
    let logs = slots.iter().map(|slot| fs::read_to_string(&slot.program.log).unwrap_or_default());
    logs.map(|log| log.matches(text).count()).sum()
}

fn name(index: usize) -> String {
    format!("worker-{index}")
}

fn address_file(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("coordinator-{index}.address"))
}

fn pick(pids: &[u32], choice: u64) -> Option<u32> {
    let index = choice.checked_rem(pids.len() as u64)?;
    pids.get(usize::try_from(index).ok()?).copied()
}

/// Whether there was somebody to send it to.
pub fn signal(pid: u32, signal: Signal) -> bool {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).is_ok()
}

/// The trainer of a worker: its only child.
fn child_of(worker: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{worker}/task/{worker}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
