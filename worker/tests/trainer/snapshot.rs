//! A learner put back into an earlier state goes on as it did then, bit for bit.

use domain::TrialSpec;
use domain::spec::{OptimizerKind, TrainSpec};
use tch::Device;
use worker::trainer::session::Ready;
use worker::trainer::state::snapshot::{Snapshot, SnapshotError};
use worker::trainer::step::learner::{Norms, StepOptions};
use worker::trainer::step::tape::StepTape;

use crate::lab::{cnn_trial, exclusive, module, ready, stateful_trial, trial, with};

/// Takes the steps after `done` up to `until`, as a trial that goes on does.
fn take_steps(ready: &mut Ready, done: u64, until: u64) {
    let options = StepOptions { learning_rate: 0.05, norms: Norms::None, meter: ready.meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    let mut epoch = None;
    for batch in ready.course.clone().take(until as usize).skip(done as usize) {
        let Ready { learner, feed, .. } = &mut *ready;
        if epoch != Some(batch.epoch) {
            feed.start_epoch(batch.epoch).unwrap();
            epoch = Some(batch.epoch);
        }
        learner.train_batch(feed, &batch, &mut 7, &mut tape, &options).unwrap();
    }
}

fn trials() -> Vec<TrialSpec> {
    let optimizer = |optimizer, momentum| {
        let train = TrainSpec { optimizer, momentum, shuffle: true, ..TrainSpec::default() };
        with(cnn_trial(40, 10), train)
    };
    vec![
        optimizer(OptimizerKind::Sgd, 0.0),
        optimizer(OptimizerKind::Sgd, 0.9),
        optimizer(OptimizerKind::Adam, 0.0),
        optimizer(OptimizerKind::AdamW, 0.0),
        optimizer(OptimizerKind::RmsProp, 0.9),
        stateful_trial(40, 10),
        trial(&[1, 9, 7], 40, module("convolutional"), 10, 2),
    ]
}

#[test]
fn training_goes_on_from_a_file_as_if_it_had_never_stopped() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.safetensors");
    for spec in trials() {
        let mut undisturbed = ready(&spec);
        take_steps(&mut undisturbed, 0, 10);
        let expected = Snapshot::take(&undisturbed.learner, 10).unwrap();
        // Within an epoch, and at its end.
        for stop in [1, 3, 4, 7] {
            let mut first = ready(&spec);
            take_steps(&mut first, 0, stop);
            Snapshot::take(&first.learner, stop).unwrap().write(&path).unwrap();
            drop(first);
            let found = Snapshot::read(&path).unwrap();
            assert_eq!(found.steps, stop);
            let mut second = ready(&spec);
            found.restore(&mut second.learner).unwrap();
            take_steps(&mut second, found.steps, 10);
            let bits = Snapshot::take(&second.learner, 10).unwrap();
            assert!(bits == expected, "stopped after step {stop}: {spec:?}");
        }
    }
}

#[test]
fn another_trials_snapshot_or_a_broken_file_is_refused_and_changes_nothing() {
    let _exclusive = exclusive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.safetensors");
    let all = trials();
    let (plain, with_momentum) = (ready(&all[0]), &mut ready(&all[1]));
    Snapshot::take(&plain.learner, 3).unwrap().write(&path).unwrap();
    let before = Snapshot::take(&with_momentum.learner, 0).unwrap();
    let error = Snapshot::read(&path).unwrap().restore(&mut with_momentum.learner).unwrap_err();
    assert!(matches!(error, SnapshotError::Unusable { .. }), "{error}");
    assert_eq!(Snapshot::take(&with_momentum.learner, 0).unwrap(), before);

    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Snapshot::read(&path).unwrap_err().to_string();
        assert!(error.contains("is not this trial's snapshot"), "{error}");
    }
    let error = Snapshot::read(&folder.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, SnapshotError::File { .. }), "{error}");
}
