//! A state folder of a test's own, the command in it, and what it said.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cli::local::StateDir;
use cli::local::process::ProcessId;
use cli::local::record::Record;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// No single wait of a test takes longer than this on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Two stacks at a time: the tests measure nothing, but many of them at once would starve each other.
static FREE: (Mutex<usize>, Condvar) = (Mutex::new(2), Condvar::new());

/// One of the two.
struct Turn;

impl Turn {
    fn wait() -> Self {
        let free = FREE.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = FREE.1.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREE.1.notify_one();
    }
}

/// A state folder of its own; whatever still runs in it ends with the test.
pub struct Sandbox {
    folder: TempDir,
    state: StateDir,
    _turn: Turn,
}

impl Sandbox {
    pub fn new() -> Self {
        let turn = Turn::wait();
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_batchsweep"));
        for other in ["batchsweep-coordinator", "batchsweep-worker"] {
            let path = binary.with_file_name(other);
            assert!(path.exists(), "{} is not built; run `cargo build` first", path.display());
        }
        let folder = tempfile::tempdir().unwrap();
        // Root's temporary folders are closed to the database's user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let state = StateDir::resolve(Some(&folder.path().join("state"))).unwrap();
        Self { folder, state, _turn: turn }
    }

    /// A sweep file in this sandbox.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The command's program.
    pub fn program(&self) -> &Path {
        Path::new(env!("CARGO_BIN_EXE_batchsweep"))
    }

    /// The command in this sandbox.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.placed(Command::new(self.program()), arguments)
    }

    fn placed(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .env("BATCHSWEEP_STATE_DIR", self.state.path())
            .env_remove("BATCHSWEEP_COORDINATOR");
        command
    }

    /// Runs the command to its end.
    pub fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs the command to its end, with more in its environment.
    pub fn call_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs the command, which must succeed; gives its standard output.
    #[track_caller]
    pub fn read(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} ended with {}:\n{said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the command writes where both of its outputs are a terminal of 80 columns, without colour.
    pub fn on_a_terminal_of_80_columns(&self, arguments: &[&str]) -> String {
        let command = [env!("CARGO_BIN_EXE_batchsweep")].into_iter().chain(arguments.iter().copied());
        let quoted: Vec<String> = command.map(|word| format!("'{word}'")).collect();
        let script = format!("stty cols 80 rows 24; {}", quoted.join(" "));
        let mut terminal = Command::new("script");
        terminal
            .args(["-qec", &script, "/dev/null"])
            .env("BATCHSWEEP_STATE_DIR", self.state.path())
            .env("NO_COLOR", "1")
            .env_remove("BATCHSWEEP_COORDINATOR");
        let output = terminal.stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap().replace('\r', "")
    }

    /// What [`Sandbox::read`] gives, as JSON rows.
    #[track_caller]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.read(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// How many losses of steps are stored, of all trials.
    #[track_caller]
    pub fn steps_told(&self) -> u64 {
        let told =
            self.rows(&["sql", "select count(*) as n from batchsweep.metric where name = 'train_loss'"]);
        told[0]["n"].as_u64().unwrap()
    }

    /// Starts the command and goes on.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_as(Command::new(self.program()), arguments)
    }

    /// The same by another program, or another copy of this one.
    pub fn start_as(&self, program: Command, arguments: &[&str]) -> Running {
        let child = self
            .placed(program, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running::new(child.unwrap())
    }

    /// What runs of the stack, once there is a coordinator and a worker.
    pub fn record(&self) -> Record {
        wait_for("a running stack", || {
            let record = Record::load(&self.state);
            (record.coordinator.is_some() && !record.workers.is_empty()).then_some(record)
        })
    }

    /// The worker's trainer, once it runs.
    pub fn trainer(&self) -> ProcessId {
        wait_for("a trainer", || self.record().workers.iter().find_map(|(_, worker)| trainer_of(*worker)))
    }

    /// Every process of the stack that runs now, the database's included.
    pub fn processes(&self) -> Vec<ProcessId> {
        let record = Record::of_living(&self.state);
        let database = cli::local::postgres::running(&self.state).map(|server| server.process);
        let workers = record.workers.iter().map(|(_, worker)| *worker);
        let trainers: Vec<_> = workers.clone().filter_map(trainer_of).collect();
        workers.chain(record.coordinator).chain(database).chain(trainers).collect()
    }

    pub fn state(&self) -> &StateDir {
        &self.state
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--quiet"]).status();
    }
}

/// A running command, its standard error line by line.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    stdout: Option<thread::JoinHandle<String>>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || std::io::read_to_string(stdout).unwrap_or_default());
        Self { child, lines, said: Vec::new(), stdout: Some(stdout) }
    }

    /// Waits until a line with this text is said.
    #[track_caller]
    pub fn wait_for_line(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.said.push(line);
                    if found {
                        return;
                    }
                }
                Err(_) => panic!("`{text}` was not said:\n{}", self.said.join("\n")),
            }
        }
    }

    pub fn process(&self) -> ProcessId {
        ProcessId::of(self.child.id()).expect("the command still runs")
    }

    pub fn signal(&self, signal: Signal) {
        self.process().signal(signal);
    }

    /// Waits for its end; gives exit code, standard output and standard error.
    pub fn finish(mut self) -> (Option<i32>, String, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > LIMIT {
                let _ = self.child.kill();
                panic!("the command does not end:\n{}", self.said.join("\n"));
            }
            thread::sleep(Duration::from_millis(10));
        };
        self.said.extend(self.lines.iter());
        (status.code(), self.stdout.take().unwrap().join().unwrap(), self.said.join("\n"))
    }
}

/// Looks until there is something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "there was never {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The child of a worker that trains.
pub fn trainer_of(worker: ProcessId) -> Option<ProcessId> {
    let processes =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
    };
    let mut children = processes.filter(|&pid| parent(pid) == Some(worker.pid));
    children.find_map(ProcessId::of)
}

/// A file of the repository's `examples/`.
pub fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).to_string_lossy().into_owned()
}
