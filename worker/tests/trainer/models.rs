//! What models do besides computing PyTorch's numbers: random layers, running statistics, modules of the user's own.

use std::path::Path;

use domain::TrialSpec;
use domain::run::{Accumulation, FailureKind, LogLevel, MetricName, Record, SeedSets};
use domain::spec::{Budget, CnnModel, MlpModel, ModelSpec, Norm, Precision, ResNetModel, TrainSpec};
use tch::Kind;
use worker::trainer::error::TrialError;
use worker::trainer::session::Ready;
use worker::trainer::step::evaluate::evaluate;

use crate::lab::{
    buffers, exclusive, host, lasting, module, numbers, ready, run, stateful_trial, trial, weights, with,
};

/// Of the shape that the fixtures' modules take.
fn module_trial(name: &str, batch_size: u64, seed: u64) -> TrialSpec {
    let mut spec = lasting(trial(&[1, 9, 7], 60, module(name), batch_size, seed), Budget::Epochs(2));
    spec.data.validation = 20;
    spec
}

fn warnings(trained: &crate::lab::Trained) -> Vec<String> {
    let lines = trained.records.iter().filter_map(|record| match record {
        Record::Log(line) if line.level == LogLevel::Warning => Some(line.text.clone()),
        _ => None,
    });
    lines.collect()
}

#[test]
fn dropout_masks_follow_the_seed_and_evaluation_has_none() {
    let _exclusive = exclusive();
    let dropping = |dropout, seed| {
        let model = ModelSpec::Mlp(MlpModel { hidden: vec![64], dropout });
        run(&lasting(trial(&[8], 200, model, 50, seed), Budget::Epochs(2)), &mut host()).unwrap()
    };
    assert_eq!(dropping(0.5, 1).losses(), dropping(0.5, 1).losses());
    assert_ne!(dropping(0.5, 1).losses(), dropping(0.5, 2).losses());
    // The same initial weights: before the first step, evaluation cannot tell a model with dropout from one without.
    let before = |trained: &crate::lab::Trained| trained.curve(MetricName::TrainSetLoss)[0];
    let (with_dropout, without) = (dropping(0.5, 1), dropping(0.0, 1));
    assert_eq!(before(&with_dropout), before(&without));
    assert_ne!(with_dropout.losses(), without.losses());
}

#[test]
fn a_split_batch_says_whether_its_gradient_is_exact() {
    let _exclusive = exclusive();
    let accumulated = |model: ModelSpec| {
        let mut spec = lasting(trial(&[1, 8, 8], 40, model, 20, 3), Budget::Steps(2));
        spec.memory.micro_batch = domain::spec::MicroBatchPolicy::Fixed(5);
        run(&spec, &mut host()).unwrap().result.accumulation
    };
    let cnn = |norm, dropout| {
        let hidden = vec![8];
        ModelSpec::Cnn(CnnModel { channels: vec![4], hidden, norm, dropout, ..CnnModel::default() })
    };
    assert_eq!(accumulated(cnn(Norm::None, 0.0)), Accumulation::Exact);
    assert_eq!(accumulated(cnn(Norm::Group, 0.0)), Accumulation::Exact);
    assert_eq!(accumulated(cnn(Norm::Batch, 0.0)), Accumulation::Approximate);
    assert_eq!(accumulated(cnn(Norm::None, 0.5)), Accumulation::Approximate);
    assert_eq!(accumulated(ModelSpec::ResNet(ResNetModel::default())), Accumulation::Approximate);
}

#[test]
fn planning_puts_running_statistics_back() {
    let _exclusive = exclusive();
    let ready = ready(&stateful_trial(64, 16));
    // Means of 0 and variances of 1, as at the start.
    assert_eq!(buffers(&ready.learner), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    let module = crate::lab::ready(&module_trial("convolutional", 10, 0));
    let running: Vec<f64> = module.learner.model.buffers().iter().flat_map(numbers).collect();
    assert_eq!(running, [[0.0; 6].as_slice(), &[1.0; 6], &[0.0]].concat(), "mean, variance, batches tracked");
}

#[test]
fn everything_random_or_remembered_gives_the_same_bits_twice() {
    let _exclusive = exclusive();
    let bfloat16 = |spec| with(spec, TrainSpec { precision: Precision::BFloat16, ..TrainSpec::default() });
    for spec in [
        stateful_trial(64, 16),
        bfloat16(stateful_trial(64, 16)),
        module_trial("seeded", 8, 4),
        module_trial("convolutional", 8, 4),
    ] {
        let mut host = host();
        // The second one plans from what the first one found out, so it runs fewer probes before it trains.
        let [first, second] = [(); 2].map(|()| run(&spec, &mut host).unwrap());
        assert_eq!(first.losses(), second.losses());
        assert_eq!(first.result.final_validation_loss, second.result.final_validation_loss);
    }
}

#[test]
fn bfloat16_computes_in_fewer_bits_and_keeps_float32_parameters() {
    let _exclusive = exclusive();
    let spec = |precision| {
        let train = TrainSpec { precision, ..TrainSpec::default() };
        with(lasting(trial(&[16], 200, ModelSpec::mlp(&[32]), 50, 2), Budget::Epochs(2)), train)
    };
    let (full, mixed) = (spec(Precision::Float32), spec(Precision::BFloat16));
    assert_eq!(ready(&full).account.fixed, ready(&mixed).account.fixed);
    let (full, mixed) = (run(&full, &mut host()).unwrap(), run(&mixed, &mut host()).unwrap());
    assert_ne!(full.losses(), mixed.losses());
    for (full, mixed) in full.losses().iter().zip(mixed.losses()) {
        assert!((mixed / full - 1.0).abs() < 0.02, "{mixed} instead of {full}");
    }
}

#[test]
fn the_loss_of_a_bfloat16_evaluation_is_that_of_its_outputs_in_full() {
    let _exclusive = exclusive();
    let train = TrainSpec { precision: Precision::BFloat16, ..TrainSpec::default() };
    let examples = 600;
    let Ready { mut learner, mut feed, .. } =
        ready(&with(trial(&[16], examples, ModelSpec::mlp(&[32]), 50, 2), train));
    let found = evaluate(&mut learner, &mut feed, 0..examples, &mut examples.clone()).unwrap();

    let rows = feed.rows(0, examples).unwrap();
    let outputs = learner.evaluate(&rows.inputs).unwrap();
    let in_few_bits = outputs.to_kind(Kind::BFloat16).to_kind(outputs.kind());
    assert_eq!(numbers(&outputs), numbers(&in_few_bits), "computed in bfloat16");
    let expected = outputs.to_kind(Kind::Double).cross_entropy_for_logits(&rows.targets).double_value(&[]);
    // Rounded to 8 bits it would be off by up to 4e-3.
    assert!((found.loss / expected - 1.0).abs() < 1e-6, "{} instead of {expected}", found.loss);
}

#[test]
fn a_module_that_exports_reset_parameters_starts_from_the_seed() {
    let _exclusive = exclusive();
    let start = |name: &str, seed| weights(&ready(&module_trial(name, 8, seed)).learner);
    assert_eq!(start("seeded", 1), start("seeded", 1));
    assert_ne!(start("seeded", 1), start("seeded", 2));
    assert_eq!(start("convolutional", 1), start("convolutional", 2));
    assert!(warnings(&run(&module_trial("seeded", 8, 1), &mut host()).unwrap()).is_empty());
    let sets = |name| run(&module_trial(name, 8, 1), &mut host()).unwrap().result.seed_sets.unwrap();
    assert_eq!(sets("seeded"), SeedSets { data: true, weights: true, order: true });
    assert_eq!(sets("convolutional"), SeedSets { data: true, weights: false, order: true });
    let told = warnings(&run(&module_trial("convolutional", 8, 1), &mut host()).unwrap());
    assert!(told[0].starts_with("accumulation is approximate"), "{told:?}");
    assert!(told[1].contains("exports no reset_parameters"), "{told:?}");
}

#[test]
fn a_module_is_counted_in_trained_frozen_and_buffered_numbers() {
    let _exclusive = exclusive();
    let odd = ready(&module_trial("odd", 8, 1));
    let fixed = odd.account.fixed;
    let trained = 5 + 8 * 8 + 4 * 8 + 4;
    assert_eq!(fixed.gradient_bytes, 4 * trained);
    assert_eq!(fixed.parameter_bytes, 4 * (trained + 63 * 8) + 8, "with the frozen matrix and one int64");
    let before = weights(&odd.learner)[..5].to_vec();
    let trained = run(&module_trial("odd", 8, 1), &mut host()).unwrap();
    assert_eq!(trained.memory().peak_bytes, trained.parts().total());
    assert_eq!(before, weights(&ready(&module_trial("odd", 8, 1)).learner)[..5], "what takes no part stays");
}

/// Why a model cannot be used.
fn refusal(model: ModelSpec, features: &[u64]) -> String {
    let spec = lasting(trial(features, 20, model, 4, 1), Budget::Steps(1));
    match run(&spec, &mut host()) {
        Err(error @ TrialError::Module { .. }) => {
            assert_eq!(error.kind(), FailureKind::Files);
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unusable_module_is_refused_with_the_reason() {
    let _exclusive = exclusive();
    for (name, reason) in [
        ("pair", "`forward` must return one tensor, (examples, classes); it returns Tuple[Tensor, Tensor]"),
        ("two-inputs", "`forward` must take one tensor, the inputs of a batch"),
        ("nothing", "it has no parameter that wants a gradient"),
        (
            "state-dict",
            "failed locating file constants.pkl: file not found; save it with torch.jit.script(model).save",
        ),
    ] {
        let text = refusal(module(name), &[4]);
        assert!(text.contains(reason), "{name}: {text}");
        assert!(!text.contains('\n') && text.len() < 600, "{name}: {text}");
    }
    let text = refusal(module("convolutional"), &[3, 9, 7]);
    assert!(text.contains("for 2 examples of shape [3, 9, 7] it fails"), "{text}");
    let many = ModelSpec::script("/nowhere/net.pt");
    assert!(refusal(many, &[4]).contains("the file must be on the worker"));
}

#[test]
fn a_broken_file_gets_an_error_whatever_is_broken_in_it() {
    let _exclusive = exclusive();
    let ModelSpec::TorchScript(script) = module("seeded") else { unreachable!() };
    let good = std::fs::read(Path::new(script.file.path().unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.pt");
    let broken = ModelSpec::script(path.display().to_string());
    let spec = lasting(trial(&[1, 9, 7], 20, broken, 4, 1), Budget::Steps(1));
    let mut refused = 0;
    let mut state = 1u64;
    for round in 0..150 {
        let mut bytes = good.clone();
        match round % 3 {
            0 => bytes.truncate(good.len() * round / 150),
            1 => {
                let place = round * good.len() / 150;
                bytes[place..(place + 40).min(good.len())].fill(0xFF);
            }
            _ => {
                for _ in 0..8 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let place = (state >> 33) as usize % bytes.len();
                    bytes[place] ^= 1 << (state >> 61);
                }
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match run(&spec, &mut host()) {
            // What is broken may be a comment, or a weight.
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), FailureKind::Files, "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 75, "{refused} of 150 were refused");
}
