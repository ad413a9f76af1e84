//! The sweep file's meaning and its expansion, by worked examples and properties.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use domain::spec::{
    BatchSizeAxis, Budget, DataSource, DataSpec, GridSpec, Labels, LearningRateAxis, MemorySpec,
    MicroBatchPolicy, ModelSpec, Normalize, OptimizerKind, ScalingRule, SearchSpec, SweepDraft,
    SyntheticData, TrainAxis, TrainKey, TrainSpec, Value,
};
use domain::{SweepSpec, expand};
use proptest::prelude::*;

/// The example every visitor runs first.
fn seed_example() -> SweepDraft {
    SweepDraft {
        name: Some("seed".to_owned()),
        data: DataSpec {
            source: DataSource::Synthetic(SyntheticData {
                examples: 1000,
                features: vec![10],
                classes: 2,
                labels: Labels::Random,
                seed: None,
            }),
            validation: 0,
            limit: None,
            normalize: Normalize::None,
        },
        model: ModelSpec::Linear,
        grid: GridSpec {
            batch_size: BatchSizeAxis::List(vec![1, 32, 1024]),
            learning_rate: LearningRateAxis::List(vec![0.01]),
            train: Vec::new(),
            model: Vec::new(),
            seed: vec![0],
        },
        train: TrainSpec { budget: Some(Budget::Epochs(3)), ..TrainSpec::default() },
        memory: MemorySpec::default(),
        search: SearchSpec::default(),
    }
}

/// The paths and messages of all issues of a changed seed example.
fn issues(change: impl FnOnce(&mut SweepDraft)) -> Vec<String> {
    let mut draft = seed_example();
    change(&mut draft);
    match SweepSpec::try_new(draft) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.into_iter().map(|issue| issue.path).collect(),
    }
}

#[test]
fn the_seed_example_makes_3000_96_and_3_steps() {
    let sweep = SweepSpec::try_new(seed_example()).unwrap();
    let steps: Vec<_> = expand(&sweep).iter().map(|trial| trial.settings.total_steps(1000)).collect();
    assert_eq!(steps, [3000, 96, 3]);
}

#[test]
fn dropping_the_last_batch_of_a_small_set_leaves_no_step() {
    let mut draft = seed_example();
    draft.train.drop_last = true;
    let sweep = SweepSpec::try_new(draft).unwrap();
    let steps: Vec<_> = expand(&sweep).iter().map(|trial| trial.settings.total_steps(1000)).collect();
    assert_eq!(steps, [3000, 93, 0]);
}

#[test]
fn a_budget_in_examples_takes_as_many_batches_as_it_needs() {
    let mut draft = seed_example();
    draft.train.budget = Some(Budget::Examples(1100));
    let sweep = SweepSpec::try_new(draft).unwrap();
    let steps: Vec<_> = expand(&sweep).iter().map(|trial| trial.settings.total_steps(1000)).collect();
    // One epoch (1000, 32 and 1 steps) and 100 examples more (100, 4 and 1).
    assert_eq!(steps, [1100, 36, 2]);
}

#[test]
fn the_middle_of_the_grid_has_its_turn_first_and_a_seeds_whole_grid_before_the_next_seed() {
    let mut draft = seed_example();
    draft.grid.batch_size = BatchSizeAxis::List(vec![8, 32, 128]);
    draft.grid.learning_rate = LearningRateAxis::List(vec![0.1, 0.2, 0.4, 0.8, 1.6]);
    draft.grid.seed = vec![5, 2];
    let trials = expand(&SweepSpec::try_new(draft).unwrap());
    let mut order: Vec<(usize, &domain::PlannedTrial)> =
        domain::turns(&trials).into_iter().zip(&trials).collect();
    order.sort_by_key(|(turn, _)| *turn);
    assert!(order.iter().enumerate().all(|(place, (turn, _))| place == *turn));
    let cell = |place: usize| {
        let settings = &order[place].1.settings;
        (settings.seed, settings.batch_size.get(), settings.learning_rate.get())
    };
    assert_eq!([cell(0), cell(1), cell(2)], [(5, 32, 0.4), (5, 8, 0.4), (5, 128, 0.4)]);
    assert_eq!([cell(3), cell(4)], [(5, 32, 0.2), (5, 32, 0.8)]);
    assert_eq!((cell(14).0, cell(15)), (5, (2, 32, 0.4)));
}

#[test]
fn every_mistake_is_named_at_once_and_where_it_is() {
    let found = issues(|draft| {
        draft.name = Some("My Sweep".to_owned());
        draft.grid.batch_size = BatchSizeAxis::List(vec![32, 0, 32]);
        draft.grid.learning_rate = LearningRateAxis::List(vec![0.1, -1.0, f64::NAN]);
        draft.grid.train = vec![TrainAxis {
            key: TrainKey::Optimizer,
            values: vec![Value::Word("adamm".into()), Value::Integer(3)],
        }];
        draft.train.momentum = 1.5;
        draft.train.budget = None;
        draft.memory.micro_batch = MicroBatchPolicy::Fixed(0);
    });
    assert_eq!(
        found,
        [
            "name",
            "grid.batch_size[1]",
            "grid.batch_size[2]",
            "grid.learning_rate[1]",
            "grid.learning_rate[2]",
            "grid.optimizer[0]",
            "grid.optimizer[1]",
            "train",
            "train.momentum",
            "memory.micro_batch",
        ]
    );
}

#[test]
fn a_grid_past_the_cap_is_refused_before_it_is_made() {
    let huge = |axis: &mut Vec<u64>| *axis = (0..50_000).collect();
    assert_eq!(issues(|draft| huge(&mut draft.grid.seed)), ["grid"]);
    assert_eq!(
        issues(|draft| {
            draft.grid.learning_rate = LearningRateAxis::LogSpaced { from: 1e-3, to: 1.0, count: u64::MAX };
        }),
        ["grid.learning_rate.count", "grid"],
    );
}

#[test]
fn a_length_is_given_once() {
    let steps = || TrainAxis { key: TrainKey::Steps, values: vec![Value::Integer(10)] };
    assert_eq!(issues(|draft| draft.grid.train = vec![steps()]), ["train"]);
    assert!(
        issues(|draft| {
            draft.train.budget = None;
            draft.grid.train = vec![steps()];
        })
        .is_empty()
    );
}

#[test]
fn a_target_needs_something_to_measure_it_on() {
    let target = domain::spec::Target { metric: domain::spec::TargetMetric::ValidationError, below: 0.15 };
    assert_eq!(issues(|draft| draft.train.target = Some(target)), ["train.target.metric"]);
    assert_eq!(issues(|draft| draft.train.stop_at_target = true), ["train.stop_at_target"]);
    assert!(
        issues(|draft| {
            draft.train.target = Some(target);
            draft.data.validation = 100;
        })
        .is_empty()
    );
}

#[test]
fn data_from_files_is_checked_as_far_as_the_sweep_file_knows_it() {
    use domain::spec::{ArrayData, CifarData, FileSource};
    let target = domain::spec::Target { metric: domain::spec::TargetMetric::ValidationLoss, below: 0.15 };
    let cifar = || DataSource::Cifar10(CifarData { path: "cifar-10".into() });
    let safetensors =
        || DataSource::Safetensors(ArrayData::of(FileSource::OnWorker("my.safetensors".into())));
    let with = |source, limit, validation| {
        issues(|draft| {
            draft.data = DataSpec { source, limit, validation, normalize: Normalize::Unit };
            draft.train.target = Some(target);
        })
    };
    assert_eq!(with(cifar(), None, 0), ["train.target.metric"], "it brings no validation examples");
    assert!(with(safetensors(), None, 0).is_empty(), "it may bring its own");
    assert!(with(cifar(), Some(100), 99).is_empty());
    assert_eq!(with(cifar(), Some(100), 100), ["data.validation"]);
    assert_eq!(with(cifar(), Some(0), 100), ["data.limit"], "one mistake, told once");
    assert_eq!(with(DataSource::Cifar100(CifarData { path: String::new() }), None, 1), ["data.path"]);
}

#[test]
fn a_scaled_learning_rate_is_worked_out_for_each_batch_size() {
    let mut draft = seed_example();
    draft.grid.learning_rate =
        LearningRateAxis::Scaled { base: 0.01, at: 32, rule: ScalingRule::Linear, times: vec![1.0, 2.0] };
    let sweep = SweepSpec::try_new(draft).unwrap();
    let cells: Vec<_> = expand(&sweep)
        .iter()
        .map(|trial| (trial.settings.batch_size.get(), trial.settings.learning_rate.get()))
        .collect();
    assert_eq!(cells, [(1, 0.0003125), (1, 0.000625), (32, 0.01), (32, 0.02), (1024, 0.32), (1024, 0.64)]);
}

#[test]
fn trials_are_in_a_fixed_order_with_the_seed_slowest() {
    let mut draft = seed_example();
    draft.grid.batch_size = BatchSizeAxis::List(vec![8, 16]);
    draft.grid.seed = vec![0, 1];
    draft.grid.train = vec![TrainAxis {
        key: TrainKey::Optimizer,
        values: ["sgd", "adam"].map(|w| Value::Word(w.into())).to_vec(),
    }];
    let trials = expand(&SweepSpec::try_new(draft).unwrap());
    let order: Vec<_> = trials
        .iter()
        .map(|trial| (trial.settings.batch_size.get(), trial.settings.train.optimizer, trial.settings.seed))
        .collect();
    use OptimizerKind::{Adam, Sgd};
    assert_eq!(order[..5], [(8, Sgd, 0), (8, Adam, 0), (16, Sgd, 0), (16, Adam, 0), (8, Sgd, 1)]);
    let names: Vec<_> = trials[0].parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["batch_size", "learning_rate", "optimizer", "seed"]);
}

#[test]
fn a_trials_key_goes_by_the_numbers_and_not_by_how_they_were_typed() {
    let keys = |values: &[Value]| {
        let mut draft = seed_example();
        draft.grid.train = vec![axis(TrainKey::Momentum, values)];
        expand(&SweepSpec::try_new(draft).unwrap()).into_iter().map(|trial| trial.key).collect::<Vec<_>>()
    };
    let whole = keys(&[Value::Integer(0), Value::Number(0.9)]);
    assert_eq!(whole, keys(&[Value::Number(0.0), Value::Number(0.9)]));
    assert!(whole[0].len() == 32 && whole[0] != whole[1]);
}

/// Any grid, sound or not, but small enough to expand.
fn any_grid() -> impl Strategy<Value = GridSpec> {
    let batch_size = prop_oneof![
        prop::collection::vec(0u64..3000, 0..4).prop_map(BatchSizeAxis::List),
        (0u64..100, 0u64..10_000, 0u64..6).prop_map(|(from, to, factor)| BatchSizeAxis::Geometric {
            from,
            to,
            factor
        }),
    ];
    let learning_rate = prop_oneof![
        prop::collection::vec(-0.1f64..1.0, 0..4).prop_map(LearningRateAxis::List),
        (0.0f64..1.0, 0.0f64..1.0, 0u64..6).prop_map(|(from, to, count)| LearningRateAxis::LogSpaced {
            from,
            to,
            count
        }),
        (0.0f64..1.0, 0u64..300, prop::collection::vec(0.1f64..4.0, 0..3)).prop_map(|(base, at, times)| {
            LearningRateAxis::Scaled { base, at, rule: ScalingRule::Sqrt, times }
        }),
    ];
    let momentum = prop::collection::vec(0.0f64..1.1, 0..3).prop_map(|values| TrainAxis {
        key: TrainKey::Momentum,
        values: values.into_iter().map(Value::Number).collect(),
    });
    (batch_size, learning_rate, prop::collection::vec(momentum, 0..2), prop::collection::vec(0u64..50, 0..4))
        .prop_map(|(batch_size, learning_rate, train, seed)| GridSpec {
            batch_size,
            learning_rate,
            train,
            model: Vec::new(),
            seed,
        })
}

#[test]
fn keys_of_the_model_are_axes_and_each_trial_has_its_own_model() {
    use domain::spec::{ModelAxis, Norm, ResNetModel};
    let axis = |key: &str, values: Vec<Value>| ModelAxis { key: key.to_owned(), values };
    let mut draft = seed_example();
    draft.model = ModelSpec::ResNet(ResNetModel { depth: 8, ..ResNetModel::default() });
    draft.grid.batch_size = BatchSizeAxis::List(vec![8]);
    let norms = ["batch", "group"].map(|word| Value::Word(word.to_owned()));
    draft.grid.model =
        vec![axis("width", vec![Value::Integer(4), Value::Integer(8)]), axis("norm", norms.to_vec())];
    let sweep = SweepSpec::try_new(draft.clone()).unwrap();
    let trials = expand(&sweep);
    let models: Vec<_> = trials.iter().map(|trial| trial.spec(&sweep).model).collect();
    let of = |width, norm| ModelSpec::ResNet(ResNetModel { depth: 8, width, norm });
    assert_eq!(models, [of(4, Norm::Batch), of(4, Norm::Group), of(8, Norm::Batch), of(8, Norm::Group)]);
    let names: Vec<_> = trials[0].parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["batch_size", "learning_rate", "model.width", "model.norm", "seed"]);

    let refused = |key: &str, values: &[i64]| {
        let mut draft = draft.clone();
        draft.grid.model = vec![axis(key, values.iter().copied().map(Value::Integer).collect())];
        let issues = SweepSpec::try_new(draft).unwrap_err();
        issues.iter().map(|issue| issue.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(refused("colour", &[1, 2]), ["grid.model.colour"]);
    assert_eq!(refused("depth", &[8, 9]), ["grid.model.depth[1]"]);
    assert_eq!(refused("width", &[4, 4]), ["grid.model.width[1]"]);
    assert_eq!(refused("width", &[]), ["grid.model.width"]);
}

proptest! {
    #[test]
    fn a_checked_grid_expands_to_exactly_its_count_of_different_trials(grid in any_grid()) {
        let mut draft = seed_example();
        draft.grid = grid;
        let count = draft.grid.trial_count();
        if let Ok(sweep) = SweepSpec::try_new(draft) {
            let trials = expand(&sweep);
            prop_assert_eq!(Some(trials.len() as u64), count);
            let keys: std::collections::HashSet<_> = trials.iter().map(|trial| &trial.key).collect();
            prop_assert_eq!(keys.len(), trials.len(), "two trials have one key");
            prop_assert_eq!(&expand(&sweep), &trials, "the order is fixed");
            for (index, trial) in trials.iter().enumerate() {
                prop_assert_eq!(trial.index, index as u64);
            }
        }
    }

    #[test]
    fn a_length_in_examples_is_met_with_no_batch_to_spare(
        batch_size in 1u64..3000, wanted in 1u64..20_000, examples in 1u64..3000,
    ) {
        let mut draft = seed_example();
        draft.grid.batch_size = BatchSizeAxis::List(vec![batch_size]);
        draft.train.budget = Some(Budget::Examples(wanted));
        let trial = &expand(&SweepSpec::try_new(draft).unwrap())[0].settings;
        let seen = |steps: u64| {
            let per_epoch = trial.steps_per_epoch(examples);
            steps / per_epoch * examples + (steps % per_epoch * batch_size).min(examples)
        };
        let steps = trial.total_steps(examples);
        prop_assert!(seen(steps) >= wanted && seen(steps - 1) < wanted);
    }
}

/// The paths at which a draft is refused.
fn refused_at(draft: &SweepDraft) -> Vec<String> {
    let issues = SweepSpec::try_new(draft.clone()).err().unwrap_or_default();
    issues.into_iter().map(|issue| issue.path).collect()
}

fn axis(key: TrainKey, values: &[Value]) -> TrainAxis {
    TrainAxis { key, values: values.to_vec() }
}

#[test]
fn nesterov_needs_a_momentum_in_every_cell_and_not_in_the_settings_around_them() {
    let mut draft = seed_example();
    draft.train.nesterov = true;
    assert_eq!(refused_at(&draft), ["train.nesterov"]);
    draft.grid.train = vec![axis(TrainKey::Momentum, &[Value::Number(0.5), Value::Number(0.9)])];
    assert_eq!(refused_at(&draft), [""; 0]);
    draft.grid.train = vec![axis(TrainKey::Momentum, &[Value::Number(0.5), Value::Integer(0)])];
    assert_eq!(refused_at(&draft), ["grid.momentum[1]"]);
    draft.train.nesterov = false;
    draft.grid.train = vec![axis(TrainKey::Nesterov, &[Value::Flag(false), Value::Flag(true)])];
    assert_eq!(refused_at(&draft)[0], "grid.nesterov[1]");
    draft.train.momentum = 0.9;
    assert_eq!(refused_at(&draft), [""; 0]);
}

#[test]
fn an_axis_that_changes_no_trial_is_refused_and_one_that_changes_some_is_not() {
    let mut draft = seed_example();
    let betas = axis(TrainKey::Beta1, &[Value::Number(0.8), Value::Number(0.9)]);
    draft.grid.train = vec![betas.clone()];
    let issues = SweepSpec::try_new(draft.clone()).unwrap_err();
    assert_eq!(issues[0].path, "grid.beta1");
    assert!(issues[0].message.contains("changes nothing with optimizer = \"sgd\""), "{}", issues[0]);
    let optimizers = ["sgd", "adam"].map(|word| Value::Word(word.to_owned()));
    draft.grid.train = vec![axis(TrainKey::Optimizer, &optimizers), betas];
    assert_eq!(refused_at(&draft), [""; 0]);
    draft.grid.train = vec![axis(TrainKey::Beta1, &[Value::Number(0.8)])];
    assert_eq!(refused_at(&draft), [""; 0], "one value is a setting");
}

#[test]
fn values_that_are_one_number_are_one_trial_however_they_are_written() {
    let mut draft = seed_example();
    draft.grid.train = vec![axis(TrainKey::Momentum, &[Value::Integer(0), Value::Number(0.0)])];
    assert_eq!(refused_at(&draft), ["grid.momentum[1]"]);
    let mut close = seed_example();
    close.grid.learning_rate = LearningRateAxis::LogSpaced { from: 0.1, to: 0.100_000_1, count: 3 };
    assert_eq!(refused_at(&close), ["grid.learning_rate"]);
    close.grid.learning_rate = LearningRateAxis::Scaled {
        base: 0.1,
        at: 8,
        rule: ScalingRule::Linear,
        times: vec![1.0, 1.000_000_01],
    };
    assert_eq!(refused_at(&close), ["grid.learning_rate"]);
}

#[test]
fn one_wrong_bound_is_one_mistake() {
    let mut draft = seed_example();
    draft.grid.batch_size = BatchSizeAxis::Geometric { from: 1, to: u64::MAX, factor: 2 };
    assert_eq!(refused_at(&draft).iter().filter(|path| path.starts_with("grid.batch_size")).count(), 1);
    let mut steep = seed_example();
    steep.grid.learning_rate =
        LearningRateAxis::Scaled { base: 1e308, at: 1, rule: ScalingRule::Linear, times: vec![1.0, 2.0] };
    assert_eq!(refused_at(&steep), ["grid.learning_rate"]);
}
