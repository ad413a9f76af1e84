//! A trial whose trainer is killed again and again ends as an undisturbed one: same weights, result and records.

use std::fs;
use std::path::{Path, PathBuf};

use domain::TrialSpec;
use domain::spec::{Budget, MicroBatchPolicy, ModelSpec, OptimizerKind, TrainSpec};
use proto::Wire;
use proto::v1::{self, TrialResult, record, trainer_event::Kind as Event, trainer_request::Kind as Request};
use worker::trainer::state::snapshot::Snapshot;

use crate::lab::{cnn_trial, lasting, stateful_trial, trial, with};
use crate::process::Trainer;

/// What a trial told, over all of its attempts: its curves and splits, each with its bits.
#[derive(Debug, Default, Clone, PartialEq)]
struct Told(Vec<String>);

impl Told {
    fn add(&mut self, records: Vec<v1::Record>) {
        for record in records {
            match record.kind {
                // Times differ from run to run; the rest must not.
                Some(record::Kind::Metric(point)) => self.0.push(format!(
                    "{:?} {} {} {:016x}",
                    point.name(),
                    point.step,
                    point.examples,
                    point.value.to_bits()
                )),
                Some(record::Kind::Split(split)) => self.0.push(format!("{split:?}")),
                _ => {}
            }
        }
    }
}

/// The result without what the clock says.
fn timeless(result: TrialResult) -> TrialResult {
    TrialResult { train_seconds: 0.0, examples_per_second: None, seconds_to_target: None, ..result }
}

fn train(
    spec: &TrialSpec,
    micro_batch_cap: Option<v1::MicroBatchCap>,
    checkpointing: v1::Checkpointing,
) -> Request {
    Request::Train(v1::TrainTrial {
        sweep_id: String::new(),
        spec: Some(spec.to_wire()),
        known_memory: Vec::new(),
        micro_batch_cap,
        checkpointing: Some(checkpointing),
    })
}

/// The last file saved, and what was told before it.
type Saved = (PathBuf, Told);

enum End {
    Finished(Box<TrialResult>, Told, PathBuf),
    Killed(Option<Saved>),
}

/// Trains from `from` until the end, or kills the trainer once so many files were saved.
fn attempt(
    spec: &TrialSpec,
    folder: &Path,
    every: u64,
    from: Option<&Saved>,
    kill_after: Option<u64>,
) -> End {
    attempt_on(Trainer::start(), spec, folder, every, from, kill_after)
}

fn attempt_on(
    mut trainer: Trainer,
    spec: &TrialSpec,
    folder: &Path,
    every: u64,
    from: Option<&Saved>,
    kill_after: Option<u64>,
) -> End {
    let checkpointing = v1::Checkpointing {
        folder: folder.to_string_lossy().into_owned(),
        interval_ms: 0,
        every_steps: every,
        resume_file: from.map(|(file, _)| file.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    trainer.send(train(spec, None, checkpointing));
    let (mut told, mut saved, mut files) = (Told::default(), from.cloned(), 0);
    loop {
        match trainer.next().unwrap() {
            Event::Resumed(_) => told = from.expect("a file to go on from").1.clone(),
            Event::Records(batch) => told.add(batch.records),
            Event::Saved(file) => {
                saved = Some((PathBuf::from(file.file), told.clone()));
                files += 1;
                if Some(files) == kill_after {
                    trainer.child.kill().unwrap();
                    trainer.child.wait().unwrap();
                    return End::Killed(saved);
                }
            }
            Event::Finished(result) => {
                return End::Finished(Box::new(timeless(result)), told, saved.unwrap().0);
            }
            Event::Progress(_) | Event::Found(_) | Event::Alive(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn trials() -> Vec<TrialSpec> {
    let long = |spec| lasting(spec, Budget::Steps(240));
    let momentum = TrainSpec {
        optimizer: OptimizerKind::Sgd,
        momentum: 0.9,
        shuffle: true,
        warmup_steps: 20,
        ..TrainSpec::default()
    };
    let mut accumulated = long(stateful_trial(60, 12));
    accumulated.memory.micro_batch = MicroBatchPolicy::Fixed(5);
    accumulated.data.validation = 12;
    vec![long(stateful_trial(60, 8)), accumulated, long(with(cnn_trial(40, 10), momentum))]
}

#[test]
fn a_trial_killed_20_times_ends_with_the_weights_result_and_records_of_an_undisturbed_one() {
    for (seed, spec) in (1u64..).zip(trials()) {
        let folder = tempfile::tempdir().unwrap();
        let End::Finished(result, told, last) = attempt(&spec, folder.path(), 240, None, None) else {
            panic!("nobody killed it")
        };
        let weights = Snapshot::read(&last).unwrap();
        assert_eq!(weights.steps, 240);

        // Saved every 5 steps; killed after one or two of them, by a seeded draw: at most 20 kills in 48 saves.
        let mut random = seed;
        let mut saved: Option<Saved> = None;
        for _ in 0..20 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let kill_after = 1 + (random >> 33) % 2;
            match attempt(&spec, folder.path(), 5, saved.as_ref(), Some(kill_after)) {
                End::Killed(latest) => saved = latest,
                End::Finished(..) => panic!("it ended before it was killed 20 times"),
            }
        }
        let End::Finished(again, told_again, last) = attempt(&spec, folder.path(), 240, saved.as_ref(), None)
        else {
            panic!("nobody killed it")
        };
        assert_eq!(again, result);
        assert_eq!(told_again, told);
        let (mut then, mut now) = (weights, Snapshot::read(&last).unwrap());
        (then.session, now.session) = (Vec::new(), Vec::new());
        assert!(then == now, "the final weights differ: {spec:?}");
    }
}

#[test]
fn a_file_that_is_broken_or_of_another_trial_makes_the_trial_start_over() {
    let folder = tempfile::tempdir().unwrap();
    let [spec, other, _] = &trials()[..] else { panic!() };
    let End::Killed(Some((file, _))) = attempt(other, folder.path(), 5, None, Some(1)) else { panic!() };
    let broken = folder.path().join("broken");
    fs::write(&broken, &fs::read(&file).unwrap()[..1000]).unwrap();
    let End::Finished(expected, told, _) = attempt(spec, folder.path(), 240, None, None) else { panic!() };
    for bad in [file, broken, folder.path().join("nowhere")] {
        let from = (bad, Told(vec!["never shown".to_owned()]));
        let End::Finished(result, told_again, _) = attempt(spec, folder.path(), 240, Some(&from), None)
        else {
            panic!()
        };
        assert_eq!((result, told_again), (expected.clone(), told.clone()));
    }
}

#[test]
fn a_trial_asked_to_stop_saves_first_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for save in [true, false] {
        let mut trainer = Trainer::start();
        let folder = folder.path().to_string_lossy().into_owned();
        let endless = lasting(stateful_trial(60, 8), Budget::Epochs(1_000_000));
        trainer.send(train(&endless, None, v1::Checkpointing { folder, ..Default::default() }));
        // Before its first step there is nothing to save.
        while !matches!(trainer.next(), Some(Event::Progress(progress)) if progress.step > 0) {}
        trainer.send(Request::Stop(v1::StopTrial { save, conclude: false }));
        let mut saves = 0;
        loop {
            match trainer.next().unwrap() {
                Event::Saved(_) => saves += 1,
                Event::Stopped(_) => break,
                _ => {}
            }
        }
        assert_eq!(saves, u32::from(save));
    }
}

#[test]
fn a_trial_whose_trainers_were_killed_goes_on_in_the_smaller_micro_batches_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let spec = &trials()[1];
    let End::Killed(Some((file, _))) = attempt(spec, folder.path(), 5, None, Some(1)) else { panic!() };
    let mut trainer = Trainer::start();
    let cap = v1::MicroBatchCap { examples: 2, reason: "killed before".to_owned() };
    let resume_file = file.to_string_lossy().into_owned();
    trainer.send(train(spec, Some(cap), v1::Checkpointing { resume_file, ..Default::default() }));
    let (mut splits, mut resumed) = (Vec::new(), None);
    let result = loop {
        match trainer.next().unwrap() {
            Event::Resumed(at) => resumed = Some(at.step),
            Event::Records(batch) => {
                splits.extend(batch.records.into_iter().filter_map(|record| match record.kind {
                    Some(record::Kind::Split(split)) => {
                        Some((split.kind(), split.from_step, split.micro_batch, split.reason))
                    }
                    _ => None,
                }));
            }
            Event::Finished(result) => break result,
            _ => {}
        }
    };
    assert_eq!(resumed, Some(5));
    assert_eq!(splits, [(v1::SplitKind::Realized, 6, 2, "killed before".to_owned())]);
    assert_eq!((result.steps, result.micro_batch), (240, 2));
}

#[test]
fn a_trial_goes_on_with_the_threads_it_was_saved_with_and_starts_over_where_there_are_fewer() {
    let folder = tempfile::tempdir().unwrap();
    // Large enough for two threads, where there are two.
    let spec = lasting(trial(&[1, 28, 28], 256, ModelSpec::cnn(&[16, 32], &[64]), 128, 3), Budget::Steps(12));
    let run = |threads, from: Option<&Saved>, kill_after| {
        attempt_on(Trainer::with_threads(threads), &spec, folder.path(), 6, from, kill_after)
    };
    let End::Finished(on_one, told_on_one, _) = run(1, None, None) else { panic!() };
    let End::Killed(Some(mut saved)) = run(1, None, Some(1)) else { panic!() };
    saved.1.0.insert(0, "it went on".to_owned());
    let End::Finished(result, told, _) = run(2, Some(&saved), None) else { panic!() };
    assert_eq!(told.0[0], "it went on");
    assert_eq!(
        (&result, &told.0[1..]),
        (&on_one, &told_on_one.0[..]),
        "saved on one thread, gone on with two there"
    );

    let End::Killed(Some(saved)) = run(2, None, Some(1)) else { panic!() };
    let from = (saved.0, Told(vec!["never shown".to_owned()]));
    let End::Finished(result, told, _) = run(1, Some(&from), None) else { panic!() };
    assert_eq!((result, told), (on_one, told_on_one), "saved on two threads, started over on one");
}
