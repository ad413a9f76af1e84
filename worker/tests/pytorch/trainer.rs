//! A trainer process.

use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use domain::TrialSpec;
use proto::v1::trainer_event::Kind as EventKind;
use proto::v1::trainer_request::Kind as RequestKind;
use proto::v1::{self, MetricName, Outcome};
use proto::{Wire, frame};

pub struct Trainer {
    process: Child,
    requests: ChildStdin,
    events: ChildStdout,
}

/// What a trial reported.
pub struct Trained {
    pub step_losses: Vec<f64>,
    pub result: v1::TrialResult,
    /// Lines of the log.
    pub warnings: Vec<String>,
}

impl Trainer {
    /// By itself, or with a Python interpreter around it.
    pub fn start(python: Option<&Path>) -> Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_batchsweep-worker"))
            .arg("trainer")
            .args(python.into_iter().flat_map(|python| [Path::new("--python"), python]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let requests = process.stdin.take().context("its input is piped")?;
        let events = process.stdout.take().context("its output is piped")?;
        let mut trainer = Self { process, requests, events };
        let start = v1::StartTrainer {
            device: "cpu".to_owned(),
            threads: 1,
            allows_code: true,
            ..v1::StartTrainer::default()
        };
        trainer.send(RequestKind::Start(start))?;
        match trainer.next()? {
            EventKind::Ready(_) => Ok(trainer),
            other => bail!("instead of being ready it says {other:?}"),
        }
    }

    pub fn train(&mut self, spec: &TrialSpec) -> Result<Trained> {
        let train = v1::TrainTrial { spec: Some(spec.to_wire()), ..v1::TrainTrial::default() };
        self.send(RequestKind::Train(train))?;
        let (mut step_losses, mut warnings) = (Vec::new(), Vec::new());
        loop {
            match self.next()? {
                EventKind::Progress(_) | EventKind::Found(_) | EventKind::Alive(_) => {}
                EventKind::Records(records) => {
                    warnings.extend(warnings_in(&records));
                    step_losses.extend(losses_in(records, step_losses.len())?);
                }
                EventKind::Finished(result) if result.outcome() == Outcome::Succeeded => {
                    return Ok(Trained { step_losses, result, warnings });
                }
                other => bail!("{other:?}"),
            }
        }
    }

    fn send(&mut self, kind: RequestKind) -> io::Result<()> {
        frame::write(&mut self.requests, &v1::TrainerRequest { kind: Some(kind) })
    }

    fn next(&mut self) -> Result<EventKind> {
        let event: v1::TrainerEvent = frame::read(&mut self.events)?.context("the trainer ended")?;
        event.kind.context("an event of a kind that is not known")
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        // Nothing of it is worth keeping; both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn warnings_in(records: &v1::Records) -> Vec<String> {
    let lines = records.records.iter().filter_map(|record| match &record.kind {
        Some(v1::record::Kind::Log(line)) if line.level() == v1::LogLevel::Warning => Some(line.text.clone()),
        _ => None,
    });
    lines.collect()
}

/// The step losses among records, which are to follow those of `done` steps without a gap.
fn losses_in(records: v1::Records, done: usize) -> Result<Vec<f64>> {
    let mut losses = Vec::new();
    for record in records.records {
        if let Some(v1::record::Kind::Metric(point)) = record.kind
            && point.name() == MetricName::TrainLoss
        {
            losses.push(point.value);
            let step = (done + losses.len()) as u64;
            anyhow::ensure!(point.step == step, "step {} came where step {step} belongs", point.step);
        }
    }
    Ok(losses)
}
