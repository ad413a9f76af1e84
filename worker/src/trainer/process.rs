//! The trainer as a process: requests on standard input, events on standard output.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use domain::TrialSpec;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup, dup2_stdout};
use proto::v1::trainer_event::Kind as EventKind;
use proto::v1::trainer_request::Kind as RequestKind;
use proto::{frame, from_wire, v1};

use super::checkpoint::Checkpoints;
use super::error::TrialError;
use super::pulse;
use super::report::Reporter;
use super::session::{Ended, train};
use super::setup::{Host, MicroBatchCap};
use super::{check, device, result};
use crate::shim::TorchError;

/// Serves one agent until it closes standard input.
///
/// # Errors
/// When the agent cannot be heard or no longer listens.
pub fn serve() -> anyhow::Result<()> {
    let events = Events(Arc::new(Mutex::new(take_standard_output().context("taking over standard output")?)));
    let pulse = events.clone();
    pulse::watch(move || pulse.send(EventKind::Alive(v1::Alive {})).is_ok());
    // A panic is told to the agent as a problem; the frames beside it would help nobody.
    std::panic::set_hook(Box::new(|_| {}));
    let flags = Arc::new(Flags::default());
    let requests = listen(Arc::clone(&flags));
    let mut host: Option<Host> = None;
    while let Ok(request) = requests.recv() {
        // No work that the end of the agent would have to break off.
        if let (RequestKind::Learn(lessons), Some(host)) = (&request, &mut host) {
            host.planner.learn(&lessons.memory);
            host.micro_batch_cap = (lessons.micro_batch_cap > 0).then(|| MicroBatchCap {
                examples: lessons.micro_batch_cap,
                reason: lessons.micro_batch_cap_reason.clone(),
            });
            continue;
        }
        if let (RequestKind::Checkpointing(wanted), Some(host)) = (&request, &mut host) {
            host.checkpoints = Checkpoints::new(wanted, Arc::clone(&flags.save));
            continue;
        }
        flags.busy.store(true, Ordering::SeqCst);
        let answer = match (request, &mut host) {
            (RequestKind::Start(start), host) => match open(&start) {
                Ok(opened) => {
                    EventKind::Ready(device::describe(host.insert(opened).device, start.memory_limit_bytes))
                }
                Err(error) => EventKind::Problem(problem(&error)),
            },
            (RequestKind::Plan(spec), Some(host)) => answer(spec, |spec| plan(spec, host)),
            (RequestKind::Check(module), Some(host)) => {
                attempt(|| Ok(EventKind::Checked(check::module(&module, host)?)))
            }
            (RequestKind::Train(spec), Some(host)) => {
                let mut send = |event| events.send(event);
                answer(spec, |spec| {
                    Ok(match train(spec, host, &mut Reporter::new(&mut send), &flags.stop)? {
                        Ended::Finished(result) => EventKind::Finished(*result),
                        Ended::Stopped => EventKind::Stopped(v1::StoppedTrial {}),
                    })
                })
            }
            (RequestKind::Stop(_) | RequestKind::Save(_), _)
            | (RequestKind::Learn(_) | RequestKind::Checkpointing(_), Some(_)) => continue,
            (_, None) => EventKind::Problem(v1::Problem {
                fatal: true,
                kind: v1::FailureKind::Trainer.into(),
                message: "the trainer was asked to work before it was told where".to_owned(),
            }),
        };
        flags.busy.store(false, Ordering::SeqCst);
        events.send(answer).context("reporting to the agent")?;
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

/// What the reading and the working thread tell each other.
#[derive(Debug, Default)]
struct Flags {
    /// The trial in progress is to stop.
    stop: AtomicBool,
    /// It is to be saved, before it stops if it is to stop.
    save: Arc<AtomicBool>,
    /// A request is being worked on.
    busy: AtomicBool,
}

/// Reads requests on a thread of its own, so that a stop is heard during a trial. The agent's end is the trainer's: at
/// the end of standard input this process goes, whatever it is doing.
fn listen(flags: Arc<Flags>) -> Receiver<RequestKind> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(v1::TrainerRequest { kind: Some(kind) })) = frame::read(&mut input) {
            match kind {
                RequestKind::Stop(v1::StopTrial { save }) => {
                    flags.save.store(save, Ordering::Relaxed);
                    // Whoever sees the stop sees the wish to save as well.
                    flags.stop.store(true, Ordering::Release);
                }
                RequestKind::Save(_) => flags.save.store(true, Ordering::Relaxed),
                RequestKind::Train(_) => {
                    flags.stop.store(false, Ordering::Relaxed);
                    flags.save.store(false, Ordering::Relaxed);
                    let _ = sender.send(kind);
                }
                _ => drop(sender.send(kind)),
            }
        }
        // An idle trainer ends by itself, now that no request can come. A busy one would go on for nobody, and a step
        // may take long; this end runs no destructor that libtorch's threads could trip over.
        if flags.busy.load(Ordering::SeqCst) {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
    });
    receiver
}

fn open(start: &v1::StartTrainer) -> Result<Host, TrialError> {
    Ok(Host::new(device::open(&start.device, start.threads)?, start.memory_limit_bytes))
}

/// Reads the trial and does the work.
fn answer(spec: v1::TrialSpec, work: impl FnOnce(&TrialSpec) -> Result<EventKind, TrialError>) -> EventKind {
    let spec = match from_wire::trial(spec) {
        Ok(spec) => spec,
        Err(error) => {
            return EventKind::Problem(v1::Problem {
                fatal: false,
                kind: v1::FailureKind::Input.into(),
                message: error.to_string(),
            });
        }
    };
    attempt(|| work(&spec))
}

/// Does the work, and turns every way in which that can fail into a problem.
fn attempt(work: impl FnOnce() -> Result<EventKind, TrialError>) -> EventKind {
    let mut outcome = None;
    let caught = TorchError::catch(|| {
        outcome = Some(work());
        Ok(())
    });
    match (caught, outcome) {
        (Ok(()), Some(Ok(event))) => event,
        (Ok(()), Some(Err(error))) => EventKind::Problem(problem(&error)),
        // What a panic leaves behind is not to be trusted.
        (caught, _) => EventKind::Problem(v1::Problem {
            fatal: true,
            kind: v1::FailureKind::Trainer.into(),
            message: format!(
                "the trainer broke off: {}",
                caught.err().map(|error| error.message).unwrap_or_default()
            ),
        }),
    }
}

fn plan(spec: &TrialSpec, host: &mut Host) -> Result<EventKind, TrialError> {
    let probes_before = host.planner.probes();
    let prepared = host.prepare(spec)?;
    let probes = host.planner.probes() - probes_before;
    let planned = match prepared {
        Ok(ready) => v1::PlannedTrial {
            train_examples: ready.shape.train_examples,
            validation_examples: ready.shape.validation_examples,
            total_steps: ready.course.total_steps(),
            micro_batch: ready.plan.split.micro_batch(),
            accumulation_steps: ready.plan.split.accumulation_steps(),
            memory: Some(result::predicted(ready.plan.predicted, ready.account.budget)),
            infeasible: String::new(),
            probes,
            is_measured: ready.plan.is_measured,
        },
        Err(trial) => v1::PlannedTrial {
            train_examples: trial.shape.train_examples,
            validation_examples: trial.shape.validation_examples,
            total_steps: trial.course.total_steps(),
            memory: Some(result::predicted(trial.infeasible.needed, trial.budget)),
            infeasible: trial.infeasible.message,
            probes,
            ..v1::PlannedTrial::default()
        },
    };
    Ok(EventKind::Planned(planned))
}

fn problem(error: &TrialError) -> v1::Problem {
    v1::Problem { fatal: error.is_fatal(), kind: error.kind().into(), message: error.to_string() }
}

/// Where events go, whole ones at a time: the working thread and the pulse share it.
#[derive(Debug, Clone)]
struct Events(Arc<Mutex<File>>);

impl Events {
    fn send(&self, kind: EventKind) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write(&mut *file, &v1::TrainerEvent { kind: Some(kind) })
    }
}
