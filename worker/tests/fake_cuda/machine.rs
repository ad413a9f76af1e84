//! A machine with cards that are not there, or the one that these tests run on; and the worker on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::board::{Board, Card, Global};
use crate::trainer::Trainer;

/// Set to 1 where the tests are to use this machine's own first GPU, as far as they can.
const REAL: &str = "BATCHSWEEP_TEST_REAL_GPU";

/// Another file for the trace, to look at afterwards.
const TRACE: &str = "BATCHSWEEP_TEST_TRACE";

/// The worker to test, where it is not the one that was built with these tests.
const WORKER: &str = "BATCHSWEEP_TEST_WORKER";

/// The machine that a test's processes run on.
#[derive(Debug)]
pub struct Machine {
    folder: TempDir,
    /// `None` for this machine's own GPU.
    board: Option<Board>,
    has_nvml: bool,
    environment: Vec<(&'static str, String)>,
}

impl Machine {
    /// This machine with its own GPU, where that is asked for.
    pub fn real() -> Option<Self> {
        let is_wanted = std::env::var_os(REAL).is_some_and(|value| value == "1");
        let folder = tempfile::tempdir().unwrap();
        is_wanted.then(|| Self { folder, board: None, has_nvml: true, environment: Vec::new() })
    }

    /// This machine with its own GPU where that is asked for, and otherwise a card of 1 GiB that is not there.
    pub fn real_or_fake() -> Self {
        Self::real().unwrap_or_else(Self::new)
    }

    /// With one card of 1 GiB.
    pub fn new() -> Self {
        Self::with(&[Card::new(0)])
    }

    /// With these cards.
    pub fn with(cards: &[Card]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let board = Some(Board::create(&folder.path().join("board"), cards));
        Self { folder, board, has_nvml: true, environment: Vec::new() }
    }

    /// What was done on the cards that are not there.
    pub fn board(&self) -> &Board {
        self.board.as_ref().expect("a test that looks at the board does not ask for the real GPU")
    }

    /// As a container that was given the cards without the driver's management library.
    pub fn without_nvml(mut self) -> Self {
        self.has_nvml = false;
        self
    }

    /// With a driver for another version of CUDA: 12040 for 12.4, 0 for none.
    pub fn with_driver(self, version: u64) -> Self {
        self.board().set(Global::DriverVersion, version);
        self
    }

    /// With a variable of the environment.
    pub fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// The worker's program, as it was built for machines with or without CUDA.
    pub fn worker(&self) -> Command {
        let built = env!("CARGO_BIN_EXE_batchsweep-worker");
        let mut command = Command::new(std::env::var_os(WORKER).unwrap_or_else(|| built.into()));
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stderr(self.log_file());
        if self.board.is_some() {
            self.use_fake_cuda(&mut command);
        }
        command
    }

    /// Lets a program run on the cards that are not there.
    pub fn use_fake_cuda(&self, command: &mut Command) {
        let fake = fake_cuda();
        let mut libraries = vec![fake.join("torch/lib"), fake.join("driver")];
        if self.has_nvml {
            libraries.push(fake.join("nvml"));
        }
        command
            .env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap())
            .env("FAKE_CUDA_BOARD", self.folder.path().join("board"))
            .env("FAKE_CUDA_TRACE", std::env::var_os(TRACE).unwrap_or_else(|| self.trace_file().into()));
        // The user's own choice is about real cards.
        for name in ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"] {
            if !self.environment.iter().any(|(own, _)| *own == name) {
                command.env_remove(name);
            }
        }
    }

    /// A trainer on one of its devices, ready for work.
    pub fn trainer(&self, device: &str) -> Trainer {
        let mut trainer = Trainer::spawn(self.worker());
        match trainer.start(device) {
            Ok(_) => trainer,
            Err(problem) => panic!("{problem:?}\n{}", self.log()),
        }
    }

    /// What the processes wrote on standard error; there it stays with BATCHSWEEP_TEST_SHOW_LOG, for whoever looks for the
    /// reason of a failure.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What the runtime was asked for, a line each: launches, waits, allocations, copies to the host.
    pub fn trace(&self) -> Vec<String> {
        let text = fs::read_to_string(self.trace_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn trace_file(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    fn log_file(&self) -> Stdio {
        if std::env::var_os("BATCHSWEEP_TEST_SHOW_LOG").is_some() {
            return Stdio::inherit();
        }
        File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap().into()
    }
}

/// The layout that `build` made of the sources as they are now.
pub fn fake_cuda() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let made = Command::new(root.join("scripts/setup")).arg("--fake-cuda").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        root.join(".fake-cuda").canonicalize().unwrap()
    })
}
