//! A worker with settings of a test's own, in place of the local stack's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cli::local::process::ProcessId;
use cli::local::record::Record;
use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, wait_for};

/// It ends with the test.
pub struct OwnWorker {
    child: Child,
    /// What it says.
    pub log: PathBuf,
}

impl OwnWorker {
    /// Starts it, once the local stack's worker is gone.
    pub fn start(sandbox: &Sandbox, name: &str, spool: &Path, arguments: &[&str]) -> Self {
        Self::start_with(sandbox, name, spool, arguments, Vec::new())
    }

    /// The same with more in its environment.
    pub fn start_with(
        sandbox: &Sandbox,
        name: &str,
        spool: &Path,
        arguments: &[&str],
        variables: Vec<(String, String)>,
    ) -> Self {
        let record = Record::load(sandbox.state());
        for (_, local) in record.workers {
            local.signal(Signal::SIGTERM);
            wait_for("the end of the local worker", || (!local.is_alive()).then_some(()));
        }
        let program = Path::new(env!("CARGO_BIN_EXE_batchsweep")).with_file_name("batchsweep-worker");
        let log = sandbox.state().file(&format!("{name}.log"));
        let child = Command::new(program)
            .args(["--coordinator", &record.url, "--name", name, "--threads", "1"])
            .args(arguments)
            .arg("--token-file")
            .arg(sandbox.state().token())
            .arg("--spool-dir")
            .arg(spool)
            .envs(variables)
            .stdin(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn();
        Self { child: child.unwrap(), log }
    }

    /// Its agent.
    pub fn agent(&self) -> ProcessId {
        ProcessId::of(self.child.id()).unwrap()
    }

    /// How often it, or a worker before it of the same name, said this.
    pub fn times_said(&self, text: &str) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches(text).count()
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> bool {
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for OwnWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
