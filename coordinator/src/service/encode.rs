//! From what the store gives to messages, as far as [`Wire`] does not do it.

use chrono::{DateTime, Utc};
use domain::TrialSpec;
use domain::memory::micro_batch_cap;
use domain::run::{LeaseOrder, MemoryOfKind};
use prost::Message;
use proto::{Wire, v1};

use crate::cache::Shared;
use crate::store::StoreError;
use crate::store::checkpoint::Stale;
use crate::store::lease::Beat;
use crate::store::leased::LeasedTrial;
use crate::store::rows::Cursor;
use crate::store::sweep::{RunningTrial, SweepRow, TrialCounts};
use crate::store::token::TokenRow;
use crate::tasks::watches::Snapshot;

/// A sweep and how far it is.
pub fn sweep(row: &SweepRow) -> Result<v1::Sweep, StoreError> {
    let mut spec = row.spec.read(row.sweep_id)?.to_wire();
    // It may have been renamed since.
    spec.name = row.name.clone().unwrap_or_default();
    Ok(v1::Sweep { spec: Some(spec), ..without_spec(row) })
}

/// The same, but for what it is.
pub fn without_spec(row: &SweepRow) -> v1::Sweep {
    v1::Sweep {
        sweep_id: row.sweep_id.to_string(),
        name: row.name.clone().unwrap_or_default(),
        state: row.state.to_wire().into(),
        counts: Some(counts(&row.counts)),
        created_at: Some(timestamp(row.created_at)),
        finished_at: row.finished_at.map(timestamp),
        spec: None,
        source: row.source.clone(),
        weight: row.weight,
        tags: row.tags.clone(),
        pause_reason: row.pause_reason.clone().unwrap_or_default(),
    }
}

/// Trials by their status.
pub fn counts(counts: &TrialCounts) -> v1::TrialCounts {
    let TrialCounts {
        undecided,
        pending,
        running,
        succeeded,
        diverged,
        infeasible,
        stopped,
        skipped,
        failed,
        cancelled,
    } = *counts;
    v1::TrialCounts {
        undecided,
        pending,
        running,
        succeeded,
        diverged,
        infeasible,
        stopped,
        skipped,
        failed,
        cancelled,
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
        progress: share_done(&snapshot.sweep.counts, &snapshot.running),
    })
}

/// The share of the work that is done: each trial counts the same, a running one by its steps.
fn share_done(counts: &TrialCounts, running: &[RunningTrial]) -> f64 {
    if counts.all() == 0 {
        return 1.0;
    }
    let running = running.iter().map(|trial| &trial.progress).filter(|progress| progress.total_steps > 0);
    let running: f64 =
        running.map(|progress| (progress.step as f64 / progress.total_steps as f64).clamp(0.0, 1.0)).sum();
    (counts.ended() as f64 + running) / counts.all() as f64
}

fn running(trial: &RunningTrial) -> v1::RunningTrial {
    v1::RunningTrial {
        trial_id: trial.trial_id.to_string(),
        trial_index: trial.trial_index,
        batch_size: trial.batch_size,
        learning_rate: trial.learning_rate,
        seed: trial.seed,
        worker: trial.worker.clone(),
        attempt: trial.attempt.get(),
        progress: Some(trial.progress.to_wire()),
    }
}

/// A trial handed out, with what it shares with its sweep's others and what is known of its memory.
pub fn leased_trial(trial: LeasedTrial, shared: &Shared, memory: &[MemoryOfKind]) -> v1::LeasedTrial {
    let Shared { data, model, memory: limits } = shared.clone();
    let LeasedTrial { lease, settings, killed_at, .. } = trial;
    let cap = micro_batch_cap(settings.batch_size.get(), &killed_at);
    v1::LeasedTrial {
        micro_batch_cap: cap.unwrap_or(0),
        micro_batch_cap_reason: cap.map_or_else(String::new, |cap| after_kills(cap, &killed_at)),
        sweep_id: trial.sweep_id.to_string(),
        trial_index: trial.trial_index,
        memory: memory.iter().map(Wire::to_wire).collect(),
        checkpoint: trial.checkpoint.map(|checkpoint| checkpoint.to_wire()),
        data_sha256: trial.data_sha256.map(|hash| hash.to_string()).unwrap_or_default(),
        spec: Some(TrialSpec::new(data, model, limits, settings).to_wire()),
        lease: Some(lease.to_wire()),
    }
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
pub fn lease_reply(beat: &Beat, order: LeaseOrder) -> v1::LeaseReply {
    v1::LeaseReply { trial_id: beat.lease.trial_id.to_string(), order: order.to_wire().into() }
}

/// Checkpoints that a worker is to remove.
pub fn stale(stale: Stale) -> v1::StaleCheckpoints {
    v1::StaleCheckpoints { trial_id: stale.trial_id.to_string(), attempt: stale.attempt.get() }
}

/// Whether a table fits into one message.
pub fn fits(table: &v1::Table) -> bool {
    table.encoded_len() + 64 < proto::MAX_MESSAGE_BYTES
}

/// A place among rows as a page token; [`super::decode::wanted`] reads it.
pub fn cursor(cursor: Cursor) -> String {
    format!("{}/{}", cursor.trial_id, cursor.step)
}

/// A moment.
pub fn timestamp(moment: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: moment.timestamp(),
        // Within 0 and 2e9: a leap second is the most that chrono gives.
        nanos: i32::try_from(moment.timestamp_subsec_nanos()).unwrap_or(0),
    }
}

/// A length of time.
pub fn duration(length: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::run::Progress;
    use domain::units::{Attempt, TrialId};
    use uuid::Uuid;

    use super::*;

    fn running_trial(step: u64, total_steps: u64) -> RunningTrial {
        RunningTrial {
            trial_id: TrialId(Uuid::nil()),
            trial_index: 0,
            batch_size: 1,
            learning_rate: 0.1,
            seed: 0,
            worker: "w".to_owned(),
            attempt: Attempt::FIRST,
            progress: Progress { step, total_steps, ..Progress::default() },
        }
    }

    #[test]
    fn progress_counts_ended_trials_and_running_steps() {
        let counts = TrialCounts { pending: 1, running: 2, succeeded: 1, ..TrialCounts::default() };
        let done = share_done(&counts, &[running_trial(50, 100), running_trial(5, 0)]);
        assert!((done - 1.5 / 4.0).abs() < 1e-12, "{done}");
    }
}
