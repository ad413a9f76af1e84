//! How a trial ends: early or late, well or badly.

use std::io;
use std::sync::atomic::Ordering;

use domain::lifecycle::Outcome;
use domain::run::{MetricName, ReachedTarget};
use domain::spec::{
    Budget, CnnModel, Labels, ModelSpec, Norm, ScheduleKind, Target, TargetMetric, TrainSpec,
};
use domain::{LearningRate, TrialSpec};
use worker::trainer::event::Event;
use worker::trainer::session::{Ended, Reporter, Wishes, plan, train};

use crate::lab::{exclusive, host, lasting, run, seed_example, trial, with};

/// Something that can be learned.
fn teacher_trial() -> TrialSpec {
    let mut spec = trial(&[8], 600, ModelSpec::mlp(&[16]), 10, 3);
    if let domain::spec::DataSource::Synthetic(data) = &mut spec.data.source {
        data.labels = Labels::Teacher;
    }
    spec.data.validation = 100;
    spec.settings.learning_rate = LearningRate::try_new(0.1).unwrap();
    lasting(spec, Budget::Epochs(10))
}

#[test]
fn a_learning_rate_far_too_large_ends_as_diverged() {
    let _exclusive = exclusive();
    let mut spec = teacher_trial();
    spec.settings.learning_rate = LearningRate::try_new(1e4).unwrap();
    let trained = run(&spec, &mut host()).unwrap();
    let result = &trained.result;
    assert_eq!(result.outcome, Outcome::Diverged);
    assert!(result.message.starts_with("step "), "{}", result.message);
    assert!(result.steps < 500 && result.steps == trained.losses().len() as u64);
}

#[test]
fn a_target_gives_steps_examples_and_seconds_and_may_end_the_trial() {
    let _exclusive = exclusive();
    let target = Some(Target { metric: TargetMetric::ValidationError, below: 0.2 });
    let on =
        |stop_at_target| with(teacher_trial(), TrainSpec { target, stop_at_target, ..TrainSpec::default() });
    let long = run(&on(false), &mut host()).unwrap();
    let ReachedTarget { steps, examples, seconds } = long.result.reached_target.unwrap();
    assert_eq!((long.result.steps, examples), (500, 10 * steps));
    let errors = long.curve(MetricName::ValidationError);
    let first = errors.iter().find(|(step, error)| *step > 0 && *error < 0.2).unwrap();
    assert_eq!(first.0, steps);
    assert!(seconds <= long.result.train_seconds);
    let short = run(&on(true), &mut host()).unwrap();
    assert_eq!((short.result.steps, short.result.outcome), (steps, Outcome::Succeeded));
    assert_eq!(short.result.reached_target.unwrap().steps, steps);
}

#[test]
fn a_trial_that_ends_at_its_target_tells_the_loss_over_a_large_training_set_too() {
    let _exclusive = exclusive();
    let mut spec = trial(&[40], 2_100, ModelSpec::mlp(&[16]), 10, 3);
    spec.data.validation = 100;
    let target = Some(Target { metric: TargetMetric::ValidationLoss, below: 100.0 });
    let spec = lasting(spec, Budget::Epochs(4));
    let met =
        run(&with(spec, TrainSpec { target, stop_at_target: true, ..TrainSpec::default() }), &mut host());
    let met = met.unwrap();
    assert_eq!(met.result.reached_target.unwrap().steps, 25, "an eighth of an epoch");
    let at_end = met.curve(MetricName::TrainSetLoss);
    assert_eq!(at_end.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [25]);
    assert_eq!(met.result.train_set_loss, Some(at_end[0].1));
}

#[test]
fn evaluations_come_at_the_same_examples_for_every_batch_size() {
    let _exclusive = exclusive();
    let examples = |batch_size| {
        let mut spec = teacher_trial();
        spec.settings.batch_size = domain::BatchSize::try_new(batch_size).unwrap();
        let trained = run(&spec, &mut host()).unwrap();
        let steps = trained.curve(MetricName::ValidationLoss);
        steps.into_iter().map(|(step, _)| step * batch_size).collect::<Vec<_>>()
    };
    let expected: Vec<u64> = [0, 62, 125, 250].into_iter().chain((1..=10).map(|epoch| epoch * 500)).collect();
    assert_eq!(examples(1), expected);
    // 25 at a time: at the first step that has seen as many.
    assert_eq!(examples(25)[..4], [0, 75, 125, 250]);
    assert_eq!(examples(25)[4..], expected[4..]);
    // A batch of an eighth, a quarter and half of the data at once is evaluated once.
    assert_eq!(examples(500), [&[0][..], &expected[4..]].concat());
}

#[test]
fn the_learning_rate_is_told_whenever_it_changes() {
    let _exclusive = exclusive();
    let train = TrainSpec { schedule: ScheduleKind::Linear, warmup_steps: 2, ..TrainSpec::default() };
    let trained = run(&lasting(with(seed_example(100, 0), train), Budget::Steps(6)), &mut host()).unwrap();
    let rates: Vec<_> = trained.curve(MetricName::LearningRate);
    let expected = [(1, 0.5), (2, 1.0), (4, 0.75), (5, 0.5), (6, 0.25)];
    assert_eq!(rates.len(), expected.len());
    for ((step, rate), (expected_step, factor)) in rates.iter().zip(expected) {
        assert_eq!(*step, expected_step);
        assert!((rate - 0.01 * factor).abs() < 1e-12);
    }
}

#[test]
fn what_this_worker_cannot_do_is_refused_with_advice() {
    let _exclusive = exclusive();
    let mut missing = seed_example(8, 0);
    missing.model = ModelSpec::script("/nowhere/net.pt");
    let error = run(&missing, &mut host()).unwrap_err();
    assert!(
        error.to_string().starts_with("/nowhere/net.pt cannot be used as a model: No such file"),
        "{error}"
    );
    let mut flat = seed_example(8, 0);
    flat.model = ModelSpec::cnn(&[4], &[]);
    let error = run(&flat, &mut host()).unwrap_err();
    assert!(error.to_string().contains("needs examples of shape [channels, height, width]"), "{error}");
    assert_eq!(run(&missing, &mut host()).unwrap_err().kind(), domain::run::FailureKind::Files);
    assert_eq!(run(&flat, &mut host()).unwrap_err().kind(), domain::run::FailureKind::Input);
}

#[test]
fn a_corner_of_the_grid_without_a_batch_to_train_on_is_infeasible_and_no_failure() {
    let _exclusive = exclusive();
    let no_batch = with(seed_example(1024, 0), TrainSpec { drop_last: true, ..TrainSpec::default() });
    let model = CnnModel { channels: vec![4], norm: Norm::Batch, pooling: 1, ..CnnModel::default() };
    let one_value = trial(&[1, 1, 1], 13, ModelSpec::Cnn(model), 4, 0);
    for (spec, reason) in [
        (no_batch, "1000 training examples are fewer than the batch size 1024"),
        (one_value, "the last batch of an epoch holds 1 example"),
    ] {
        let trained = run(&spec, &mut host()).unwrap();
        assert_eq!(trained.result.outcome, Outcome::Infeasible);
        assert!(trained.result.message.contains(reason), "{}", trained.result.message);
        let planned = plan(&spec.into(), &mut host()).unwrap();
        assert_eq!(planned.infeasible, Some(trained.result.message), "plan and run agree");
    }
}

#[test]
fn a_trial_stops_at_the_step_after_it_was_asked_to() {
    let _exclusive = exclusive();
    let wishes = Wishes::default();
    let mut records = 0;
    let mut send = |event| {
        if let Event::Records(batch) = event {
            records += batch.len();
            wishes.stop.store(true, Ordering::Relaxed);
        }
        io::Result::Ok(())
    };
    let spec = lasting(seed_example(1, 0), Budget::Epochs(1_000_000));
    let ended = train(&spec.into(), &mut host(), &mut Reporter::new(&mut send), &wishes).unwrap();
    assert!(matches!(ended, Ended::Stopped) && records > 0);
}

#[test]
fn an_agent_that_no_longer_listens_ends_the_trainer() {
    let _exclusive = exclusive();
    let mut send = |_| Err(io::Error::from(io::ErrorKind::BrokenPipe));
    let spec = seed_example(32, 0);
    let error =
        train(&spec.into(), &mut host(), &mut Reporter::new(&mut send), &Wishes::default()).unwrap_err();
    assert!(error.is_fatal(), "{error}");
}
