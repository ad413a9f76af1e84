//! Any sweep that the domain can say.

use domain::spec::{
    Argument, ArrayData, BatchSizeAxis, Budget, CifarData, CnnModel, DataSource, DataSpec, FileSource, Goal,
    GridSpec, IdxData, Labels, LearningRateAxis, Loss, MemorySpec, MicroBatchPolicy, MlpModel, ModelAxis,
    ModelSpec, Norm, Normalize, OptimizerKind, Precision, PythonCode, ResNetModel, ScalingRule, ScheduleKind,
    ScriptModel, SearchSpec, SeedRule, SyntheticData, Target, TargetMetric, TrainAxis, TrainKey, TrainSpec,
    Upload, Value,
};
use domain::units::{Bytes, ContentHash};
use proptest::prelude::*;

pub fn any_file() -> impl Strategy<Value = FileSource> {
    let upload = (".{0,9}", any::<[u8; 4]>(), any::<u64>()).prop_map(|(name, content, bytes)| {
        FileSource::Upload(Upload { name, hash: ContentHash::of(&content), bytes })
    });
    prop_oneof![".{0,9}".prop_map(FileSource::OnWorker), upload]
}

pub fn any_data() -> impl Strategy<Value = DataSpec> {
    let labels = prop_oneof![Just(Labels::Random), Just(Labels::Teacher)];
    let synthetic =
        (any::<u64>(), prop::collection::vec(any::<u64>(), 0..3), any::<u64>(), labels, any::<Option<u64>>())
            .prop_map(|(examples, features, classes, labels, seed)| {
                DataSource::Synthetic(SyntheticData { examples, features, classes, labels, seed })
            });
    let folders = (".{0,9}", 0usize..3).prop_map(|(path, format)| match format {
        0 => DataSource::Idx(IdxData { path }),
        1 => DataSource::Cifar10(CifarData { path }),
        _ => DataSource::Cifar100(CifarData { path }),
    });
    let names = prop::collection::vec("[a-z_]{1,5}", 0..3);
    let files = (any_file(), names, prop::option::of("[a-z_]{1,5}"), any::<bool>()).prop_map(
        |(file, inputs, target, is_npz)| {
            let arrays = ArrayData { file, inputs, target };
            if is_npz { DataSource::Npz(arrays) } else { DataSource::Safetensors(arrays) }
        },
    );
    let normalize = prop_oneof![Just(Normalize::Unit), Just(Normalize::Standard), Just(Normalize::None)];
    (
        prop_oneof![synthetic, folders, files, any_code().prop_map(DataSource::Python)],
        any::<u64>(),
        any::<Option<u64>>(),
        normalize,
    )
        .prop_map(|(source, validation, limit, normalize)| DataSpec {
            source,
            validation,
            limit,
            normalize,
        })
}

pub fn any_model() -> impl Strategy<Value = ModelSpec> {
    let sizes = || prop::collection::vec(any::<u64>(), 0..4);
    let norm = || prop_oneof![Just(Norm::None), Just(Norm::Batch), Just(Norm::Group)];
    prop_oneof![
        Just(ModelSpec::Linear),
        (sizes(), 0.0..1.0).prop_map(|(hidden, dropout)| ModelSpec::Mlp(MlpModel { hidden, dropout })),
        (sizes(), any::<u64>(), any::<u64>(), sizes(), 0.0..1.0, norm()).prop_map(
            |(channels, kernel, pooling, hidden, dropout, norm)| {
                ModelSpec::Cnn(CnnModel { channels, kernel, pooling, hidden, dropout, norm })
            }
        ),
        (any::<u64>(), any::<u64>(), norm())
            .prop_map(|(depth, width, norm)| ModelSpec::ResNet(ResNetModel { depth, width, norm })),
        any_file().prop_map(|file| ModelSpec::TorchScript(ScriptModel { file })),
        any_code().prop_map(ModelSpec::Python),
    ]
}

pub fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        (-1e9f64..1e9).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Flag),
        ".{0,9}".prop_map(Value::Word),
    ]
}

pub fn any_grid() -> impl Strategy<Value = GridSpec> {
    let batch_size =
        prop_oneof![
            prop::collection::vec(any::<u64>(), 0..4).prop_map(BatchSizeAxis::List),
            (any::<u64>(), any::<u64>(), any::<u64>())
                .prop_map(|(from, to, factor)| BatchSizeAxis::Geometric { from, to, factor }),
        ];
    let rule = prop_oneof![Just(ScalingRule::Linear), Just(ScalingRule::Sqrt)];
    let learning_rate =
        prop_oneof![
            prop::collection::vec(-1.0f64..1.0, 0..4).prop_map(LearningRateAxis::List),
            (0.0f64..1.0, 0.0f64..1.0, any::<u64>())
                .prop_map(|(from, to, count)| LearningRateAxis::LogSpaced { from, to, count }),
            (0.0f64..1.0, any::<u64>(), rule, prop::collection::vec(0.0f64..4.0, 0..3))
                .prop_map(|(base, at, rule, times)| LearningRateAxis::Scaled { base, at, rule, times }),
        ];
    let key = prop::sample::select(TrainKey::ALL.map(|(_, key)| key).to_vec());
    let axis =
        (key, prop::collection::vec(any_value(), 0..3)).prop_map(|(key, values)| TrainAxis { key, values });
    let of_model = (".{0,9}", prop::collection::vec(any_value(), 0..3))
        .prop_map(|(key, values)| ModelAxis { key, values });
    let others = (prop::collection::vec(axis, 0..3), prop::collection::vec(of_model, 0..3));
    (batch_size, learning_rate, others, prop::collection::vec(any::<u64>(), 0..3)).prop_map(
        |(batch_size, learning_rate, (train, model), seed)| GridSpec {
            batch_size,
            learning_rate,
            train,
            model,
            seed,
        },
    )
}

/// Code with an argument of each kind.
fn any_code() -> impl Strategy<Value = PythonCode> {
    let scalar = || any_value().prop_map(Argument::One);
    let list = prop::collection::vec(scalar(), 0..3).prop_map(Argument::List);
    let arguments = prop::collection::vec((".{0,9}", prop_oneof![scalar(), list]), 0..3);
    (any_file(), ".{0,9}", arguments).prop_map(|(file, function, arguments)| PythonCode {
        file,
        function,
        arguments,
    })
}

pub fn any_budget() -> impl Strategy<Value = Budget> {
    prop_oneof![
        any::<u64>().prop_map(Budget::Epochs),
        any::<u64>().prop_map(Budget::Steps),
        any::<u64>().prop_map(Budget::Examples),
    ]
}

fn one_of<T: Copy + std::fmt::Debug + 'static, const N: usize>(
    all: [(&'static str, T); N],
) -> impl Strategy<Value = T> {
    prop::sample::select(all.map(|(_, value)| value).to_vec())
}

pub fn any_train() -> impl Strategy<Value = TrainSpec> {
    let words = (
        one_of(OptimizerKind::ALL),
        one_of(Loss::ALL),
        one_of(ScheduleKind::ALL),
        one_of(Precision::ALL),
        one_of(TargetMetric::ALL),
    );
    let numbers = (0.0f64..1.0, any::<Option<bool>>(), 0.0f64..1.0, any::<u64>());
    (any_budget(), words, numbers, any::<[bool; 4]>()).prop_map(|(budget, words, numbers, flags)| TrainSpec {
        budget: Some(budget),
        optimizer: words.0,
        momentum: numbers.0,
        nesterov: flags[0],
        weight_decay: numbers.1.map(|_| numbers.2),
        beta1: numbers.0,
        beta2: numbers.1.map(|_| numbers.0),
        epsilon: numbers.2,
        loss: words.1,
        schedule: words.2,
        warmup_steps: numbers.3,
        shuffle: flags[1],
        precision: words.3,
        drop_last: flags[2],
        target: numbers.1.map(|_| Target { metric: words.4, below: numbers.0 }),
        stop_at_target: flags[3],
    })
}

pub fn any_memory() -> impl Strategy<Value = MemorySpec> {
    let policy = prop_oneof![
        Just(MicroBatchPolicy::Auto),
        Just(MicroBatchPolicy::Off),
        any::<u64>().prop_map(MicroBatchPolicy::Fixed),
    ];
    (any::<Option<u64>>(), policy)
        .prop_map(|(budget, micro_batch)| MemorySpec { budget: budget.map(Bytes), micro_batch })
}

pub fn any_search() -> impl Strategy<Value = SearchSpec> {
    let goal = prop::sample::select(Goal::ALL.map(|(_, goal)| goal).to_vec());
    let seeds = prop::sample::select(SeedRule::ALL.map(|(_, rule)| rule).to_vec());
    (goal, 0u32..70, seeds, any::<bool>(), any::<Option<u64>>()).prop_map(
        |(goal, extend, seeds, stop, max_trials)| SearchSpec { goal, extend, seeds, stop, max_trials },
    )
}
