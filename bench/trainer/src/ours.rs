//! batchsweep's trainer, as the agent runs it: a process of its own, spoken to through its protocol, with every step's
//! loss recorded and its memory accounted for.

use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use domain::TrialSpec;
use proto::v1::trainer_event::Kind as EventKind;
use proto::v1::trainer_request::Kind as RequestKind;
use proto::v1::{self, MetricName, Outcome};
use proto::{Wire, frame};

use crate::rounds::Timing;

/// A warm trainer process.
#[derive(Debug)]
pub struct Trainer {
    process: Child,
    requests: ChildStdin,
    events: ChildStdout,
}

impl Trainer {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not start or does not get ready.
    pub fn start(worker: &Path, threads: u32) -> Result<Self> {
        let mut process = Command::new(worker)
            .arg("trainer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", worker.display()))?;
        let requests = process.stdin.take().context("the trainer's input is not connected")?;
        let events = process.stdout.take().context("the trainer's output is not connected")?;
        let mut trainer = Self { process, requests, events };
        let start = v1::StartTrainer { device: "cpu".to_owned(), threads, ..v1::StartTrainer::default() };
        trainer.send(RequestKind::Start(start))?;
        match trainer.next()? {
            EventKind::Ready(_) => Ok(trainer),
            other => bail!("the trainer is not ready: {other:?}"),
        }
    }

    /// Trains once; the time is what the result calls `train_seconds`.
    ///
    /// # Errors
    /// When training fails or its losses are not told.
    pub fn train(&mut self, trial: &TrialSpec) -> Result<Timing> {
        let train = v1::TrainTrial { spec: Some(trial.to_wire()), ..v1::TrainTrial::default() };
        self.send(RequestKind::Train(train))?;
        let mut losses = 0;
        loop {
            match self.next()? {
                EventKind::Progress(_) | EventKind::Found(_) | EventKind::Alive(_) => {}
                EventKind::Records(records) => {
                    losses += records.records.iter().filter(|it| is_loss(it)).count();
                }
                EventKind::Finished(result) if result.outcome() == Outcome::Succeeded => {
                    let steps = result.steps;
                    anyhow::ensure!(losses as u64 == steps, "{losses} losses were told of {steps} steps");
                    let train_set_loss =
                        result.train_set_loss.context("no loss over the training set was told")?;
                    return Ok(Timing { seconds: result.train_seconds, steps, train_set_loss });
                }
                other => bail!("training ended in {other:?}"),
            }
        }
    }

    fn send(&mut self, kind: RequestKind) -> Result<()> {
        Ok(frame::write(&mut self.requests, &v1::TrainerRequest { kind: Some(kind) })?)
    }

    fn next(&mut self) -> Result<EventKind> {
        let event: v1::TrainerEvent = frame::read(&mut self.events)?.context("the trainer ended")?;
        event.kind.context("the trainer sent an event of a kind that is not known")
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        // It keeps nothing; both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_loss(record: &v1::Record) -> bool {
    matches!(&record.kind, Some(v1::record::Kind::Metric(point)) if point.name() == MetricName::TrainLoss)
}
