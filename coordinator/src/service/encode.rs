//! From what the store gives to messages.

use chrono::{DateTime, Utc};
use domain::memory::micro_batch_cap;
use prost::Message;
use proto::v1;

use crate::store::checkpoint::Stale;
use crate::store::claim::LeasedRow;
use crate::store::lease::{Beat, Order};
use crate::store::rows::Place;
use crate::store::sweep::{self, RunningRow, SweepRow};
use crate::store::token::TokenRow;
use crate::store::worker::HeldState;
use crate::store::{StoreError, count, trial};
use crate::tasks::watches::Snapshot;

/// A sweep.
pub fn sweep(row: &SweepRow) -> Result<v1::Sweep, StoreError> {
    let state = match row.state.as_str() {
        "active" => v1::SweepState::Active,
        "paused" => v1::SweepState::Paused,
        "cancelled" => v1::SweepState::Cancelled,
        _ => v1::SweepState::Finished,
    };
    Ok(v1::Sweep {
        sweep_id: row.sweep_id.to_string(),
        name: row.name.clone().unwrap_or_default(),
        state: state.into(),
        counts: Some(counts(row)),
        created_at: Some(timestamp(row.created_at)),
        finished_at: row.finished_at.map(timestamp),
        spec: Some(sweep::decode_spec(row.sweep_id, &row.spec)?),
        source: row.source.clone(),
        weight: row.weight,
        pause_reason: row.pause_reason.clone().unwrap_or_default(),
    })
}

fn counts(row: &SweepRow) -> v1::TrialCounts {
    v1::TrialCounts {
        pending: count(row.pending),
        running: count(row.running),
        succeeded: count(row.succeeded),
        diverged: count(row.diverged),
        infeasible: count(row.infeasible),
        failed: count(row.failed),
        cancelled: count(row.cancelled),
    }
}

/// A token without its secret.
pub fn token(row: TokenRow) -> v1::TokenInfo {
    v1::TokenInfo {
        token_id: row.token_id.to_string(),
        name: row.name,
        scopes: row.scopes,
        created_at: Some(timestamp(row.created_at)),
        expires_at: row.expires_at.map(timestamp),
        revoked_at: row.revoked_at.map(timestamp),
        used_at: row.used_at.map(timestamp),
        valid: row.valid,
    }
}

/// A snapshot of a watched sweep.
pub fn snapshot(snapshot: &Snapshot) -> Result<v1::WatchSweepResponse, StoreError> {
    Ok(v1::WatchSweepResponse {
        sweep: Some(sweep(&snapshot.sweep)?),
        running: snapshot.running.iter().map(running).collect(),
        progress: progress(snapshot),
    })
}

/// The share of the work that is done: each trial counts the same, a running one by its steps.
fn progress(snapshot: &Snapshot) -> f64 {
    let counts = counts(&snapshot.sweep);
    let ended = counts.succeeded + counts.diverged + counts.infeasible + counts.failed + counts.cancelled;
    let trials = ended + counts.pending + counts.running;
    if trials == 0 {
        return 1.0;
    }
    let running: f64 = snapshot
        .running
        .iter()
        .filter(|trial| trial.total_steps > 0)
        .map(|trial| (trial.step as f64 / trial.total_steps as f64).clamp(0.0, 1.0))
        .sum();
    (ended as f64 + running) / trials as f64
}

fn running(row: &RunningRow) -> v1::RunningTrial {
    let phase = match row.phase.as_str() {
        "training" => v1::Phase::Training,
        "evaluating" => v1::Phase::Evaluating,
        _ => v1::Phase::Preparing,
    };
    v1::RunningTrial {
        trial_id: row.trial_id.to_string(),
        trial_index: count(row.trial_index),
        batch_size: count(row.batch_size),
        learning_rate: row.learning_rate,
        seed: count(row.seed),
        worker: row.worker.clone(),
        attempt: row.attempt.unsigned_abs(),
        progress: Some(v1::Progress {
            phase: phase.into(),
            step: count(row.step),
            total_steps: count(row.total_steps),
            train_loss: row.train_loss,
            micro_batch: count(row.micro_batch),
        }),
    }
}

/// A trial handed out.
pub fn leased_trial(row: &LeasedRow, spec: &v1::SweepSpec) -> Result<v1::LeasedTrial, StoreError> {
    let killed_at: Vec<_> = row.killed_at.iter().map(|&at| Some(count(at)).filter(|&at| at > 0)).collect();
    let micro_batch_cap = micro_batch_cap(count(row.batch_size), &killed_at);
    Ok(v1::LeasedTrial {
        micro_batch_cap: micro_batch_cap.unwrap_or(0),
        micro_batch_cap_reason: micro_batch_cap.map_or_else(String::new, |cap| after_kills(cap, &killed_at)),
        sweep_id: row.sweep_id.to_string(),
        trial_index: count(row.trial_index),
        memory: Vec::new(),
        checkpoint: checkpoint(row),
        data_sha256: row.data_sha256.clone().unwrap_or_default(),
        spec: Some(v1::TrialSpec {
            data: spec.data.clone(),
            model: spec.model.clone(),
            memory: spec.memory,
            settings: Some(trial::decode_settings(row.trial_id, &row.settings)?),
        }),
        lease: Some(v1::Lease {
            trial_id: row.trial_id.to_string(),
            attempt: row.attempt.unsigned_abs(),
            token: row.token.clone(),
        }),
    })
}

fn checkpoint(row: &LeasedRow) -> Option<v1::Checkpoint> {
    Some(v1::Checkpoint {
        attempt: row.checkpoint_attempt?.unsigned_abs(),
        step: count(row.checkpoint_step?),
        examples: count(row.checkpoint_examples?),
        last_seq: count(row.checkpoint_last_seq?),
        path: row.checkpoint_path.clone()?,
        sha256: row.checkpoint_sha256.clone()?,
        bytes: count(row.checkpoint_bytes?),
    })
}

/// Why a micro-batch is limited.
fn after_kills(cap: u64, killed_at: &[Option<u64>]) -> String {
    let times = if killed_at.len() == 1 {
        "an earlier attempt was".to_owned()
    } else {
        format!("{} earlier attempts were", killed_at.len())
    };
    let last = match killed_at.last() {
        Some(Some(micro_batch)) => format!("the last one with micro-batches of {micro_batch}"),
        _ => "the last one before its first step".to_owned(),
    };
    format!(
        "at most {cap} examples at a time: {times} killed by signal 9, {last}; most likely the host ran out of memory"
    )
}

/// What a worker does with a lease.
pub fn lease_reply(beat: &Beat, order: Order) -> v1::LeaseReply {
    let order = match order {
        Order::Continue => v1::LeaseOrder::Continue,
        Order::Lost => v1::LeaseOrder::Lost,
        Order::Stop => v1::LeaseOrder::Stop,
        Order::HandOver => v1::LeaseOrder::HandOver,
    };
    v1::LeaseReply { trial_id: beat.key.trial_id.to_string(), order: order.into() }
}

/// Checkpoints that a worker is to remove.
pub fn stale(stale: Stale) -> v1::StaleCheckpoints {
    v1::StaleCheckpoints {
        trial_id: stale.trial_id.to_string(),
        attempt: u32::try_from(stale.attempt).unwrap_or_default(),
    }
}

/// Whether a table fits into one message.
pub fn fits(table: &v1::Table) -> bool {
    table.encoded_len() + 64 < proto::MAX_MESSAGE_BYTES
}

/// A place among rows as a page token; [`super::decode::place`] reads it.
pub fn place(place: &Place) -> String {
    format!("{}/{}", place.trial_id, place.step)
}

/// A moment.
pub fn timestamp(moment: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: moment.timestamp(),
        // Within 0 and 2e9: a leap second is the most that chrono tells.
        nanos: i32::try_from(moment.timestamp_subsec_nanos()).unwrap_or(0),
    }
}

/// A length of time.
pub fn duration(length: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(length).unwrap_or_default()
}

/// What became of a lease that a worker showed.
pub fn held_state(state: HeldState) -> i32 {
    let state = match state {
        HeldState::Ours => v1::HeldState::Ours,
        HeldState::Lost => v1::HeldState::Lost,
        HeldState::Unknown => v1::HeldState::Unknown,
    };
    state.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn sweep_row(pending: i64, running: i64, succeeded: i64) -> SweepRow {
        SweepRow {
            sweep_id: Uuid::nil(),
            name: None,
            spec: Vec::new(),
            source: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            weight: 1.0,
            pause_reason: None,
            state: "active".to_owned(),
            pending,
            running,
            succeeded,
            diverged: 0,
            infeasible: 0,
            failed: 0,
            cancelled: 0,
            finished_at: None,
        }
    }

    fn running_row(step: i64, total_steps: i64) -> RunningRow {
        RunningRow {
            trial_id: Uuid::nil(),
            trial_index: 0,
            batch_size: 1,
            learning_rate: 0.1,
            seed: 0,
            worker: "w".to_owned(),
            attempt: 1,
            phase: "training".to_owned(),
            step,
            total_steps,
            train_loss: None,
            micro_batch: 1,
        }
    }

    #[test]
    fn progress_counts_ended_trials_and_running_steps() {
        let running = vec![running_row(50, 100), running_row(5, 0)];
        let progress = progress(&Snapshot { sweep: sweep_row(1, 2, 1), running });
        assert!((progress - 1.5 / 4.0).abs() < 1e-12, "{progress}");
    }
}
