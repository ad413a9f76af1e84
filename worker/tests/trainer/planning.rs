//! The micro-batch is the largest that fits, its memory is told beforehand, and what does not fit says why.

use domain::TrialSpec;
use domain::lifecycle::Outcome;
use domain::memory::{MicroBatchSearch, StaticParts};
use domain::run::Accumulation;
use domain::spec::{
    Budget, CnnModel, MicroBatchPolicy, MlpModel, ModelSpec, Norm, OptimizerKind, Precision, ResNetModel,
    TrainSpec,
};
use worker::trainer::device;
use worker::trainer::memory::probe::{Depth, measure};
use worker::trainer::session::Ready;
use worker::trainer::step::learner::{Norms, StepOptions};

use crate::lab::{
    cnn_trial, does_not_fit, exclusive, gradients, host, lasting, ready, relative_difference, run, trial,
    with, within,
};

const BATCH: u64 = 64;

/// Bytes of an example of [`mlp_trial`] that is sent ahead.
const EXAMPLE: u64 = 64 * 4 + 8;

/// An MLP on data that is too large to stay on the device under the budgets of these tests.
fn mlp_trial(batch_size: u64) -> TrialSpec {
    lasting(trial(&[64], 8192, ModelSpec::mlp(&[24]), batch_size, 2), Budget::Steps(3))
}

/// The peak at each micro-batch, as the whole batch and from the second micro-batch on, found by running it.
fn peaks(spec: &TrialSpec, sizes: impl Iterator<Item = u64>) -> Vec<(u64, u64, u64)> {
    let mut ready = ready(&within(spec.clone(), 4 << 20));
    assert_eq!(ready.account.resident, 0, "the data is streamed");
    let meter = ready.meter;
    let Ready { learner, feed, .. } = &mut ready;
    let peaks = sizes.map(|size| {
        let peaks = measure(learner, feed, &meter, size, Depth::Accumulated).unwrap();
        (size, peaks.whole, peaks.accumulated.unwrap())
    });
    peaks.collect()
}

#[test]
fn the_chosen_micro_batch_is_the_largest_that_fits_or_there_is_none() {
    let _exclusive = exclusive();
    let spec = mlp_trial(BATCH);
    let peaks = peaks(&spec, 1..=BATCH);
    let fixed = ready(&spec).account.fixed.total();
    let (least, most) = (fixed, peaks[BATCH as usize - 1].1 + 100);
    // Between these two, one example at a time fits only with nothing sent ahead.
    let one = [peaks[0].2 - 1, peaks[0].2 - EXAMPLE, peaks[0].2 - EXAMPLE - 1];
    let mut host = host();
    for budget in (least..most).step_by(((most - least) / 60) as usize).chain(one) {
        let whole_fits = peaks[BATCH as usize - 1].1 <= budget;
        let largest = peaks[..BATCH as usize / 2].iter().rfind(|(_, _, peak)| *peak <= budget);
        let alone =
            || peaks[..BATCH as usize / 2].iter().rfind(|(size, _, peak)| *peak - size * EXAMPLE <= budget);
        let expected =
            if whole_fits { Some(BATCH) } else { largest.or_else(alone).map(|&(size, _, _)| size) };
        let trained = run(&within(spec.clone(), budget), &mut host).unwrap();
        let result = &trained.result;
        match expected {
            None => assert_eq!(result.outcome, Outcome::Infeasible, "budget {budget}"),
            Some(size) => {
                let split = domain::AccumulationPlan::at_most(BATCH, size);
                assert_eq!(result.outcome, Outcome::Succeeded, "budget {budget}: {}", result.message);
                assert_eq!(result.micro_batch, split.micro_batch(), "budget {budget}");
                let memory = trained.memory();
                assert!(memory.peak_bytes <= budget, "{} over {budget}", memory.peak_bytes);
                assert_eq!(memory.peak_bytes, trained.parts().total());
                assert_close(memory.predicted_peak_bytes, memory.peak_bytes);
                let expected =
                    if split.accumulation_steps() == 1 { Accumulation::None } else { Accumulation::Exact };
                assert_eq!(result.accumulation, expected);
                assert_eq!(trained.splits().len(), 1, "the plan held");
            }
        }
    }
}

#[test]
fn under_any_budget_the_gradient_is_that_of_the_whole_batch() {
    let _exclusive = exclusive();
    let spec =
        |batch_size| lasting(trial(&[12], 300, ModelSpec::mlp(&[16, 8]), batch_size, 1), Budget::Steps(1));
    let mut random = 20_u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut host = host();
    let mut splits = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let batch_size = 1 + draw(300);
        let free = ready(&spec(batch_size));
        let (least, most) = (free.account.fixed.total(), free.plan.predicted.total());
        let budget = least + draw(most - least + 1);
        let step = |mut ready: Ready| {
            let mut tape = worker::trainer::step::tape::StepTape::new(tch::Device::Cpu).unwrap();
            let options = StepOptions { learning_rate: 0.0, norms: Norms::None, meter: ready.meter };
            let batch = ready.course.clone().next().unwrap();
            let mut micro_batch = ready.plan.split.micro_batch();
            let Ready { learner, feed, .. } = &mut ready;
            let report = learner.train_batch(feed, &batch, &mut micro_batch, &mut tape, &options).unwrap();
            assert!(report.refusals.is_empty(), "the plan holds: {report:?}");
            // To look at the gradients takes memory too.
            ready.meter.set_limit(None).unwrap();
            gradients(&ready.learner)
        };
        let Ok(tight) = host.prepare(&within(spec(batch_size), budget).into(), None).unwrap() else {
            continue;
        };
        splits.insert((batch_size, tight.plan.split.accumulation_steps()));
        let split = tight.plan.split;
        let tight = step(*tight);
        let difference = relative_difference(&tight, &step(free));
        assert!(difference <= 1e-5, "{batch_size} under {budget} as {split:?}: off by {difference:e}");
    }
    assert!(splits.len() > 100 && splits.iter().any(|&(_, steps)| steps > 20), "{splits:?}");
}

#[test]
fn parts_1_to_3_are_predicted_to_the_byte_for_every_model() {
    let _exclusive = exclusive();
    let cnn = |norm, dropout, hidden| {
        ModelSpec::Cnn(CnnModel { channels: vec![4, 6], hidden, dropout, norm, ..CnnModel::default() })
    };
    let resnet = |norm| ModelSpec::ResNet(ResNetModel { depth: 8, width: 4, norm });
    for model in [
        ModelSpec::Linear,
        ModelSpec::Mlp(MlpModel { hidden: vec![9], dropout: 0.5 }),
        cnn(Norm::None, 0.0, vec![]),
        cnn(Norm::Batch, 0.2, vec![7]),
        cnn(Norm::Group, 0.0, vec![7]),
        resnet(Norm::Batch),
        resnet(Norm::Group),
        resnet(Norm::None),
    ] {
        for precision in [Precision::Float32, Precision::BFloat16, Precision::Float64] {
            let train = TrainSpec { precision, momentum: 0.9, ..TrainSpec::default() };
            let spec = lasting(trial(&[3, 8, 8], 64, model.clone(), 24, 1), Budget::Steps(2));
            let mut spec = with(spec, train.clone());
            spec.memory.micro_batch = MicroBatchPolicy::Fixed(8);
            let Ready { shape, task, .. } = ready(&spec);
            let layers = domain::architecture::layers(&spec.model, &shape, &task).unwrap().unwrap();
            let trained = run(&spec, &mut host()).unwrap();
            assert_eq!(
                trained.parts().fixed,
                StaticParts::predict(&layers, &train),
                "{model:?} {precision:?}"
            );
            assert_eq!(trained.parts().batch_bytes, 8 * task.example_bytes(&shape, train.precision));
            let memory = trained.memory();
            assert_eq!(memory.peak_bytes, trained.parts().total());
            assert_close(memory.predicted_peak_bytes, memory.peak_bytes);
        }
    }
}

fn assert_close(predicted: u64, measured: u64) {
    let error = (predicted as f64 / measured as f64 - 1.0).abs();
    assert!(error <= 0.01, "predicted {predicted}, measured {measured}");
}

#[test]
fn the_peak_is_predicted_also_where_it_bends() {
    let _exclusive = exclusive();
    // Small hidden layers: first the weights' gradients, then the activations are what the peak consists of.
    let wide = trial(&[512], 4096, ModelSpec::mlp(&[128, 64]), 1, 2);
    for batch_size in [1u64, 2, 3, 10, 100, 128, 200, 333, 1000, 4096] {
        for policy in [MicroBatchPolicy::Auto, MicroBatchPolicy::Fixed(batch_size.div_ceil(3))] {
            let mut spec = lasting(wide.clone(), Budget::Steps(2));
            spec.settings.batch_size = domain::BatchSize::try_new(batch_size).unwrap();
            spec.memory.micro_batch = policy;
            let trained = run(&spec, &mut host()).unwrap();
            let memory = trained.memory();
            assert_close(memory.predicted_peak_bytes, memory.peak_bytes);
            assert_eq!(memory.parts.batch_bytes, trained.result.micro_batch * (512 * 4 + 8));
        }
    }
}

#[test]
fn parts_1_and_2_are_predicted_to_the_byte_for_every_optimizer() {
    let _exclusive = exclusive();
    for (optimizer, momentum) in [
        (OptimizerKind::Sgd, 0.0),
        (OptimizerKind::Sgd, 0.9),
        (OptimizerKind::Adam, 0.0),
        (OptimizerKind::AdamW, 0.0),
        (OptimizerKind::RmsProp, 0.0),
        (OptimizerKind::RmsProp, 0.9),
    ] {
        let train = TrainSpec { optimizer, momentum, ..TrainSpec::default() };
        let spec = with(cnn_trial(32, 8), train.clone());
        let Ready { shape, task, .. } = ready(&spec);
        let layers = domain::architecture::layers(&spec.model, &shape, &task).unwrap().unwrap();
        let trained = run(&spec, &mut host()).unwrap();
        assert_eq!(trained.parts().fixed, StaticParts::predict(&layers, &train));
        let memory = trained.memory();
        assert_eq!(memory.peak_bytes, trained.parts().total());
        assert_close(memory.predicted_peak_bytes, memory.peak_bytes);
    }
}

#[test]
fn a_batch_that_does_not_fit_trains_as_it_would_without_a_budget() {
    let _exclusive = exclusive();
    let spec = lasting(cnn_trial(2048, 512), Budget::Epochs(2));
    let free = run(&spec, &mut host()).unwrap();
    let budget = free.memory().peak_bytes / 4;
    let tight = run(&within(spec, budget), &mut host()).unwrap();
    assert_eq!(tight.result.outcome, Outcome::Succeeded, "{}", tight.result.message);
    assert!(tight.result.micro_batch < 512 && tight.memory().peak_bytes <= budget);
    assert_eq!(tight.memory().budget_bytes, Some(budget));
    assert_eq!(free.losses().len(), tight.losses().len());
    for (free, tight) in free.losses().iter().zip(tight.losses()) {
        assert!((tight / free - 1.0).abs() < 1e-4, "{tight} instead of {free}");
    }
}

#[test]
fn what_cannot_fit_says_so_in_four_numbers() {
    let _exclusive = exclusive();
    let spec = mlp_trial(BATCH);
    let one = peaks(&spec, 1..=1)[0].2 - EXAMPLE;
    for budget in [100, one - 1] {
        let trained = run(&within(spec.clone(), budget), &mut host()).unwrap();
        assert_eq!(trained.result.outcome, Outcome::Infeasible);
        assert_eq!((trained.result.steps, trained.result.micro_batch), (0, 0));
        let message = &trained.result.message;
        for words in [
            "one example at a time needs",
            "more than the budget of",
            "parameters + gradients",
            "optimizer state",
            "batch",
            "activations",
        ] {
            assert!(message.contains(words), "{message:?} lacks {words:?}");
        }
        assert_eq!(trained.memory().predicted_peak_bytes, one, "told in full, though it never fitted");
    }
}

#[test]
fn data_makes_room_for_a_model_that_needs_it() {
    let _exclusive = exclusive();
    // 60 KB of data beside a model of 600 KB: a quarter of the budget may be data, but then the model does not fit.
    let spec = lasting(trial(&[64], 100, ModelSpec::mlp(&[1024]), 4, 2), Budget::Steps(2));
    let resident = ready(&within(spec.clone(), 100 << 20)).account.resident;
    assert!(resident > 50_000);
    let peak = run(&spec, &mut host()).unwrap().memory().peak_bytes;
    let tight = run(&within(spec.clone(), peak - resident / 2), &mut host()).unwrap();
    assert_eq!((tight.result.outcome, tight.memory().parts.resident_data_bytes), (Outcome::Succeeded, 0));
    let never = run(&within(spec, 400_000), &mut host()).unwrap();
    assert_eq!(never.result.outcome, Outcome::Infeasible, "also with its data away");
}

#[test]
fn a_batch_that_must_not_be_split_is_infeasible_when_it_does_not_fit() {
    let _exclusive = exclusive();
    let whole = peaks(&mlp_trial(BATCH), BATCH..=BATCH)[0].1;
    let mut spec = mlp_trial(BATCH);
    spec.memory.micro_batch = MicroBatchPolicy::Off;
    let refused = does_not_fit(&within(spec.clone(), whole - BATCH * EXAMPLE - 1));
    assert!(
        refused.infeasible.message.contains("micro_batch = \"off\" forbids"),
        "{}",
        refused.infeasible.message
    );
    let trained = run(&within(spec, whole), &mut host()).unwrap();
    assert_eq!((trained.result.outcome, trained.result.micro_batch), (Outcome::Succeeded, BATCH));
}

#[test]
fn a_micro_batch_that_was_asked_for_is_used_where_it_fits() {
    let _exclusive = exclusive();
    let mut spec = mlp_trial(BATCH);
    spec.memory.micro_batch = MicroBatchPolicy::Fixed(16);
    let trained = run(&spec, &mut host()).unwrap();
    assert_eq!((trained.result.micro_batch, trained.result.accumulation_steps), (16, 4));
    assert_eq!(trained.splits()[0].reason, "micro_batch = 16 was asked for");
    let eight = peaks(&spec, 8..=8)[0].2;
    let tight = run(&within(spec, eight), &mut host()).unwrap();
    assert_eq!(tight.result.micro_batch, 8);
}

#[test]
fn trials_that_share_their_memory_behaviour_are_planned_without_another_out_of_memory() {
    let _exclusive = exclusive();
    let spec = mlp_trial(BATCH);
    let budget = peaks(&spec, 20..=20)[0].2;
    let mut host = host();
    let first = run(&within(spec.clone(), budget), &mut host).unwrap();
    let mut other = within(spec, budget);
    other.settings.learning_rate = domain::LearningRate::try_new(0.5).unwrap();
    other.settings.seed = 9;
    let second = run(&other, &mut host).unwrap();
    assert_eq!(second.result.micro_batch, first.result.micro_batch);
    assert_eq!(second.result.oom_count, 0);
}

#[test]
fn budgets_share_what_was_measured_and_a_failure_under_one_says_nothing_about_a_larger_one() {
    let _exclusive = exclusive();
    let spec = mlp_trial(BATCH);
    let peaks = peaks(&spec, 1..=BATCH);
    let budget_for = |size: usize| peaks[size - 1].2;
    let mut host = host();
    for size in [5, 20, 12, 31, 8] {
        let trained = run(&within(spec.clone(), budget_for(size)), &mut host).unwrap();
        let alone = run(&within(spec.clone(), budget_for(size)), &mut self::host()).unwrap();
        assert_eq!(trained.result.micro_batch, alone.result.micro_batch, "for {size}");
        assert_eq!(trained.losses(), alone.losses());
    }
    let before = host.planner.probes();
    let again = run(&within(spec, budget_for(20)), &mut host).unwrap();
    assert_eq!((host.planner.probes(), again.result.oom_count), (before, 0));
}

#[test]
fn a_claim_that_training_refutes_is_corrected_and_told() {
    let _exclusive = exclusive();
    // Its data is streamed, so that most of the peak is what a claim is about.
    let spec = within(mlp_trial(BATCH), 4 << 20);
    let mut honest = host();
    let first = run(&spec, &mut honest).unwrap();
    let truth = first.memory().peak_bytes;
    assert_eq!(honest.planner.take_unreported(), [], "all was told while it trained");
    // Another worker claims that a whole batch takes a tenth of what it does.
    let mut claim = first.found;
    let mut whole = MicroBatchSearch::default();
    for (micro_batch, bytes) in claim[0].memory.whole.envelope().points() {
        whole.record_fit(micro_batch, bytes / 10);
    }
    claim[0].memory.whole = whole;
    let mut misled = host();
    misled.planner.merge_known(&claim);
    let trained = run(&spec, &mut misled).unwrap();
    assert!(trained.memory().predicted_peak_bytes < truth / 10 * 9);
    assert_eq!(trained.memory().peak_bytes, truth);
    assert!(
        trained.logs().iter().any(|line| line.contains("the plan predicted a peak of")),
        "{:?}",
        trained.logs()
    );
    let corrected = trained.found.last().unwrap().clone();
    let mut told = host();
    told.planner.merge_known(&claim);
    told.planner.merge_known(&[corrected]);
    let second = run(&spec, &mut told).unwrap();
    assert_eq!(second.memory().predicted_peak_bytes, truth);
}

#[test]
fn a_plan_that_does_not_fit_is_a_row_with_its_reason() {
    let _exclusive = exclusive();
    let trained = run(&within(mlp_trial(BATCH), 100), &mut host()).unwrap();
    let splits = trained.splits();
    assert_eq!(splits.len(), 1);
    assert_eq!((splits[0].micro_batch, splits[0].accumulation_steps, splits[0].from_step), (0, 0, 1));
    assert_eq!(splits[0].reason, trained.result.message);
    assert_eq!(splits[0].predicted_peak_bytes, trained.memory().predicted_peak_bytes);
}

#[test]
fn threads_are_those_of_a_micro_batch_however_it_came_about() {
    let _exclusive = exclusive();
    device::open("cpu", 2).unwrap();
    // 512 examples of it are worth two threads, 128 are not.
    let whole = trial(&[784], 2048, ModelSpec::mlp(&[64]), 512, 2);
    let fixed = |examples| {
        let mut spec = whole.clone();
        spec.memory.micro_batch = MicroBatchPolicy::Fixed(examples);
        spec
    };
    let threads_and_micro_batch = |spec: &TrialSpec| {
        device::open("cpu", 2).unwrap();
        let micro_batch = ready(spec).plan.split.micro_batch();
        (tch::get_num_threads(), micro_batch)
    };
    assert_eq!(threads_and_micro_batch(&whole), (2, 512));
    assert_eq!(threads_and_micro_batch(&fixed(256)), (1, 256));
    assert_eq!(threads_and_micro_batch(&fixed(512)), (2, 512));
    let (threads, micro_batch) = threads_and_micro_batch(&within(whole.clone(), 5 << 18));
    assert!(threads == 1 && (2..512).contains(&micro_batch), "{threads} for {micro_batch}");
}
