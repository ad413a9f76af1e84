//! The trainer as a process: requests on standard input, events on standard output, both as [`wire`] has them.

mod wire;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use domain::run::{Failure, FailureKind};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup, dup2_stdout};

use super::error::TrialError;
use super::event::Event;
use super::hosted;
use super::session::{Ended, Host, Reporter, TrainTrial, Wishes, plan, train, try_out};
use super::{check, device, pulse};
use crate::shim::TorchError;

/// What an agent asks for.
#[derive(Debug)]
enum Request {
    /// Something to work on, one after another.
    Work(Work),
    /// Stop the trial in progress, if there is one.
    Stop {
        /// Whether to save it first.
        save: bool,
        /// Whether to bring the result so far.
        conclude: bool,
    },
    /// Save the trial in progress, if there is one.
    Save,
}

/// What takes time, and is answered.
#[derive(Debug)]
enum Work {
    /// First of all: where to train.
    Start {
        /// "cpu" or "cuda:0".
        device: String,
        /// The worker's own memory limit in bytes.
        memory_limit: Option<u64>,
        /// CPU threads to compute with; 0 for libtorch's choice.
        threads: u32,
        /// Whether models may run code of their users.
        allows_code: bool,
    },
    /// Open the data and probe memory, but train nothing.
    Plan(Box<TrainTrial>),
    /// Open the data and build the model, and no more.
    TryOut(Box<TrainTrial>),
    /// Train.
    Train(Box<TrainTrial>),
    /// Look into a scripted module.
    Check {
        /// The file.
        path: PathBuf,
        /// The shape of one example's input; empty to try likely ones.
        features: Vec<u64>,
    },
    /// A request that makes no sense, for this reason.
    Unreadable(String),
}

impl Work {
    /// Whether it runs code that a user wrote.
    fn runs_code(&self) -> bool {
        match self {
            Self::Plan(trial) | Self::TryOut(trial) | Self::Train(trial) => trial.spec.runs_code(),
            Self::Check { .. } => true,
            Self::Start { .. } | Self::Unreadable(_) => false,
        }
    }
}

/// Serves one agent until it closes standard input.
///
/// # Errors
/// When the agent cannot be heard or no longer listens.
pub fn serve() -> anyhow::Result<()> {
    let events = Events(Arc::new(Mutex::new(take_standard_output().context("taking over standard output")?)));
    let pulse = events.clone();
    pulse::watch(move || pulse.send(Event::Alive).is_ok());
    // A panic is reported to the agent as a problem; the frames beside it would help nobody.
    std::panic::set_hook(Box::new(|_| {}));
    let signals = Arc::new(Signals::default());
    let requests = listen(Arc::clone(&signals));
    let mut host = None;
    while let Ok(work) = requests.recv() {
        // No work that the end of the agent would have to break off.
        signals.busy.store(true, Ordering::SeqCst);
        let answer = answer(|| do_work(work, &mut host, &events, &signals.wishes));
        signals.busy.store(false, Ordering::SeqCst);
        events.send(answer).context("reporting to the agent")?;
    }
    Ok(())
}

/// Answers whatever an agent asks for with this reason.
///
/// # Errors
/// When the agent no longer listens.
pub fn refuse(reason: &str) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(request) = wire::read(&mut input) {
        if let Request::Work(_) = request {
            let failure = Failure { kind: FailureKind::Files, message: reason.to_owned() };
            wire::write(&mut output, Event::Problem { is_fatal: false, failure })?;
        }
    }
    Ok(())
}

/// Events go out where standard output went; what else is printed goes to standard error from now on, so that no
/// library can write into the protocol.
fn take_standard_output() -> io::Result<File> {
    let events = File::from(dup(io::stdout())?);
    dup2_stdout(io::stderr())?;
    Ok(events)
}

/// What the reading thread and the working thread let each other know.
#[derive(Debug, Default)]
struct Signals {
    wishes: Wishes,
    /// A request is being worked on.
    busy: AtomicBool,
}

/// Reads requests on a thread of its own, so that a stop is heard during a trial. The agent's end is the trainer's: at
/// the end of standard input this process goes, whatever it is doing.
fn listen(signals: Arc<Signals>) -> Receiver<Work> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let Wishes { stop, conclude: concluding, save: saving } = &signals.wishes;
        let mut input = io::stdin().lock();
        while let Some(request) = wire::read(&mut input) {
            match request {
                Request::Stop { save, conclude } => {
                    saving.store(save, Ordering::Relaxed);
                    concluding.store(conclude, Ordering::Relaxed);
                    // Whoever sees the stop sees the other wishes as well.
                    stop.store(true, Ordering::Release);
                }
                Request::Save => saving.store(true, Ordering::Relaxed),
                Request::Work(work) => {
                    if let Work::Train(_) = work {
                        stop.store(false, Ordering::Relaxed);
                        saving.store(false, Ordering::Relaxed);
                        concluding.store(false, Ordering::Relaxed);
                    }
                    // The other end is gone only when the agent no longer listens.
                    let _ = sender.send(work);
                }
            }
        }
        // An idle trainer ends by itself, now that no request can come. A busy one would go on for nobody, and a step
        // may take long; this end runs no destructor that libtorch's threads could trip over.
        if signals.busy.load(Ordering::SeqCst) {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
    });
    receiver
}

fn do_work(
    work: Work,
    host: &mut Option<Host>,
    events: &Events,
    wishes: &Wishes,
) -> Result<Event, TrialError> {
    match (work, host) {
        (Work::Start { device, memory_limit, threads, allows_code }, host) => {
            let opened = Host::new(device::open(&device, threads)?, memory_limit);
            let host = host.insert(Host { allows_code, ..opened });
            Ok(Event::Ready { device: device::describe(host.device), memory_limit })
        }
        (Work::Unreadable(problem), _) => Err(TrialError::Unsupported(problem)),
        (_, None) => Err(TrialError::NotStarted),
        (work, Some(host)) if work.runs_code() && !host.allows_code => Err(TrialError::CodeNotAllowed),
        (Work::Plan(trial), Some(host)) => Ok(Event::Planned(plan(&trial, host)?)),
        (Work::TryOut(trial), Some(host)) => Ok(Event::Planned(try_out(&trial, host)?)),
        (Work::Check { path, features }, Some(host)) => {
            Ok(Event::Checked(check::module(&path, &features, host)?))
        }
        (Work::Train(trial), Some(host)) => {
            let mut send = |event| events.send(event);
            let mut reporter = Reporter::new(&mut send);
            hosted::begin_printing();
            let ended = train(&trial, host, &mut reporter, wishes);
            // What was said before an error says what led to it.
            reporter.flush()?;
            Ok(match ended? {
                Ended::Finished(result) => Event::Finished(result),
                Ended::Stopped => Event::Stopped,
            })
        }
    }
}

/// Does the work, and turns every way in which that can fail into a problem.
fn answer(work: impl FnOnce() -> Result<Event, TrialError>) -> Event {
    let mut outcome = None;
    let caught = TorchError::catch(|| {
        outcome = Some(work());
        Ok(())
    });
    match (caught, outcome) {
        (Ok(()), Some(Ok(event))) => event,
        (Ok(()), Some(Err(error))) => Event::Problem { is_fatal: error.is_fatal(), failure: error.failure() },
        // What a panic leaves behind is not to be trusted.
        (caught, _) => {
            let why = caught.err().map(|error| error.message).unwrap_or_default();
            let message = format!("the trainer broke off: {why}");
            Event::Problem { is_fatal: true, failure: Failure { kind: FailureKind::Trainer, message } }
        }
    }
}

/// Where events go, whole ones at a time: the working thread and the pulse share it.
#[derive(Debug, Clone)]
struct Events(Arc<Mutex<File>>);

impl Events {
    fn send(&self, event: Event) -> io::Result<()> {
        wire::write(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), event)
    }
}
