//! The trainer as a process, through its standard input and output.

use std::io::Write;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use domain::TrialSpec;
use domain::spec::Budget;
use proto::v1::trainer_event::Kind as Event;
use proto::v1::trainer_request::Kind as Request;
use proto::v1::{self, Outcome, Phase};
use proto::{Wire, frame};

use crate::lab::{cnn_trial, lasting, seed_example, within};

pub struct Trainer {
    pub child: Child,
    requests: Option<ChildStdin>,
    events: ChildStdout,
}

impl Trainer {
    pub fn start() -> Self {
        Self::with_threads(1)
    }

    pub fn with_threads(threads: u32) -> Self {
        let mut trainer = Self::spawn();
        let ready = trainer.ask(Request::Start(v1::StartTrainer {
            device: "cpu".into(),
            threads,
            ..Default::default()
        }));
        let Event::Ready(device) = ready else { panic!("{ready:?}") };
        assert_eq!((device.name.as_str(), device.threads), ("cpu", threads));
        trainer
    }

    fn spawn() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_batchsweep-worker"))
            .arg("trainer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, events) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, requests, events }
    }

    pub fn send(&mut self, kind: Request) {
        frame::write(self.requests.as_mut().unwrap(), &v1::TrainerRequest { kind: Some(kind) }).unwrap();
    }

    pub fn next(&mut self) -> Option<Event> {
        frame::read::<v1::TrainerEvent>(&mut self.events).unwrap().map(|event| event.kind.unwrap())
    }

    fn ask(&mut self, kind: Request) -> Event {
        self.send(kind);
        loop {
            match self.next().unwrap() {
                Event::Alive(_) => {}
                answer => return answer,
            }
        }
    }

    /// Trains to the end; gives the last event and the number of records before it.
    fn train(&mut self, spec: &TrialSpec) -> (Event, usize) {
        let (last, records, _) = self.train_and_find(spec);
        (last, records)
    }

    /// Trains to the end; gives the first split.
    fn first_split(&mut self, request: Request) -> v1::Split {
        self.send(request);
        let mut first = None;
        loop {
            match self.next().unwrap() {
                Event::Records(batch) => {
                    let split = batch.records.into_iter().find_map(|record| match record.kind {
                        Some(v1::record::Kind::Split(split)) => Some(split),
                        _ => None,
                    });
                    first = first.or(split);
                }
                Event::Finished(_) => return first.unwrap(),
                _ => {}
            }
        }
    }

    /// The same with what it found out and others can use.
    fn train_and_find(&mut self, spec: &TrialSpec) -> (Event, usize, Vec<v1::KnownMemory>) {
        self.send(train(spec));
        let (mut records, mut found) = (0, Vec::new());
        loop {
            match self.next().unwrap() {
                Event::Progress(_) | Event::Alive(_) => {}
                Event::Found(findings) => found.extend(findings.memory),
                Event::Records(batch) => records += batch.records.len(),
                last => return (last, records, found),
            }
        }
    }
}

/// A trial on its own.
pub fn train(spec: &TrialSpec) -> Request {
    Request::Train(v1::TrainTrial { spec: Some(spec.to_wire()), ..v1::TrainTrial::default() })
}

fn plan(spec: &TrialSpec, known_memory: &[v1::KnownMemory]) -> Request {
    Request::Plan(v1::PlanTrial {
        spec: Some(spec.to_wire()),
        known_memory: known_memory.to_vec(),
        only_try_out: false,
    })
}

impl Drop for Trainer {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

#[test]
fn one_process_trains_one_trial_after_another_and_ends_with_its_input() {
    let mut trainer = Trainer::start();
    for (batch_size, steps) in [(32, 96), (1024, 3)] {
        let (last, records) = trainer.train(&seed_example(batch_size, 0));
        let Event::Finished(result) = last else { panic!("{last:?}") };
        assert_eq!((result.outcome(), result.steps), (Outcome::Succeeded, steps));
        assert!(records as u64 > steps);
    }
    drop(trainer.requests.take());
    assert!(trainer.child.wait().unwrap().success());
}

#[test]
fn its_environment_is_set_however_it_was_started() {
    let trainer = Trainer::start();
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", trainer.child.id())).unwrap();
    for (name, _) in worker::trainer::device::ENVIRONMENT {
        assert!(environment.split('\0').any(|entry| entry.starts_with(&format!("{name}="))), "{name}");
    }
}

#[test]
fn a_plan_tells_micro_batch_and_memory_without_training() {
    let mut trainer = Trainer::start();
    let spec = cnn_trial(256, 128);
    let Event::Planned(free) = trainer.ask(plan(&spec, &[])) else { panic!() };
    assert_eq!(
        (free.train_examples, free.total_steps, free.micro_batch, free.infeasible.as_str()),
        (256, 6, 128, "")
    );
    let peak = free.memory.unwrap().predicted_peak_memory_bytes;
    let Event::Planned(tight) = trainer.ask(plan(&within(spec.clone(), peak / 3), &[])) else { panic!() };
    assert!(tight.micro_batch < 128 && tight.accumulation_steps > 1);
    assert!(tight.memory.unwrap().predicted_peak_memory_bytes <= peak / 3);
    let Event::Planned(never) = trainer.ask(plan(&within(spec, 1000), &[])) else { panic!() };
    assert!(never.micro_batch == 0 && never.infeasible.contains("activations"), "{never:?}");
}

#[test]
fn what_one_trainer_found_out_another_one_does_not_find_out_again() {
    let spec = cnn_trial(256, 128);
    let peak = {
        let Event::Planned(free) = Trainer::start().ask(plan(&spec, &[])) else { panic!() };
        free.memory.unwrap().predicted_peak_memory_bytes
    };
    let tight = within(spec, peak / 3);
    let (last, _, found) = Trainer::start().train_and_find(&tight);
    let Event::Finished(first) = last else { panic!("{last:?}") };
    assert!(first.oom_count > 0 && first.accumulation_steps > 1, "{first:?}");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].description.contains("Conv2d") && found[0].kind.len() == 64, "{found:?}");

    let mut other = Trainer::start();
    let Event::Planned(planned) = other.ask(plan(&tight, &found)) else { panic!() };
    assert_eq!(planned.probes, 0);
    let (last, _, found) = other.train_and_find(&tight);
    let Event::Finished(second) = last else { panic!("{last:?}") };
    assert_eq!(second.oom_count, 0);
    assert_eq!((second.micro_batch, second.memory), (first.micro_batch, first.memory), "to the byte");
    assert_eq!(
        (second.final_train_loss, second.train_set_loss),
        (first.final_train_loss, first.train_set_loss)
    );
    assert_eq!(found, [], "nothing was new");
}

#[test]
fn a_trial_in_progress_stops_when_asked_and_the_next_one_trains() {
    let mut trainer = Trainer::start();
    trainer.send(train(&lasting(seed_example(1, 0), Budget::Epochs(1_000_000))));
    loop {
        match trainer.next().unwrap() {
            Event::Progress(progress) if progress.phase() == Phase::Training => break,
            Event::Progress(_) | Event::Records(_) | Event::Found(_) => {}
            other => panic!("{other:?}"),
        }
    }
    trainer.send(Request::Stop(v1::StopTrial::default()));
    let last = std::iter::from_fn(|| trainer.next())
        .find(|event| !matches!(event, Event::Progress(_) | Event::Records(_) | Event::Found(_)));
    assert!(matches!(last, Some(Event::Stopped(_))), "{last:?}");
    assert!(matches!(trainer.train(&seed_example(1024, 0)).0, Event::Finished(_)));
}

#[test]
fn a_trial_that_is_to_end_early_brings_what_it_measured() {
    let mut trainer = Trainer::start();
    let endless = train(&lasting(seed_example(1, 0), Budget::Epochs(1_000_000)));
    // At once, while it is being prepared, and after its first steps.
    for after_steps in [false, true] {
        trainer.send(endless.clone());
        while after_steps && !matches!(trainer.next().unwrap(), Event::Records(_)) {}
        trainer.send(Request::Stop(v1::StopTrial { save: false, conclude: true }));
        let last = std::iter::from_fn(|| trainer.next())
            .find(|event| !matches!(event, Event::Progress(_) | Event::Records(_) | Event::Found(_)));
        let Some(Event::Finished(result)) = last else { panic!("{last:?}") };
        assert_eq!(result.outcome(), Outcome::Stopped);
        assert_eq!(result.steps > 0, after_steps, "{result:?}");
        assert!(result.message.contains("could no longer become the best"), "{result:?}");
        let result = domain::run::TrialResult::from_wire(result).unwrap();
        result.check().expect("a coordinator takes it");
    }
    assert!(matches!(trainer.train(&seed_example(1024, 0)).0, Event::Finished(_)));
}

#[test]
fn a_busy_trainer_goes_with_its_agent() {
    let mut trainer = Trainer::start();
    trainer.send(train(&lasting(seed_example(1, 0), Budget::Epochs(1_000_000))));
    while !matches!(trainer.next(), Some(Event::Records(_))) {}
    drop(trainer.requests.take());
    assert!(!trainer.child.wait().unwrap().success());
}

#[test]
fn what_goes_wrong_is_told_and_the_trainer_goes_on() {
    let mut trainer = Trainer::start();
    let broken = v1::TrialSpec { model: None, ..seed_example(32, 0).to_wire() };
    let broken = v1::TrainTrial { spec: Some(broken), ..v1::TrainTrial::default() };
    let Event::Problem(problem) = trainer.ask(Request::Train(broken)) else { panic!() };
    assert!(!problem.fatal && problem.message.contains("model"), "{problem:?}");
    let mut flat = seed_example(32, 0);
    flat.model = domain::spec::ModelSpec::cnn(&[4], &[]);
    let (last, _) = trainer.train(&flat);
    let Event::Problem(problem) = last else { panic!("{last:?}") };
    assert_eq!((problem.fatal, problem.kind()), (false, v1::FailureKind::Input));
    assert!(matches!(trainer.train(&seed_example(1024, 0)).0, Event::Finished(_)));
}

#[test]
fn a_device_that_is_not_there_is_refused_with_advice() {
    let mut trainer = Trainer::spawn();
    let start =
        |device: &str| Request::Start(v1::StartTrainer { device: device.into(), ..Default::default() });
    let Event::Problem(problem) = trainer.ask(start("gpu")) else { panic!() };
    assert!(problem.message.contains("`gpu` is not a device"), "{}", problem.message);
    if !std::path::Path::new("/proc/driver/nvidia/version").exists() {
        let Event::Problem(problem) = trainer.ask(start("cuda:0")) else { panic!() };
        assert!(problem.message.contains("scripts/setup --cuda") || problem.message.contains("nvidia-smi"));
    }
}

#[test]
fn noise_on_its_input_ends_the_trainer_without_noise_on_its_output() {
    let mut trainer = Trainer::spawn();
    trainer.requests.as_mut().unwrap().write_all(b"\xff\xff\xff\xffthis is no frame").unwrap();
    assert_eq!(trainer.next(), None);
    assert!(trainer.child.wait().unwrap().success());
}

#[test]
fn a_trial_whose_trainer_was_killed_is_split_finer_and_the_next_one_is_not() {
    let mut trainer = Trainer::start();
    let spec = seed_example(32, 0);
    let reason = "an earlier attempt was killed".to_owned();
    let cap = v1::MicroBatchCap { examples: 4, reason: reason.clone() };
    let capped = v1::TrainTrial {
        spec: Some(spec.to_wire()),
        micro_batch_cap: Some(cap),
        ..v1::TrainTrial::default()
    };
    let first = trainer.first_split(Request::Train(capped));
    assert_eq!((first.micro_batch, first.reason), (4, reason));
    assert_eq!(trainer.first_split(train(&spec)).micro_batch, 32, "the limit was that trial's");
}
