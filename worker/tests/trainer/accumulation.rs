//! A batch in micro-batches has the gradient of the whole batch.

use domain::spec::{Loss, ModelSpec, Precision, TrainSpec};
use domain::{AccumulationPlan, TrialSpec};
use tch::Device;
use worker::trainer::session::Ready;
use worker::trainer::step::course::Batch;
use worker::trainer::step::learner::{Norms, StepOptions};
use worker::trainer::step::tape::StepTape;

use crate::lab::{cnn_trial, exclusive, gradients, ready, relative_difference, run, trial, weights, with};

/// The batch of all training examples.
fn whole(examples: u64) -> Batch {
    Batch { step: 1, epoch: 0, start: 0, examples, examples_after: examples }
}

/// Takes one step that leaves the weights as they are; gives its loss.
fn loss_and_gradients(ready: &mut Ready, examples: u64, mut micro_batch: u64) -> (f64, Vec<f64>) {
    let options = StepOptions { learning_rate: 0.0, norms: Norms::None, meter: ready.meter };
    let mut tape = StepTape::new(Device::Cpu).unwrap();
    let Ready { learner, feed, .. } = ready;
    let report = learner.train_batch(feed, &whole(examples), &mut micro_batch, &mut tape, &options).unwrap();
    assert!(report.refusals.is_empty());
    (tape.fetch().unwrap()[0].loss.unwrap(), gradients(learner))
}

fn mlp_trial(train: TrainSpec) -> TrialSpec {
    with(trial(&[12], 250, ModelSpec::mlp(&[16, 8]), 250, 1), train)
}

#[test]
fn every_split_gives_the_gradient_and_the_loss_of_the_whole_batch() {
    let _exclusive = exclusive();
    for loss in [Loss::CrossEntropy, Loss::Mse] {
        for (spec, examples) in [
            (mlp_trial(TrainSpec { loss, ..TrainSpec::default() }), 250),
            (with(cnn_trial(50, 50), TrainSpec { loss, ..TrainSpec::default() }), 50),
        ] {
            let mut ready = ready(&spec);
            let (whole_loss, whole_gradients) = loss_and_gradients(&mut ready, examples, examples);
            for micro_batch in [1, 3, 7, 16, 49, examples / 2, examples - 1] {
                let (loss, gradients) = loss_and_gradients(&mut ready, examples, micro_batch);
                let steps = AccumulationPlan::at_most(examples, micro_batch).accumulation_steps();
                let difference = relative_difference(&gradients, &whole_gradients);
                assert!(difference < 1e-5, "{steps} micro-batches: gradient off by {difference:e}");
                assert!(
                    (loss / whole_loss - 1.0).abs() < 1e-5,
                    "{steps} micro-batches: loss {loss}, not {whole_loss}"
                );
            }
        }
    }
}

#[test]
fn in_float64_the_difference_is_that_of_float64() {
    let _exclusive = exclusive();
    let mut ready = ready(&mlp_trial(TrainSpec { precision: Precision::Float64, ..TrainSpec::default() }));
    assert_eq!(ready.account.fixed.parameter_bytes, 8 * (12 * 16 + 16 + 16 * 8 + 8 + 8 * 2 + 2));
    let (_, whole_gradients) = loss_and_gradients(&mut ready, 250, 250);
    let (_, gradients) = loss_and_gradients(&mut ready, 250, 7);
    assert!(relative_difference(&gradients, &whole_gradients) < 1e-14);
}

#[test]
fn the_same_split_gives_the_same_bits() {
    let _exclusive = exclusive();
    let mut spec = mlp_trial(TrainSpec::default());
    spec.memory.micro_batch = domain::spec::MicroBatchPolicy::Fixed(33);
    let runs = [(); 2].map(|()| run(&spec, &mut crate::lab::host()).unwrap());
    assert_eq!((runs[0].result.micro_batch, runs[0].result.accumulation_steps), (32, 8));
    assert_eq!(runs[0].result.accumulation, domain::run::Accumulation::Exact);
    assert_eq!(runs[0].losses(), runs[1].losses());
}

#[test]
fn planning_changes_nothing_that_training_sees() {
    let _exclusive = exclusive();
    let spec = mlp_trial(TrainSpec::default());
    let probed = ready(&spec);
    let mut host = crate::lab::host();
    let layers = domain::architecture::layers(&spec.model, &probed.shape, &probed.task).unwrap().unwrap();
    let untouched = worker::trainer::model::Model::build(
        &layers,
        &probed.shape.inputs[0].shape,
        spec.settings.seed,
        (tch::Kind::Float, Device::Cpu),
    );
    let untouched: Vec<f64> =
        untouched.unwrap().parameters().as_slice().iter().flat_map(crate::lab::numbers).collect();
    assert_eq!(weights(&probed.learner), untouched);
    // A second trial of the same kind plans from memory, and trains the same.
    let losses = [(); 2].map(|()| run(&spec, &mut host).unwrap().losses());
    assert_eq!(losses[0], losses[1]);
}
