//! Whatever the domain can say crosses the wire unchanged; whatever comes off the wire is answered, not panicked at.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

mod any_run;
mod any_spec;

use domain::run::{Checkpoint, Findings, Lease, Progress, Record, TrialResult};
use domain::spec::{
    LearningRateAxis, MemorySpec, MicroBatchPolicy, ModelSpec, ScalingRule, SearchSpec, SweepDraft,
    TrialSettings, TrialSpec,
};
use domain::units::{BatchSize, LearningRate};
use proptest::prelude::*;
use prost::Message;
use proto::{Wire, WireError, frame, v1};

use any_run::{any_checkpoint, any_findings, any_lease, any_progress, any_record, any_result};
use any_spec::{any_data, any_grid, any_memory, any_model, any_search, any_train, any_value};

/// What comes out at the other end.
fn sent<T: Wire<Message: Message + Default>>(value: &T) -> Result<T, WireError> {
    T::from_wire(T::Message::decode(value.to_wire().encode_to_vec().as_slice()).unwrap())
}

/// Any bytes are a message, none, or an error; never a panic.
fn read<T: Wire<Message: Message + Default>>(bytes: &[u8]) -> Option<T> {
    T::Message::decode(bytes).ok().and_then(|message| T::from_wire(message).ok())
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
        search in any_search(),
    ) {
        let sweep = SweepDraft { name, data, model, grid, train, memory, search };
        prop_assert_eq!(sent(&sweep), Ok(sweep));
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
        settings_of_model in prop::collection::vec((".{0,9}", any_value()), 0..3),
    ) {
        let settings = TrialSettings {
            model: settings_of_model,
            batch_size: BatchSize::try_new(batch_size).unwrap(),
            learning_rate: LearningRate::try_new(learning_rate).unwrap(),
            seed,
            budget: train.budget.unwrap(),
            train,
        };
        let trial = TrialSpec { data, model, memory, settings };
        prop_assert_eq!(sent(&trial), Ok(trial));
    }

    #[test]
    fn what_a_run_says_crosses_the_wire_unchanged(
        record in any_record(),
        result in any_result(),
        progress in any_progress(),
        findings in any_findings(),
        lease in any_lease(),
        checkpoint in any_checkpoint(),
    ) {
        prop_assert_eq!(sent(&record), Ok(record));
        prop_assert_eq!(sent(&result), Ok(result));
        prop_assert_eq!(sent(&progress), Ok(progress));
        prop_assert_eq!(sent(&findings), Ok(findings));
        prop_assert_eq!(sent(&lease), Ok(lease));
        prop_assert_eq!(sent(&checkpoint), Ok(checkpoint));
    }

    #[test]
    fn whatever_a_sweep_says_is_checked_without_a_panic(
        name in prop::option::of("\\PC{0,9}"),
        data in any_data(),
        model in any_model(),
        grid in any_grid(),
        train in any_train(),
        memory in any_memory(),
        search in any_search(),
        odd in prop::num::f64::ANY,
    ) {
        let plain = SweepDraft { name, data, model, grid, train, memory, search };
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
        let sweep =
            SweepDraft { name: None, data, model: ModelSpec::Linear, grid, train, memory, search: SearchSpec::default() };
        let mut bytes = sweep.to_wire().encode_to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for bytes in [&bytes[..], &bytes[..end.index(bytes.len())]] {
            let _ = read(bytes).map(domain::SweepSpec::try_new);
        }
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes).map(domain::SweepSpec::try_new);
        let _ = read::<TrialSpec>(&bytes);
        let _ = read::<Findings>(&bytes);
        let _ = read::<TrialResult>(&bytes);
        let _ = read::<Record>(&bytes);
        let _ = read::<Progress>(&bytes);
        let _ = read::<Lease>(&bytes);
        let _ = read::<Checkpoint>(&bytes);
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
    let error = SweepDraft::from_wire(v1::SweepSpec::default()).unwrap_err();
    assert_eq!(error.to_string(), "`data` is missing");
}

#[test]
fn a_target_is_reached_at_a_whole_place_or_not_at_all() {
    let outcome = v1::Outcome::Succeeded.into();
    let accumulation = v1::Accumulation::None.into();
    let memory = Some(v1::Memory::default());
    let whole = v1::TrialResult { outcome, accumulation, memory, ..v1::TrialResult::default() };
    assert!(TrialResult::from_wire(whole.clone()).unwrap().reached_target.is_none());
    let half = v1::TrialResult { steps_to_target: Some(7), ..whole };
    assert!(TrialResult::from_wire(half).unwrap_err().to_string().contains("comes together"));
}
