//! Steps per second of processor time, with everything on that a user has on, beside a bare loop that only computes, in one run.
//! A measurement, not a check:
//! `cargo test --release -p worker --test trainer -- --ignored --nocapture`

use std::fs;

use domain::TrialSpec;
use domain::architecture::layers;
use domain::spec::{Budget, ModelSpec};
use tch::{Device, Kind, Tensor};
use worker::shim::optimizer::{SgdStep, fused_sgd};
use worker::trainer::model::{Mode, Model};
use worker::trainer::session::Ready;

use crate::lab::{exclusive, host, lasting, ready, run, seed_example, trial};

#[test]
#[ignore = "a measurement"]
fn steps_per_second() {
    let _exclusive = exclusive();
    let mlp = |batch_size| trial(&[784], 4096, ModelSpec::mlp(&[64]), batch_size, 0);
    let cnn = trial(&[1, 28, 28], 2048, ModelSpec::cnn(&[16, 32], &[64]), 128, 0);
    let trials: [(&str, TrialSpec, u64); 6] = [
        ("Linear(10, 2) at 1", seed_example(1, 0), 30_000),
        ("Linear(10, 2) at 32", seed_example(32, 0), 30_000),
        ("Linear(10, 2) at 1024", seed_example(1024, 0), 10_000),
        ("MLP 784-64-2 at 32", mlp(32), 5_000),
        ("MLP 784-64-2 at 512", mlp(512), 500),
        ("CNN 16-32-64-2 at 128", cnn, 50),
    ];
    println!("{:24} {:>12} {:>12} {:>8}", "", "ours", "bare loop", "ratio");
    for (name, spec, steps) in trials {
        // In turns, so that both meet the same other load; the best of each is the least disturbed.
        let mut best = [0f64; 2];
        for _ in 0..5 {
            // What a trial takes besides its steps is in both lengths.
            let seconds = [steps, 2 * steps].map(|steps| {
                let began = processor_seconds();
                run(&lasting(spec.clone(), Budget::Steps(steps)), &mut host()).unwrap();
                processor_seconds() - began
            });
            best[0] = best[0].max(steps as f64 / (seconds[1] - seconds[0]));
            best[1] = best[1].max(bare_loop(&spec, steps));
        }
        println!("{name:24} {:>8.0} /s  {:>8.0} /s  {:>8.3}", best[0], best[1], best[0] / best[1]);
    }
}

/// Forward, backward and update on data in file order; no loss is read.
fn bare_loop(spec: &TrialSpec, steps: u64) -> f64 {
    let Ready { shape, task, .. } = ready(spec);
    let layers = layers(&spec.model, &shape, &task).unwrap().unwrap();
    let features = &shape.inputs[0].shape;
    let mut model = Model::build(&layers, features, 0, (Kind::Float, Device::Cpu)).unwrap();
    let rows = shape.train_examples as i64;
    let size: Vec<i64> = [rows].into_iter().chain(features.iter().map(|&size| size as i64)).collect();
    let inputs = Tensor::randn(&size, (Kind::Float, Device::Cpu));
    let targets = Tensor::randint(2, [rows], (Kind::Int64, Device::Cpu));
    let batch = (spec.settings.batch_size.get() as i64).min(rows);
    let step = SgdStep { learning_rate: 0.01, momentum: 0.0, weight_decay: 0.0, nesterov: false };
    let began = processor_seconds();
    let mut row = 0;
    for _ in 0..steps {
        row = if row + batch > rows { 0 } else { row };
        model.clear_gradients().unwrap();
        let outputs = model.forward(&[inputs.narrow(0, row, batch)], Mode::Training).unwrap();
        outputs.cross_entropy_for_logits(&targets.narrow(0, row, batch)).backward();
        fused_sgd(model.parameters(), None, &step).unwrap();
        row += batch;
    }
    steps as f64 / (processor_seconds() - began)
}

/// Time that this thread had on a processor: other load on the machine changes it little.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
