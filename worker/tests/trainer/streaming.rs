//! Data that does not fit on the device: sent one micro-batch ahead, counted, and given up when a step is done over.

use domain::lifecycle::Outcome;
use domain::spec::{Budget, MicroBatchPolicy, ModelSpec, OptimizerKind, TrainSpec};
use domain::{BatchSize, TrialSpec};
use tch::Device;
use worker::shim::cpu_memory;
use worker::trainer::data::Feed;
use worker::trainer::session::Ready;
use worker::trainer::step::learner::{Norms, StepOptions};
use worker::trainer::step::tape::StepTape;

use crate::lab::{exclusive, host, lasting, numbers, ready, run, trial, with, within};

/// Bytes of an example as stored.
const EXAMPLE: u64 = 40 * 4 + 8;

/// A model that is small beside its data.
fn spec(examples: u64, batch_size: u64, budget: u64) -> TrialSpec {
    within(trial(&[40], examples, ModelSpec::mlp(&[8]), batch_size, 4), budget)
}

#[test]
fn what_a_micro_batch_ahead_takes_is_in_the_plan_and_in_the_peak() {
    let _exclusive = exclusive();
    let mut split = 0;
    // Also batches that are more than half of an epoch, or all of it, behind which less follows, or nothing.
    for batch_size in [1u64, 2, 3, 7, 33, 50, 51, 64, 99, 100] {
        for (policy, length) in [
            (MicroBatchPolicy::Auto, Budget::Epochs(2)),
            (MicroBatchPolicy::Auto, Budget::Steps(1)),
            (MicroBatchPolicy::Fixed(batch_size.div_ceil(3)), Budget::Epochs(2)),
            (MicroBatchPolicy::Fixed((batch_size / 2).max(1)), Budget::Steps(2)),
        ] {
            for budget in [14_000, 40_000] {
                for drop_last in [false, true] {
                    let train = TrainSpec { drop_last, ..TrainSpec::default() };
                    let mut spec = with(lasting(spec(100, batch_size, budget), length), train);
                    spec.memory.micro_batch = policy;
                    let trained = run(&spec, &mut host()).unwrap();
                    let (result, memory) = (&trained.result, trained.memory());
                    let context = format!("{batch_size} {policy:?} {length:?} {budget} {drop_last}");
                    assert_eq!(result.outcome, Outcome::Succeeded, "{context}: {}", result.message);
                    assert_eq!(memory.parts.resident_data_bytes, 0, "{context}");
                    assert_eq!(memory.parts.batch_bytes, result.micro_batch * EXAMPLE, "{context}");
                    assert_eq!(memory.peak_bytes, trained.parts().total(), "{context}");
                    assert!(memory.peak_bytes <= budget, "{context}: {}", memory.peak_bytes);
                    let (predicted, peak) = (memory.predicted_peak_bytes, memory.peak_bytes);
                    let error = predicted as f64 / peak as f64 - 1.0;
                    assert!(error.abs() <= 0.01, "{context}: predicted {predicted}, measured {peak}");
                    assert_eq!(trained.splits().len(), 1, "{context}: the plan held");
                    split += u64::from(result.accumulation_steps > 1);
                }
            }
        }
    }
    assert!(split > 50, "only {split} trials were split");
}

/// Bytes that become live when `count` examples from `start` on are asked for, with `ahead` more.
fn live_after(feed: &mut Feed, start: u64, count: u64, ahead: u64) -> u64 {
    let before = cpu_memory::stats().current;
    let examples = feed.micro_batch(start, count, ahead).unwrap();
    drop(examples);
    cpu_memory::stats().current - before
}

#[test]
fn examples_ahead_are_those_of_the_epochs_order_and_go_when_others_are_wanted() {
    let _exclusive = exclusive();
    let Ready { mut feed, .. } = ready(&spec(100, 10, 40_000));
    feed.start_epoch(0).unwrap();
    let plain: Vec<_> =
        (0..10).map(|batch| numbers(&feed.micro_batch(10 * batch, 10, 0).unwrap().inputs[0])).collect();
    assert_eq!(live_after(&mut feed, 0, 10, 10), 10 * EXAMPLE);
    let ahead = numbers(&feed.micro_batch(10, 10, 5).unwrap().inputs[0]);
    assert_eq!(ahead, plain[1]);
    // A look at its first part, or at something else, leaves it where it is.
    let before = cpu_memory::stats();
    assert_eq!(numbers(&feed.epoch_examples(20, 3).unwrap().inputs[0]), plain[2][..3 * 40]);
    assert_eq!(cpu_memory::stats().current, before.current);
    assert_eq!(numbers(&feed.epoch_examples(40, 10).unwrap().inputs[0]), plain[4]);
    assert_eq!(cpu_memory::stats().current, before.current);
    // What is on its way is not the micro-batch that is wanted: it is dropped, and that one gathered.
    assert_eq!(numbers(&feed.micro_batch(30, 10, 10).unwrap().inputs[0]), plain[3]);
    let before = cpu_memory::stats().current;
    drop(feed.rows(0, 1).unwrap());
    assert_eq!(before - cpu_memory::stats().current, 10 * EXAMPLE, "an evaluation gives it up");
    // Behind the end of an epoch is nothing, and a new epoch has another order.
    assert_eq!(live_after(&mut feed, 90, 10, 10), 0);
    assert_eq!(live_after(&mut feed, 80, 10, 10), 10 * EXAMPLE);
    feed.start_epoch(1).unwrap();
    assert_eq!(cpu_memory::stats().current + 10 * EXAMPLE, before, "so that nothing of the old one is left");
    assert_ne!(numbers(&feed.micro_batch(90, 10, 0).unwrap().inputs[0]), plain[9]);
}

/// Allocations of each of some steps, after the first one.
fn allocations(spec: &TrialSpec, mut micro_batch: u64) -> Vec<u64> {
    let Ready { course, mut feed, mut learner, meter, .. } = ready(spec);
    let options = StepOptions { learning_rate: 0.05, norms: Norms::None, meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    feed.start_epoch(0).unwrap();
    let counts = course.take(5).map(|batch| {
        let before = cpu_memory::stats().allocations;
        learner.train_batch(&mut feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
        cpu_memory::stats().allocations - before
    });
    let counts: Vec<_> = counts.collect();
    counts[1..].to_vec()
}

#[test]
fn what_was_sent_ahead_is_not_gathered_again() {
    let _exclusive = exclusive();
    for micro_batch in [20, 10, 7, 1] {
        let streamed = allocations(&spec(200, 20, 60_000), micro_batch);
        let resident = allocations(&spec(200, 20, 1 << 20), micro_batch);
        // Inputs and targets, once for each micro-batch; also where their sizes differ, and over the end of a step.
        let steps = 20u64.div_ceil(micro_batch);
        let expected: Vec<_> = resident.iter().map(|count| count + 2 * steps).collect();
        assert_eq!(streamed, expected, "micro-batches of {micro_batch}");
    }
}

#[test]
fn a_finer_split_in_the_middle_of_a_trial_leaves_nothing_of_the_old_one_ahead() {
    let _exclusive = exclusive();
    let train = TrainSpec { optimizer: OptimizerKind::Adam, ..TrainSpec::default() };
    let mut spec = with(spec(100, 12, 40_000), train);
    spec.settings.batch_size = BatchSize::try_new(12).unwrap();
    let Ready { course, mut feed, mut learner, meter, .. } = ready(&spec);
    let options = StepOptions { learning_rate: 0.05, norms: Norms::None, meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    feed.start_epoch(0).unwrap();
    let mut micro_batch = 12;
    for batch in course.take(4) {
        if batch.step == 2 {
            // The first allocations are those of the examples ahead.
            cpu_memory::fail_at(Some(1));
        }
        let before = micro_batch;
        let report = learner.train_batch(&mut feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
        cpu_memory::fail_at(None);
        assert_eq!(report.refusals.len(), usize::from(batch.step == 2));
        assert_eq!(micro_batch < before, batch.step == 2);
        learner.model.clear_gradients().unwrap();
        let live = meter.live().unwrap();
        feed.drop_ahead();
        let ahead = live - meter.live().unwrap();
        let following = 100 - batch.start - batch.examples;
        let first = domain::AccumulationPlan::at_most(following.min(12), micro_batch).micro_batch();
        assert_eq!(ahead, first * EXAMPLE, "step {}", batch.step);
    }
}
