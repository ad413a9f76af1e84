//! Whatever the domain can say crosses the wire unchanged; whatever comes off the wire is answered, not panicked at.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use domain::memory::{KnownMemory, MicroBatchSearch};
use domain::spec::{
    BatchSizeAxis, Budget, CifarData, CnnModel, DataSource, DataSpec, FileSource, GridSpec, IdxData, Labels,
    LearningRateAxis, Loss, MemorySpec, MicroBatchPolicy, MlpModel, ModelSpec, Norm, Normalize,
    OptimizerKind, Precision, ResNetModel, SafetensorsData, ScalingRule, ScheduleKind, ScriptModel,
    SweepDraft, SyntheticData, Target, TargetMetric, TrainAxis, TrainKey, TrainSpec, TrialSettings,
    TrialSpec, Upload, Value,
};
use domain::units::{BatchSize, Bytes, ContentHash, LearningRate};
use proptest::prelude::*;
use prost::Message;
use proto::{frame, from_wire, to_wire, v1};

fn any_file() -> impl Strategy<Value = FileSource> {
    let upload = (".{0,9}", any::<[u8; 4]>(), any::<u64>()).prop_map(|(name, content, bytes)| {
        FileSource::Upload(Upload { name, hash: ContentHash::of(&content), bytes })
    });
    prop_oneof![".{0,9}".prop_map(FileSource::OnWorker), upload]
}

fn any_data() -> impl Strategy<Value = DataSpec> {
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
    let files = any_file().prop_map(|file| DataSource::Safetensors(SafetensorsData { file }));
    let normalize = prop_oneof![Just(Normalize::Unit), Just(Normalize::Standard), Just(Normalize::None)];
    (prop_oneof![synthetic, folders, files], any::<u64>(), any::<Option<u64>>(), normalize)
        .prop_map(|(source, validation, limit, normalize)| DataSpec { source, validation, limit, normalize })
}

fn any_model() -> impl Strategy<Value = ModelSpec> {
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
    ]
}

fn any_search() -> impl Strategy<Value = MicroBatchSearch> {
    let steps = || prop::collection::vec((1..u64::MAX, any::<u64>()), 0..5);
    (steps(), steps()).prop_map(|(fits, failures)| {
        let mut search = MicroBatchSearch::default();
        fits.into_iter().for_each(|(micro_batch, bytes)| search.record_fit(micro_batch, bytes));
        failures.into_iter().for_each(|(micro_batch, room)| search.record_failure(micro_batch, room));
        search
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        (-1e9f64..1e9).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Flag),
        ".{0,9}".prop_map(Value::Word),
    ]
}

fn any_grid() -> impl Strategy<Value = GridSpec> {
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
    (batch_size, learning_rate, prop::collection::vec(axis, 0..3), prop::collection::vec(any::<u64>(), 0..3))
        .prop_map(|(batch_size, learning_rate, train, seed)| GridSpec {
            batch_size,
            learning_rate,
            train,
            seed,
        })
}

fn any_budget() -> impl Strategy<Value = Budget> {
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

fn any_train() -> impl Strategy<Value = TrainSpec> {
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

fn any_memory() -> impl Strategy<Value = MemorySpec> {
    let policy = prop_oneof![
        Just(MicroBatchPolicy::Auto),
        Just(MicroBatchPolicy::Off),
        any::<u64>().prop_map(MicroBatchPolicy::Fixed),
    ];
    (any::<Option<u64>>(), policy)
        .prop_map(|(budget, micro_batch)| MemorySpec { budget: budget.map(Bytes), micro_batch })
}

proptest! {
    #[test]
    fn a_sweep_crosses_the_wire_unchanged(
        name in prop::option::of("[a-z]{1,9}"),
        data in any_data(),
        model in any_model(),
        grid in any_grid(),
        train in any_train(),
        memory in any_memory(),
    ) {
        let sweep = SweepDraft { name, data, model, grid, train, memory };
        let bytes = to_wire::sweep(&sweep).encode_to_vec();
        let back = from_wire::sweep(v1::SweepSpec::decode(bytes.as_slice()).unwrap());
        prop_assert_eq!(back, Ok(sweep));
    }

    #[test]
    fn a_trial_crosses_the_wire_unchanged(
        data in any_data(),
        model in any_model(),
        memory in any_memory(),
        train in any_train(),
        batch_size in 1u64..=BatchSize::MAX,
        learning_rate in 1e-9f64..1e9,
        seed in any::<u64>(),
    ) {
        let settings = TrialSettings {
            batch_size: BatchSize::try_new(batch_size).unwrap(),
            learning_rate: LearningRate::try_new(learning_rate).unwrap(),
            seed,
            budget: train.budget.unwrap(),
            train,
        };
        let trial = TrialSpec { data, model, memory, settings };
        prop_assert_eq!(from_wire::trial(to_wire::trial(&trial)), Ok(trial));
    }

    #[test]
    fn known_memory_crosses_the_wire_unchanged(whole in any_search(), accumulated in any_search()) {
        let known = KnownMemory { whole, accumulated };
        let bytes = to_wire::known_memory("ab", "a kind", &known).encode_to_vec();
        let message = v1::KnownMemory::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!((message.kind.as_str(), message.description.as_str()), ("ab", "a kind"));
        prop_assert_eq!(from_wire::known_memory(&message), known);
    }

    #[test]
    fn whatever_a_sweep_says_is_checked_without_a_panic(
        name in prop::option::of("\\PC{0,9}"),
        data in any_data(),
        model in any_model(),
        grid in any_grid(),
        train in any_train(),
        memory in any_memory(),
        odd in prop::num::f64::ANY,
    ) {
        let plain = SweepDraft { name, data, model, grid, train, memory };
        let mut odder = plain.clone();
        odder.grid.learning_rate =
            LearningRateAxis::Scaled { base: odd, at: 1, rule: ScalingRule::Sqrt, times: vec![odd, 1.0] };
        odder.train.weight_decay = Some(odd);
        for draft in [plain, odder] {
            let count = draft.grid.trial_count();
            if let Ok(sweep) = domain::SweepSpec::try_new(draft) {
                prop_assert_eq!(Some(domain::expand(&sweep).len() as u64), count);
            }
        }
    }

    #[test]
    fn a_damaged_message_is_answered_without_a_panic(
        grid in any_grid(),
        train in any_train(),
        data in any_data(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let memory = MemorySpec { budget: None, micro_batch: MicroBatchPolicy::Auto };
        let sweep = SweepDraft { name: None, data, model: ModelSpec::Linear, grid, train, memory };
        let mut bytes = to_wire::sweep(&sweep).encode_to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for bytes in [&bytes[..], &bytes[..end.index(bytes.len())]] {
            if let Ok(message) = v1::SweepSpec::decode(bytes) {
                let _ = from_wire::sweep(message).map(domain::SweepSpec::try_new);
            }
        }
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = v1::SweepSpec::decode(bytes.as_slice()) {
            let _ = from_wire::sweep(message).map(domain::SweepSpec::try_new);
        }
        if let Ok(message) = v1::TrialSpec::decode(bytes.as_slice()) {
            let _ = from_wire::trial(message);
        }
        if let Ok(message) = v1::KnownMemory::decode(bytes.as_slice()) {
            let _ = from_wire::known_memory(&message);
        }
        if let Ok(message) = v1::TrialResult::decode(bytes.as_slice()) {
            let _ = from_wire::outcome(message.outcome());
            let _ = message.memory.as_ref().map(from_wire::memory_parts);
        }
    }

    /// Between an agent and its trainer: one of them may be dying.
    #[test]
    fn any_bytes_between_agent_and_trainer_are_read_without_a_panic(
        claimed in prop::option::of(0u32..300),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let length = claimed.map(u32::to_be_bytes);
        let stream = [length.as_ref().map_or(&[][..], |length| &length[..]), &bytes].concat();
        let mut events = stream.as_slice();
        while let Ok(Some(v1::TrainerEvent { .. })) = frame::read(&mut events) {}
        let mut requests = stream.as_slice();
        while let Ok(Some(v1::TrainerRequest { .. })) = frame::read(&mut requests) {}
    }
}

#[test]
fn what_is_left_out_is_named() {
    let error = from_wire::sweep(v1::SweepSpec::default()).unwrap_err();
    assert_eq!(error.to_string(), "`data` is missing");
}
