//! Numbers, which only a real GPU gives: these tests run where scripts/check-gpu asks for it.

use domain::TrialSpec;
use domain::spec::{CnnModel, MicroBatchPolicy, ModelSpec, Norm, OptimizerKind, Precision};
use proto::v1::{Accumulation, MetricName};

use crate::machine::Machine;
use crate::trainer::Trainer;
use crate::trials::{cnn, within};

/// A small network for images, trained by Adam.
fn network(norm: Norm, precision: Precision) -> TrialSpec {
    let mut spec = cnn(256, 24);
    spec.model =
        ModelSpec::Cnn(CnnModel { channels: vec![16, 32], hidden: vec![64], norm, ..CnnModel::default() });
    spec.settings.train.optimizer = OptimizerKind::Adam;
    spec.settings.train.precision = precision;
    spec
}

fn losses(trainer: &mut Trainer, spec: &TrialSpec) -> Vec<f64> {
    trainer.train(spec).curve(MetricName::TrainLoss).into_iter().map(|(_, loss)| loss).collect()
}

fn assert_close(there: &[f64], here: &[f64], bound: f64, what: &str) {
    assert_eq!(there.len(), here.len(), "{what}");
    for (step, (there, here)) in there.iter().zip(here).enumerate() {
        assert!((there / here - 1.0).abs() < bound, "{what}, step {step}: {there}, {here}");
    }
}

#[test]
fn a_gpu_gives_the_cpus_losses_and_the_same_bits_twice() {
    let Some(machine) = Machine::real() else { return };
    let (mut gpu, mut cpu) = (machine.trainer("cuda:0"), machine.trainer("cpu"));
    for (precision, bound) in
        [(Precision::Float64, 1e-9), (Precision::Float32, 1e-3), (Precision::BFloat16, 5e-2)]
    {
        for norm in [Norm::None, Norm::Batch, Norm::Group] {
            let (spec, what) = (network(norm, precision), format!("{precision:?} {norm:?}"));
            let there = losses(&mut gpu, &spec);
            assert_eq!(there, losses(&mut gpu, &spec), "{what}");
            assert_close(&there, &losses(&mut cpu, &spec), bound, &what);
        }
    }
}

#[test]
fn a_split_batch_and_streamed_data_give_the_losses_of_the_whole_on_a_gpu() {
    let Some(machine) = Machine::real() else { return };
    let mut gpu = machine.trainer("cuda:0");
    let spec = network(Norm::None, Precision::Float32);
    let whole = gpu.train(&spec);
    let losses_of_whole = losses(&mut gpu, &spec);
    assert!(whole.memory().resident_data_bytes > 0);

    let split = gpu.train(&within(spec.clone(), whole.peak() / 2));
    assert_eq!(split.result.accumulation(), Accumulation::Exact, "{}", split.result.message);
    assert!(split.peak() <= whole.peak() / 2);
    assert_close(&losses(&mut gpu, &within(spec.clone(), whole.peak() / 2)), &losses_of_whole, 1e-3, "split");

    let mut streamed = within(spec, whole.memory().resident_data_bytes * 2);
    streamed.memory.micro_batch = MicroBatchPolicy::Fixed(64);
    assert_eq!(gpu.train(&streamed).memory().resident_data_bytes, 0);
    assert_close(&losses(&mut gpu, &streamed), &losses_of_whole, 1e-3, "streamed");
}
