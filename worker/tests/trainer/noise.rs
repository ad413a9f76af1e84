//! The gradient noise scale beside what all single examples' gradients give exactly.

use domain::TrialSpec;
use domain::noise_scale::{NoiseSample, noise_scale};
use domain::run::Record;
use domain::spec::{Budget, MicroBatchPolicy, ModelSpec, TrainSpec};
use tch::Device;
use worker::trainer::session::Ready;
use worker::trainer::step::course::Batch;
use worker::trainer::step::learner::{Norms, StepOptions};
use worker::trainer::step::tape::StepTape;

use crate::lab::{exclusive, gradients, host, lasting, ready, run, trial, weights, with};

const EXAMPLES: u64 = 1024;

fn spec() -> TrialSpec {
    trial(&[10], EXAMPLES, ModelSpec::mlp(&[6]), 64, 4)
}

fn square(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// One step over these examples that leaves the weights alone: the squared norms of the whole and of a part.
fn norms(ready: &mut Ready, (start, examples): (u64, u64), micro_batch: u64) -> NoiseSample {
    let options = StepOptions { learning_rate: 0.0, norms: Norms::BatchAndPart, meter: ready.meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    let batch = Batch { step: 1, epoch: 0, start, examples, examples_after: examples };
    let Ready { learner, feed, .. } = ready;
    let mut micro_batch = micro_batch;
    learner.train_batch(feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
    let reading = tape.fetch().unwrap().swap_remove(0);
    let ((part, part_norm), norm) = (reading.first_part.unwrap(), reading.gradient_norm.unwrap());
    NoiseSample { part, part_square: part_norm * part_norm, batch: examples, batch_square: norm * norm }
}

/// tr(S) / |G|^2 from the gradient of every example.
fn exact(ready: &mut Ready) -> f64 {
    let mut mean = vec![0.0; weights(&ready.learner).len()];
    let mut squares = 0.0;
    for example in 0..EXAMPLES {
        let options = StepOptions { learning_rate: 0.0, norms: Norms::None, meter: ready.meter };
        let mut tape = StepTape::new(Device::Cpu).unwrap();
        let batch = Batch { step: 1, epoch: 0, start: example, examples: 1, examples_after: 1 };
        let Ready { learner, feed, .. } = &mut *ready;
        learner.train_batch(feed, &batch, &mut 1, &mut tape, &options).unwrap();
        let gradient = gradients(learner);
        squares += square(&gradient) / EXAMPLES as f64;
        mean.iter_mut().zip(gradient).for_each(|(mean, one)| *mean += one / EXAMPLES as f64);
    }
    (squares - square(&mean)) / square(&mean)
}

#[test]
fn split_and_whole_batches_find_the_exact_scale_within_their_interval() {
    let _exclusive = exclusive();
    let mut ready = ready(&spec());
    let exact = exact(&mut ready);
    for (what, micro_batch) in [("in micro-batches of 8", 8), ("whole, beside its half", 64)] {
        let mut samples = Vec::new();
        // Many passes in different orders, as epochs are.
        for epoch in 0..12 {
            ready.feed.start_epoch(epoch).unwrap();
            samples.extend((0..EXAMPLES / 64).map(|batch| norms(&mut ready, (batch * 64, 64), micro_batch)));
        }
        assert!(samples.iter().all(|sample| sample.part == if micro_batch == 8 { 8 } else { 32 }));
        let found = noise_scale(&samples, EXAMPLES).unwrap();
        assert!(found.low <= exact && exact <= found.high, "{what}: {found:?}, exactly {exact}");
        assert!((found.value / exact - 1.0).abs() < 0.4, "{what}: {found:?}, exactly {exact}");
    }
}

#[test]
fn looking_at_the_noise_changes_nothing_that_training_sees() {
    let _exclusive = exclusive();
    let steps = |norms: Norms| {
        let mut ready = ready(&crate::lab::stateful_trial(256, 32));
        let mut tape = StepTape::new(Device::Cpu).unwrap();
        let options = StepOptions { learning_rate: 0.05, norms, meter: ready.meter };
        ready.feed.start_epoch(0).unwrap();
        for batch in ready.course.clone().take(6) {
            let mut micro_batch = 32;
            let Ready { learner, feed, .. } = &mut ready;
            learner.train_batch(feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
        }
        let losses: Vec<_> = tape.fetch().unwrap().into_iter().map(|reading| reading.loss.unwrap()).collect();
        (weights(&ready.learner), crate::lab::buffers(&ready.learner), losses)
    };
    assert_eq!(steps(Norms::BatchAndPart), steps(Norms::None));
}

#[test]
fn a_trial_long_enough_tells_its_noise_scale_and_a_batch_of_one_has_none() {
    let _exclusive = exclusive();
    let trained = |batch_size, policy| {
        let mut spec = lasting(spec(), Budget::Steps(1200));
        spec.settings.batch_size = domain::BatchSize::try_new(batch_size).unwrap();
        spec.memory.micro_batch = policy;
        run(&with(spec, TrainSpec { shuffle: true, ..TrainSpec::default() }), &mut host()).unwrap()
    };
    let whole = trained(64, MicroBatchPolicy::Auto);
    let split = trained(64, MicroBatchPolicy::Fixed(32));
    assert_eq!(trained(1, MicroBatchPolicy::Auto).result.gradient_noise_scale, None);
    let scale = split.result.gradient_noise_scale.unwrap();
    assert!(scale > 0.0 && whole.result.gradient_noise_scale.is_none_or(|whole| whole > 0.0));
    let told = split.records.iter().any(|record| {
        matches!(
            record, Record::Log(line) if line.text.contains("95 % interval")
        )
    });
    assert!(told);
}
