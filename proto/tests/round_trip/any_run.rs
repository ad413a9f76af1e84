//! Anything that a run can say.

use domain::lifecycle::Outcome;
use domain::memory::{KnownMemory, MemoryParts, MicroBatchSearch, StaticParts};
use domain::problem::TaskKind;
use domain::run::{
    Accumulation, Checkpoint, Findings, Lease, LeaseToken, LogLevel, LogLine, MemoryOfKind, MetricName,
    MetricPoint, PeakMemory, Phase, Place, Progress, ReachedTarget, Record, Resumed, SeedSets, Split,
    SplitKind, TrialResult,
};
use domain::units::{Attempt, ContentHash, TrialId};
use prop::option::of as maybe;
use prop::sample::select;
use proptest::prelude::*;

fn any_attempt() -> impl Strategy<Value = Attempt> {
    (1..=i64::from(i32::MAX)).prop_map(|number| Attempt::try_from(number).unwrap())
}

fn any_hash() -> impl Strategy<Value = ContentHash> {
    any::<[u8; 4]>().prop_map(|content| ContentHash::of(&content))
}

/// A finite number.
fn any_number() -> impl Strategy<Value = f64> {
    prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL
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

pub fn any_findings() -> impl Strategy<Value = Findings> {
    let of_kind = (any_hash(), ".{0,9}", any_search(), any_search()).prop_map(
        |(kind, description, whole, accumulated)| {
            let memory = KnownMemory { whole, accumulated };
            MemoryOfKind { kind, description, memory }
        },
    );
    (maybe(any_hash()), prop::collection::vec(of_kind, 0..3))
        .prop_map(|(data_sha256, memory)| Findings { data_sha256, memory })
}

pub fn any_lease() -> impl Strategy<Value = Lease> {
    (any::<u128>(), any_attempt(), any::<[u8; 16]>()).prop_map(|(id, attempt, token)| Lease {
        trial_id: TrialId(uuid::Uuid::from_u128(id)),
        attempt,
        token: LeaseToken(token.to_vec()),
    })
}

pub fn any_progress() -> impl Strategy<Value = Progress> {
    (select(&Phase::ALL[..]), any::<u64>(), any::<u64>(), maybe(any_number()), any::<u64>()).prop_map(
        |(phase, step, total_steps, train_loss, micro_batch)| Progress {
            phase,
            step,
            total_steps,
            train_loss,
            micro_batch,
        },
    )
}

pub fn any_checkpoint() -> impl Strategy<Value = Checkpoint> {
    (any_attempt(), any::<[u64; 4]>(), ".{0,9}", any_hash()).prop_map(
        |(attempt, [step, examples, last_seq, bytes], path, sha256)| Checkpoint {
            attempt,
            step,
            examples,
            last_seq,
            path,
            sha256,
            bytes,
        },
    )
}

fn any_metric_name() -> impl Strategy<Value = MetricName> {
    let own = "[a-z_][a-z0-9_]{0,9}".prop_map(|name| name.parse().unwrap());
    prop_oneof![select(&MetricName::ALL[..]), own]
}

pub fn any_record() -> impl Strategy<Value = Record> {
    let metric = (any_metric_name(), any::<[u64; 2]>(), any_number(), any_number()).prop_map(
        |(name, [step, examples], seconds, value)| {
            let place = Place { step, examples, seconds };
            Record::Metric(MetricPoint { name, place, value })
        },
    );
    let kind = select(vec![SplitKind::Planned, SplitKind::Realized]);
    let split = (kind, any::<[u64; 4]>(), ".{0,9}").prop_map(
        |(kind, [from_step, micro_batch, accumulation_steps, predicted_peak_bytes], reason)| {
            Record::Split(Split {
                kind,
                from_step,
                micro_batch,
                accumulation_steps,
                reason,
                predicted_peak_bytes,
            })
        },
    );
    let level = select(vec![LogLevel::Info, LogLevel::Warning, LogLevel::Error]);
    let line = (level, ".{0,9}").prop_map(|(level, text)| Record::Log(LogLine { level, text }));
    let resumed = (any_attempt(), any::<u64>(), any::<u64>())
        .prop_map(|(attempt, last_seq, step)| Record::Resumed(Resumed { attempt, last_seq, step }));
    prop_oneof![metric, split, line, resumed]
}

fn any_memory() -> impl Strategy<Value = PeakMemory> {
    (any::<[u64; 9]>(), any::<Option<u64>>()).prop_map(
        |(
            [parameters, gradients, state, batch, activations, resident, peak, reserved, predicted],
            budget,
        )| {
            PeakMemory {
                parts: MemoryParts {
                    fixed: StaticParts {
                        parameter_bytes: parameters,
                        gradient_bytes: gradients,
                        optimizer_state_bytes: state,
                    },
                    batch_bytes: batch,
                    activation_bytes: activations,
                    resident_data_bytes: resident,
                },
                peak_bytes: peak,
                peak_reserved_bytes: reserved,
                predicted_peak_bytes: predicted,
                budget_bytes: budget,
            }
        },
    )
}

pub fn any_result() -> impl Strategy<Value = TrialResult> {
    let outcome = select(vec![Outcome::Succeeded, Outcome::Diverged, Outcome::Infeasible, Outcome::Stopped]);
    let accumulation = select(vec![Accumulation::None, Accumulation::Exact, Accumulation::Approximate]);
    let words = (outcome, accumulation, ".{0,9}", ".{0,9}");
    let losses = prop::array::uniform11(maybe(any_number()));
    let target =
        maybe((any::<[u64; 2]>(), any_number()).prop_map(|([steps, examples], seconds)| ReachedTarget {
            steps,
            examples,
            seconds,
        }));
    let seed_sets =
        maybe(any::<[bool; 3]>().prop_map(|[data, weights, order]| SeedSets { data, weights, order }));
    let task = maybe(select(TaskKind::ALL.map(|(_, task)| task).to_vec()));
    let metrics = prop::collection::vec((any_metric_name(), any_number()), 0..3);
    let rest = (any_memory(), seed_sets, task, maybe(any::<u64>()), metrics);
    (words, any::<[u64; 5]>(), [any_number(), any_number()], losses, target, rest).prop_map(
        |(
            (outcome, accumulation, message, device),
            counts,
            [epochs, train_seconds],
            losses,
            target,
            (memory, seed_sets, task, tokens, metrics),
        )| {
            TrialResult {
                outcome,
                message,
                micro_batch: counts[0],
                accumulation_steps: counts[1],
                accumulation,
                device,
                steps: counts[2],
                examples: counts[3],
                epochs,
                first_train_loss: losses[0],
                final_train_loss: losses[1],
                train_set_loss: losses[2],
                last_epoch_train_loss: losses[3],
                train_loss_std: losses[4],
                final_validation_loss: losses[5],
                final_validation_accuracy: losses[6],
                best_validation_loss: losses[7],
                best_validation_accuracy: losses[8],
                reached_target: target,
                train_seconds,
                examples_per_second: losses[9],
                memory,
                oom_count: counts[4],
                gradient_noise_scale: losses[10],
                task,
                tokens,
                metrics,
                seed_sets,
            }
        },
    )
}
