//! A trainer as a child of this command: what device it finds, and what a trial would take there. The same trainer that
//! agents run.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use domain::TrialSpec;
use domain::units::Bytes;
use proto::v1::{
    CheckModule, CheckedModule, Device, FailureKind, KnownMemory, PlanTrial, PlannedTrial, StartTrainer,
    TrainerEvent, TrainerRequest, trainer_event, trainer_request,
};
use proto::{Wire, frame};

use crate::failure::Failure;
use crate::talk::Talk;

/// Where it is to train.
#[derive(Debug, Clone)]
pub struct TrainerOptions {
    /// Such as `cpu` or `cuda:0`.
    pub device: String,
    /// Whether a Python interpreter hosts it, as models of kind python need.
    pub is_hosted: bool,
    /// Which one; `None` for that of the environment.
    pub python: Option<PathBuf>,
    /// Device memory it may use.
    pub memory_limit: Option<Bytes>,
    /// After so long without any work done it is ended.
    pub patience: Duration,
    /// How much is said while it works.
    pub talk: Talk,
}

/// As long as a worker waits by default.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// After so long without any work done, the user gets a warning. Reading, planning and each micro-batch count as work.
const SILENCE: Duration = Duration::from_secs(10);

const NOTHING_DONE: &str = "no micro-batch and no piece of a file was finished";

/// A running trainer; it ends when dropped, as its standard input does.
#[derive(Debug)]
pub struct Trainer {
    child: Arc<Mutex<Child>>,
    stdin: Option<ChildStdin>,
    events: Receiver<io::Result<Option<TrainerEvent>>>,
    said: Option<JoinHandle<String>>,
    device: Device,
    patience: Duration,
    talk: Talk,
}

impl Trainer {
    /// Starts one and waits until it has its device.
    ///
    /// # Errors
    /// When it does not start, or the device cannot be used.
    pub fn start(program: &Path, options: &TrainerOptions) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .arg("trainer")
            .args(options.is_hosted.then_some("--python"))
            .args(options.python.as_deref().filter(|_| options.is_hosted))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::io(format!("cannot start {}", program.display()), &error))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::failed("the trainer has no standard streams"));
        };
        let said = std::thread::spawn(move || last_words(stderr));
        let mut trainer = Self {
            child: Arc::new(Mutex::new(child)),
            stdin: Some(stdin),
            events: read_events(stdout),
            said: Some(said),
            device: Device::default(),
            patience: options.patience,
            talk: options.talk,
        };
        let start = StartTrainer {
            device: options.device.clone(),
            memory_limit_bytes: options.memory_limit.map(|limit| limit.0),
            // As the one worker of a `run` has them: memory may depend on it.
            threads: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
            // It is the user's own, on the user's machine.
            allows_code: true,
        };
        match trainer.ask(trainer_request::Kind::Start(start))? {
            trainer_event::Kind::Ready(device) => trainer.device = device,
            trainer_event::Kind::Problem(problem) if options.is_hosted => {
                return Err(Failure::usage(problem.message));
            }
            other => return Err(trainer.unexpected(other)),
        }
        Ok(trainer)
    }

    /// The device it has.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What a trial would take, with the memory that is known from others.
    ///
    /// # Errors
    /// When its data or its model cannot be read or built, and when the trainer ends.
    pub fn plan(&mut self, trial: &TrialSpec, known_memory: &[KnownMemory]) -> Result<PlannedTrial, Failure> {
        self.planned(PlanTrial {
            spec: Some(trial.to_wire()),
            known_memory: known_memory.to_vec(),
            only_try_out: false,
        })
    }

    /// What a trial's data is, and what is to be said of its model; nothing about memory.
    ///
    /// # Errors
    /// As of [`Trainer::plan`].
    pub fn try_out(&mut self, trial: &TrialSpec) -> Result<PlannedTrial, Failure> {
        self.planned(PlanTrial { spec: Some(trial.to_wire()), known_memory: Vec::new(), only_try_out: true })
    }

    fn planned(&mut self, plan: PlanTrial) -> Result<PlannedTrial, Failure> {
        match self.ask(trainer_request::Kind::Plan(plan))? {
            trainer_event::Kind::Planned(planned) => Ok(planned),
            trainer_event::Kind::Problem(problem)
                if [FailureKind::Input, FailureKind::Files].contains(&problem.kind()) =>
            {
                Err(Failure::usage(problem.message))
            }
            other => Err(self.unexpected(other)),
        }
    }

    /// What ends it from another thread, whatever it is doing.
    #[must_use]
    pub fn end(&self) -> TrainerEnd {
        TrainerEnd(Arc::clone(&self.child))
    }

    /// What is in a scripted module.
    ///
    /// # Errors
    /// With what keeps it from being trained, and when the trainer ends.
    pub fn check(&mut self, module: CheckModule) -> Result<CheckedModule, Failure> {
        match self.ask(trainer_request::Kind::Check(module))? {
            trainer_event::Kind::Checked(checked) => Ok(checked),
            other => Err(self.unexpected(other)),
        }
    }

    fn send(&mut self, kind: trainer_request::Kind) -> io::Result<()> {
        let request = TrainerRequest { kind: Some(kind) };
        match &mut self.stdin {
            Some(stdin) => frame::write(stdin, &request),
            None => Ok(()),
        }
    }

    fn ask(&mut self, kind: trainer_request::Kind) -> Result<trainer_event::Kind, Failure> {
        let sent = self.send(kind);
        loop {
            match self.next_event()? {
                Ok(Some(TrainerEvent {
                    kind:
                        Some(
                            trainer_event::Kind::Progress(_)
                            | trainer_event::Kind::Records(_)
                            | trainer_event::Kind::Alive(_)
                            | trainer_event::Kind::Found(_),
                        ),
                })) => {}
                Ok(Some(TrainerEvent { kind: Some(kind) })) => return Ok(kind),
                Ok(Some(TrainerEvent { kind: None }) | None) => return Err(self.ended(sent.err().as_ref())),
                Err(error) => return Err(self.ended(Some(&error))),
            }
        }
    }

    /// The next thing it says, or that it has done nothing for too long.
    fn next_event(&mut self) -> Result<io::Result<Option<TrainerEvent>>, Failure> {
        let silence = SILENCE.min(self.patience);
        match self.events.recv_timeout(silence) {
            Err(RecvTimeoutError::Timeout) if silence < self.patience => self.talk.warn(format_args!(
                "{NOTHING_DONE} for {SILENCE:?}: this is slow, or the model does not return; Ctrl-C ends it"
            )),
            Err(RecvTimeoutError::Timeout) => {}
            received => return Ok(received.unwrap_or(Ok(None))),
        }
        match self.events.recv_timeout(self.patience - silence) {
            Err(RecvTimeoutError::Timeout) => {
                end(&self.child);
                let patience = self.patience;
                Err(Failure::failed(format!("{NOTHING_DONE} for {patience:?}, so the trainer was ended"))
                    .hint("see that the model's `forward` returns, and that its files can be read"))
            }
            received => Ok(received.unwrap_or(Ok(None))),
        }
    }

    fn unexpected(&mut self, kind: trainer_event::Kind) -> Failure {
        match kind {
            trainer_event::Kind::Problem(problem) => Failure::failed(problem.message),
            other => Failure::failed(format!("the trainer gave an answer to another question: {other:?}"))
                .hint("batchsweep and batchsweep-worker must be of one build"),
        }
    }

    fn ended(&mut self, error: Option<&io::Error>) -> Failure {
        self.stdin = None;
        let status =
            lock(&self.child).wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let why = error.map(|error| format!(" ({error})")).unwrap_or_default();
        let said = if said.is_empty() { said } else { format!(":\n{said}") };
        Failure::failed(format!("the trainer ended: {status}{why}{said}"))
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        // The end of its input is its sign to leave; it holds nothing that could be lost.
        self.stdin = None;
        end(&self.child);
    }
}

/// What it says, read beside: a pipe cannot be waited on for a time.
fn read_events(stdout: ChildStdout) -> Receiver<io::Result<Option<TrainerEvent>>> {
    let (sender, events) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let event = frame::read::<TrainerEvent>(&mut stdout);
            let is_last = !matches!(event, Ok(Some(_)));
            if sender.send(event).is_err() || is_last {
                return;
            }
        }
    });
    events
}

/// Ends a trainer, and with it whatever waits for its answer.
#[derive(Debug)]
pub struct TrainerEnd(Arc<Mutex<Child>>);

impl TrainerEnd {
    /// Ends it.
    pub fn now(&self) {
        end(&self.0);
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = lock(child);
    let _ = child.kill();
    let _ = child.wait();
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last lines of its standard error.
fn last_words(mut stderr: impl Read) -> String {
    const BYTES: usize = 8 << 10;
    let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(count) = stderr.read(&mut chunk)
        && count > 0
    {
        text.extend_from_slice(&chunk[..count]);
        let excess = text.len().saturating_sub(BYTES);
        text.drain(..excess);
    }
    let text = String::from_utf8_lossy(&text);
    let text = anstream::adapter::strip_str(&text).to_string();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
