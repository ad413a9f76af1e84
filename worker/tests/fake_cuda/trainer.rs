//! A trainer process, spoken to as the agent speaks to it.

use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use domain::TrialSpec;
use proto::v1::trainer_event::Kind as Event;
use proto::v1::trainer_request::Kind as Request;
use proto::v1::{self, MetricName};
use proto::{Wire, frame};

/// The process.
#[derive(Debug)]
pub struct Trainer {
    child: Child,
    requests: Option<ChildStdin>,
    events: ChildStdout,
}

/// A trial's result with everything that was sent before it.
#[derive(Debug)]
pub struct Trained {
    pub result: v1::TrialResult,
    pub before: Before,
}

/// What was sent before an answer.
#[derive(Debug, Default)]
pub struct Before {
    pub records: Vec<v1::Record>,
    /// Reports of how far a trial has come. The trainer sends them by the clock.
    pub progress: u64,
    /// What was measured of the memory of kinds of trials.
    pub memory: Vec<v1::KnownMemory>,
    /// The files that the trial was saved to, and the step that each was saved after.
    pub saved: Vec<(String, u64)>,
    /// The step that the trial went on from.
    pub resumed: Option<u64>,
}

impl Trainer {
    /// Starts it; it has no device yet.
    pub fn spawn(mut worker: Command) -> Self {
        let mut child = worker.arg("trainer").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (requests, events) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, requests, events }
    }

    /// Opens a device, with one thread on the CPU.
    pub fn start(&mut self, device: &str) -> Result<v1::Device, v1::Problem> {
        self.start_with(device, 1)
    }

    /// Opens a device, with so many threads on the CPU.
    pub fn start_with(&mut self, device: &str, threads: u32) -> Result<v1::Device, v1::Problem> {
        let device = device.to_owned();
        self.send(Request::Start(v1::StartTrainer {
            device,
            threads,
            allows_code: true,
            ..v1::StartTrainer::default()
        }));
        match self.answer().0 {
            Event::Ready(device) => Ok(device),
            Event::Problem(problem) => Err(problem),
            other => panic!("{other:?}"),
        }
    }

    /// How a trial would be split.
    pub fn plan(&mut self, spec: &TrialSpec) -> v1::PlannedTrial {
        self.send(Request::Plan(v1::PlanTrial { spec: Some(spec.to_wire()), ..v1::PlanTrial::default() }));
        match self.answer().0 {
            Event::Planned(planned) => planned,
            other => panic!("{other:?}"),
        }
    }

    /// Trains a trial to its result.
    pub fn train(&mut self, spec: &TrialSpec) -> Trained {
        self.try_to_train(spec).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    /// Trains a trial to its end.
    pub fn try_to_train(&mut self, spec: &TrialSpec) -> Result<Trained, v1::Problem> {
        self.begin(spec);
        self.finish()
    }

    /// Begins to train a trial.
    pub fn begin(&mut self, spec: &TrialSpec) {
        self.begin_with(spec, v1::Checkpointing::default());
    }

    /// Begins to train a trial that is saved, or that goes on from where it was saved.
    pub fn begin_with(&mut self, spec: &TrialSpec, checkpointing: v1::Checkpointing) {
        let (spec, checkpointing) = (Some(spec.to_wire()), Some(checkpointing));
        self.send(Request::Train(v1::TrainTrial { spec, checkpointing, ..v1::TrainTrial::default() }));
    }

    /// Waits until the trial that was begun takes steps.
    pub fn wait_for_a_step(&mut self) {
        loop {
            match frame::read::<v1::TrainerEvent>(&mut self.events).unwrap().and_then(|event| event.kind) {
                Some(Event::Progress(progress)) if progress.phase() == v1::Phase::Training => return,
                Some(Event::Alive(_) | Event::Progress(_) | Event::Found(_) | Event::Records(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the end of the trial that was begun.
    pub fn finish(&mut self) -> Result<Trained, v1::Problem> {
        match self.answer() {
            (Event::Finished(result), before) => Ok(Trained { result, before }),
            (Event::Problem(problem), _) => Err(problem),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// Waits for its end.
    pub fn end(&mut self) -> ExitStatus {
        drop(self.requests.take());
        self.child.wait().unwrap()
    }

    fn send(&mut self, kind: Request) {
        frame::write(self.requests.as_mut().unwrap(), &v1::TrainerRequest { kind: Some(kind) }).unwrap();
    }

    /// The event that answers a request, and what came before it.
    fn answer(&mut self) -> (Event, Before) {
        let mut before = Before::default();
        loop {
            let event = frame::read::<v1::TrainerEvent>(&mut self.events).unwrap();
            match event.and_then(|event| event.kind) {
                Some(Event::Records(batch)) => before.records.extend(batch.records),
                Some(Event::Progress(_)) => before.progress += 1,
                Some(Event::Found(found)) => before.memory.extend(found.memory),
                Some(Event::Saved(saved)) => before.saved.push((saved.file, saved.step)),
                Some(Event::Resumed(resumed)) => before.resumed = Some(resumed.step),
                Some(Event::Alive(_)) => {}
                Some(answer) => return (answer, before),
                None => panic!("the trainer ended: {:?}", self.child.wait()),
            }
        }
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Trained {
    pub fn peak(&self) -> u64 {
        self.memory().peak_memory_bytes
    }

    pub fn memory(&self) -> &v1::Memory {
        self.result.memory.as_ref().expect("a result holds its memory")
    }

    /// The points of a curve.
    pub fn curve(&self, name: MetricName) -> Vec<(u64, f64)> {
        let points = self.before.records.iter().filter_map(|record| match &record.kind {
            Some(v1::record::Kind::Metric(point)) if point.name() == name => Some((point.step, point.value)),
            _ => None,
        });
        points.collect()
    }

    /// How its batches were split, one after another.
    pub fn splits(&self) -> Vec<v1::Split> {
        let splits = self.before.records.iter().filter_map(|record| match &record.kind {
            Some(v1::record::Kind::Split(split)) => Some(split.clone()),
            _ => None,
        });
        splits.collect()
    }
}
