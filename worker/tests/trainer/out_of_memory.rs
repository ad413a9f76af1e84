//! A step that runs out of memory, at any of its allocations, is done over as if it had never begun.

use domain::TrialSpec;
use domain::lifecycle::Outcome;
use domain::spec::{Budget, CnnModel, ModelSpec, Norm, OptimizerKind, TrainSpec};
use tch::Device;
use worker::shim::cpu_memory;
use worker::trainer::device::Meter;
use worker::trainer::session::Ready;
use worker::trainer::step::learner::{Norms, StepError, StepOptions};
use worker::trainer::step::tape::StepTape;

use crate::lab::{
    buffers, cnn_trial, exclusive, host, lasting, module, ready, run, stateful_trial, trial, weights, with,
    within,
};

const STEPS: usize = 4;

/// Micro-batch limits of each step; weights and running statistics at the end, losses.
struct Story {
    schedule: Vec<u64>,
    weights: Vec<f64>,
    buffers: Vec<f64>,
    losses: Vec<f64>,
    refusals: usize,
}

/// Trains some steps. At the second one, the allocation number `failing` fails. With a `schedule`, step i is trained
/// in micro-batches of at most schedule[i].
fn story(spec: &TrialSpec, failing: Option<u64>, schedule: Option<&[u64]>) -> Story {
    let Ready { course, mut feed, mut learner, meter, .. } = ready(spec);
    let options = StepOptions { learning_rate: 0.05, norms: Norms::None, meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    let mut micro_batch = course.effective_batch_size();
    let mut story = Story { schedule: vec![], weights: vec![], buffers: vec![], losses: vec![], refusals: 0 };
    feed.start_epoch(0).unwrap();
    for (index, batch) in course.take(STEPS).enumerate() {
        if index == 1 {
            cpu_memory::fail_at(failing);
        }
        micro_batch = schedule.map_or(micro_batch, |schedule| schedule[index]);
        let report = learner.train_batch(&mut feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
        cpu_memory::fail_at(None);
        story.refusals += report.refusals.len();
        story.schedule.push(micro_batch);
    }
    story.losses = tape.fetch().unwrap().into_iter().map(|reading| reading.loss.unwrap()).collect();
    story.weights = weights(&learner);
    story.buffers = buffers(&learner);
    story
}

fn spec() -> TrialSpec {
    let train = TrainSpec { optimizer: OptimizerKind::Adam, shuffle: true, ..TrainSpec::default() };
    with(cnn_trial(48, 12), train)
}

/// Fails every allocation of the second step, one story after another; how many there were.
fn fail_each_allocation(spec: &TrialSpec) -> u64 {
    for k in 1.. {
        let meter = Meter::start(Device::Cpu).unwrap();
        let broken = story(spec, Some(k), None);
        assert_eq!(meter.live().unwrap(), 0, "allocation {k} leaves memory behind");
        if broken.refusals == 0 {
            return k - 1;
        }
        assert_eq!((broken.refusals, broken.schedule[0]), (1, 12));
        assert!(broken.schedule[1] < 12);
        let clean = story(spec, None, Some(&broken.schedule));
        assert_eq!(broken.weights, clean.weights, "allocation {k}");
        assert_eq!(broken.buffers, clean.buffers, "allocation {k}");
        assert_eq!(broken.losses, clean.losses, "allocation {k}");
    }
    unreachable!("a step makes a finite number of allocations")
}

#[test]
fn a_step_is_not_split_into_single_examples_for_a_model_that_cannot_take_them() {
    let _exclusive = exclusive();
    let model = CnnModel { channels: vec![4], norm: Norm::Batch, pooling: 1, ..CnnModel::default() };
    // Split, a batch of three is a micro-batch of two and one of one.
    let spec = lasting(trial(&[1, 1, 1], 12, ModelSpec::Cnn(model), 3, 5), Budget::Epochs(1));
    let Ready { course, mut feed, mut learner, meter, .. } = ready(&spec);
    let options = StepOptions { learning_rate: 0.05, norms: Norms::None, meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    let batch = course.clone().next().unwrap();
    feed.start_epoch(0).unwrap();
    let before = (weights(&learner), buffers(&learner));
    cpu_memory::fail_at(Some(5));
    let step = learner.train_batch(&mut feed, &batch, &mut 3, &mut tape, &options);
    cpu_memory::fail_at(None);
    assert!(matches!(step, Err(StepError::OneExample(3))), "{step:?}");
    assert_eq!((weights(&learner), buffers(&learner)), before, "the step has not happened");

    let mut met_in_training = 0;
    for k in (20..400).step_by(9) {
        cpu_memory::fail_at(Some(k));
        let trained = run(&spec, &mut host());
        cpu_memory::fail_at(None);
        let Ok(trained) = trained else { continue };
        if trained.result.outcome == Outcome::Infeasible && trained.result.steps > 0 {
            met_in_training += 1;
            let message = &trained.result.message;
            assert!(
                message.contains("cannot be split further") && message.contains("no variance"),
                "{message}"
            );
        }
    }
    assert!(met_in_training > 0, "no failure fell into a training step");
}

#[test]
fn whichever_allocation_fails_the_weights_are_those_of_the_realized_schedule() {
    let _exclusive = exclusive();
    // With data that stays on the device, and with data that is streamed, where an example ahead may be one too many.
    for spec in [spec(), within(spec(), 100_000)] {
        let failures = fail_each_allocation(&spec);
        assert!(failures > 15, "only {failures} allocations in a step of a convolutional network");
    }
}

#[test]
fn with_batch_normalisation_dropout_and_adam_a_failed_step_leaves_no_trace_either() {
    let _exclusive = exclusive();
    let failures = fail_each_allocation(&stateful_trial(48, 12));
    assert!(failures > 30, "only {failures} allocations in a step");
}

#[test]
fn nor_does_a_failed_step_of_a_scripted_module() {
    let _exclusive = exclusive();
    let spec = trial(&[1, 9, 7], 48, module("convolutional"), 12, 5);
    let failures = fail_each_allocation(&with(spec, TrainSpec { momentum: 0.9, ..TrainSpec::default() }));
    assert!(failures > 20, "only {failures} allocations in a step");
}

#[test]
fn whichever_allocation_of_a_whole_trial_fails_it_ends_in_good_order_and_leaves_nothing() {
    let _exclusive = exclusive();
    let spec = lasting(spec(), Budget::Epochs(1));
    let allocations = {
        let before = cpu_memory::stats().allocations;
        run(&spec, &mut host()).unwrap();
        cpu_memory::stats().allocations - before
    };
    for k in (1..=allocations).step_by(7) {
        let meter = Meter::start(Device::Cpu).unwrap();
        cpu_memory::fail_at(Some(k));
        let ended = run(&spec, &mut host());
        cpu_memory::fail_at(None);
        assert_eq!(meter.live().unwrap(), 0, "allocation {k} leaves memory behind");
        match ended {
            Ok(trained) => assert_eq!(trained.result.oom_count, 1, "allocation {k}: {trained:?}"),
            Err(error) => assert!(error.to_string().contains("out of memory"), "allocation {k}: {error}"),
        }
    }
}

#[test]
fn a_finer_split_is_reported_with_its_reason_and_counted() {
    let _exclusive = exclusive();
    let spec = lasting(spec(), Budget::Epochs(1));
    // The 400th allocation from here is within a training step, after the probes.
    let clean = run(&spec, &mut host()).unwrap();
    let mut met_in_training = 0;
    for k in (20..600).step_by(37) {
        cpu_memory::fail_at(Some(k));
        let trained = run(&spec, &mut host());
        cpu_memory::fail_at(None);
        let Ok(trained) = trained else { continue };
        let splits = trained.splits();
        if splits.len() < 2 {
            continue;
        }
        met_in_training += 1;
        assert_eq!(
            (splits[0].kind, splits[1].kind),
            (domain::run::SplitKind::Planned, domain::run::SplitKind::Realized)
        );
        assert!(splits[1].micro_batch < splits[0].micro_batch);
        assert!(splits.iter().all(|split| split.predicted_peak_bytes > 0), "{splits:?}");
        let failed = trained.found.iter().any(|found| found.memory.whole.failures().iter().next().is_some());
        assert!(failed, "the others hear of it: {:?}", trained.found);
        assert!(
            splits[1].reason.contains("ran out of memory with micro-batches of 12"),
            "{}",
            splits[1].reason
        );
        assert_eq!(trained.result.oom_count, 1);
        for (found, expected) in trained.losses().iter().zip(clean.losses()) {
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} instead of {expected}");
        }
    }
    assert!(met_in_training > 0, "no failure fell into a training step");
}
