//! Whole trials, on any device.

use domain::spec::{OptimizerKind, Precision};
use proto::v1::Outcome;

use crate::machine::Machine;
use crate::trials::{cnn, convolutional, seed_example, wide, with};

#[test]
fn each_optimizer_trains_in_each_precision() {
    let machine = Machine::real_or_fake();
    let mut trainer = machine.trainer("cuda:0");
    for optimizer in [OptimizerKind::Sgd, OptimizerKind::Adam, OptimizerKind::AdamW, OptimizerKind::RmsProp] {
        for precision in [Precision::Float64, Precision::Float32, Precision::BFloat16] {
            let spec = with(cnn(16, 2), |train| {
                (train.optimizer, train.precision, train.momentum) = (optimizer, precision, 0.5);
            });
            let trained = trainer.train(&spec);
            assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{optimizer:?} {precision:?}");
        }
    }
}

#[test]
fn scripted_modules_train() {
    let machine = Machine::real_or_fake();
    let trained = machine.trainer("cuda:0").train(&convolutional());
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
}

/// Printed for whoever sends in a report; a fake device's mean nothing.
#[test]
fn figures_of_this_device() {
    let machine = Machine::real_or_fake();
    let mut trainer = machine.trainer("cuda:0");
    for (name, spec) in
        [("seed example", seed_example(32)), ("cnn", cnn(256, 50)), ("wide mlp", wide(8192, 50))]
    {
        let trained = trainer.train(&spec);
        let memory = trained.memory();
        println!(
            "figure: {name}: predicted peak {} B, measured {} B, reserved {} B, {:.0} examples/s",
            memory.predicted_peak_memory_bytes,
            memory.peak_memory_bytes,
            memory.peak_reserved_bytes,
            trained.result.examples_per_second.unwrap_or_default()
        );
    }
}
