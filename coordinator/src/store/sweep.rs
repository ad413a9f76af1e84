//! Sweeps: what was submitted, and how far they are.

use chrono::{DateTime, Utc};
use domain::SweepSpec;
use domain::lifecycle::SweepState;
use domain::run::Progress;
use domain::units::{Attempt, ContentHash, RequestId, SweepId, SweepWeight, TrialId};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::columns::{attempt, column, count, word};
use super::encoded::EncodedSpec;
use super::{Result, StoreError};

/// A sweep to submit.
#[derive(Debug)]
pub struct NewSweep<'a> {
    /// Its id, if it is new.
    pub sweep_id: SweepId,
    /// What it is.
    pub spec: &'a SweepSpec,
    /// The sweep file as typed.
    pub source: &'a str,
    /// Names the request: the same again is the same sweep.
    pub request_id: RequestId,
    /// Its share of the workers beside other sweeps.
    pub weight: SweepWeight,
}

/// A sweep and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRow {
    /// Its id.
    pub sweep_id: SweepId,
    /// What people call it.
    pub name: Option<String>,
    /// What it is.
    pub spec: EncodedSpec,
    /// The sweep file as typed; empty in listings.
    pub source: String,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// Its share of the workers beside other sweeps.
    pub weight: f64,
    /// Words that people gave it, sorted, each once.
    pub tags: Vec<String>,
    /// Why it was paused by itself; `None` where somebody paused it, or it is not paused.
    pub pause_reason: Option<String>,
    /// Whether its trials are handed out, and if not, why.
    pub state: SweepState,
    /// Its trials.
    pub counts: TrialCounts,
    /// When the last trial ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl SweepRow {
    /// Whether every trial has ended, and none is still to come.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == SweepState::Finished
    }
}

/// Trials of a sweep by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrialCounts {
    /// Not decided on by the sweep's search.
    pub undecided: u64,
    /// Waiting.
    pub pending: u64,
    /// On a worker.
    pub running: u64,
    /// Trained to the end.
    pub succeeded: u64,
    /// Left the finite numbers, or nearly.
    pub diverged: u64,
    /// Did not fit.
    pub infeasible: u64,
    /// Ended early by the sweep's search.
    pub stopped: u64,
    /// Left out by the sweep's search.
    pub skipped: u64,
    /// Out of tries.
    pub failed: u64,
    /// Stopped by somebody.
    pub cancelled: u64,
}

impl TrialCounts {
    /// Those that have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        let results = self.succeeded + self.diverged + self.infeasible + self.stopped;
        results + self.skipped + self.failed + self.cancelled
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.ended() + self.undecided + self.pending + self.running
    }
}

/// A sweep out of the columns that two queries give.
macro_rules! sweep_row {
    ($row:ident) => {
        Ok(SweepRow {
            sweep_id: $row.sweep_id.into(),
            name: $row.name,
            spec: $row.spec.into(),
            source: $row.source,
            created_at: $row.created_at,
            weight: $row.weight,
            tags: $row.tags,
            pause_reason: $row.pause_reason,
            state: word("the state of a sweep", &$row.state)?,
            counts: TrialCounts {
                undecided: count($row.undecided),
                pending: count($row.pending),
                running: count($row.running),
                succeeded: count($row.succeeded),
                diverged: count($row.diverged),
                infeasible: count($row.infeasible),
                stopped: count($row.stopped),
                skipped: count($row.skipped),
                failed: count($row.failed),
                cancelled: count($row.cancelled),
            },
            finished_at: $row.finished_at,
        })
    };
}

/// A trial that runs now.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningTrial {
    /// Its id.
    pub trial_id: TrialId,
    /// Place in the grid, from 0.
    pub trial_index: u64,
    /// Examples per optimizer step.
    pub batch_size: u64,
    /// The learning rate at its full height.
    pub learning_rate: f64,
    /// Seeds its weights and the order of its data.
    pub seed: u64,
    /// The worker's name.
    pub worker: String,
    /// Which attempt.
    pub attempt: Attempt,
    /// As its worker reported it last.
    pub progress: Progress,
}

/// Stores a sweep's row. `None` when it is new and its trials are still to be stored; else the sweep that the same
/// request made before.
///
/// # Errors
/// [`StoreError::RequestIdReused`] when the request id was used for another sweep.
pub async fn insert(connection: &mut PgConnection, new: &NewSweep<'_>) -> Result<Option<SweepId>> {
    let spec = EncodedSpec::of(new.spec);
    // Of all that was asked.
    let request_hash = Sha256::new().chain_update(spec.bytes()).chain_update(new.source).finalize();
    let inserted = sqlx::query_file!(
        "queries/sweep/insert_sweep.sql",
        new.sweep_id.0,
        new.spec.name.as_deref(),
        spec.bytes(),
        new.source,
        new.request_id.0,
        &request_hash[..],
        new.weight.get(),
        new.spec.runs_code(),
    )
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(None);
    }
    let earlier = sqlx::query_file!("queries/sweep/sweep_by_request.sql", new.request_id.0)
        .fetch_one(connection)
        .await?;
    if earlier.request_hash == request_hash[..] {
        Ok(Some(earlier.sweep_id.into()))
    } else {
        Err(StoreError::RequestIdReused(new.request_id))
    }
}

/// One sweep.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn get(connection: &mut PgConnection, sweep_id: SweepId) -> Result<SweepRow> {
    let row = sqlx::query_file!("queries/sweep/get_sweep.sql", sweep_id.0)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { kind: "sweep", name: sweep_id.to_string(), near: None })?;
    sweep_row!(row)
}

/// At most `limit` sweeps, newest first, older than the one named.
///
/// # Errors
/// As any query.
pub async fn list(
    connection: &mut PgConnection,
    before: Option<SweepId>,
    limit: i64,
) -> Result<Vec<SweepRow>> {
    let before = before.map(uuid::Uuid::from);
    let rows =
        sqlx::query_file!("queries/sweep/list_sweeps.sql", before, limit).fetch_all(connection).await?;
    rows.into_iter().map(|row| sweep_row!(row)).collect()
}

/// Has a sweep ask for more cells.
///
/// # Errors
/// As any query.
pub async fn grow(connection: &mut PgConnection, sweep_id: SweepId, spec: &SweepSpec) -> Result<()> {
    let spec = EncodedSpec::of(spec);
    sqlx::query_file!("queries/sweep/grow_sweep.sql", sweep_id.0, spec.bytes()).execute(connection).await?;
    Ok(())
}

/// The trials of a sweep that run now, in grid order.
///
/// # Errors
/// As any query.
pub async fn running(connection: &mut PgConnection, sweep_id: SweepId) -> Result<Vec<RunningTrial>> {
    let rows =
        sqlx::query_file!("queries/sweep/running_trials.sql", sweep_id.0).fetch_all(connection).await?;
    let running = rows.into_iter().map(|row| {
        Ok(RunningTrial {
            trial_id: row.trial_id.into(),
            trial_index: count(row.trial_index),
            batch_size: count(row.batch_size),
            learning_rate: row.learning_rate,
            seed: count(row.seed),
            worker: row.worker,
            attempt: attempt(row.attempt)?,
            progress: Progress {
                phase: word("the phase of a trial", &row.phase)?,
                step: count(row.step),
                total_steps: count(row.total_steps),
                train_loss: row.train_loss,
                micro_batch: count(row.micro_batch),
            },
        })
    });
    running.collect()
}

/// Keeps the hash of the files that a fleet trains a sweep's trials on, unless one is kept already. Gives the one that is.
///
/// # Errors
/// As any query.
pub async fn keep_data_sha256(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    fleet: &str,
    sha256: ContentHash,
) -> Result<Option<ContentHash>> {
    sqlx::query_file!("queries/sweep/keep_data_sha256.sql", sweep_id.0, fleet, sha256.to_string())
        .execute(&mut *connection)
        .await?;
    let kept = sqlx::query_file_scalar!("queries/sweep/data_sha256.sql", sweep_id.0, fleet)
        .fetch_optional(connection)
        .await?;
    kept.map(|hash| word("the hash of a sweep's data", &hash)).transpose()
}

/// What these sweeps are.
///
/// # Errors
/// As any query.
pub async fn specs(
    connection: &mut PgConnection,
    sweep_ids: &[SweepId],
) -> Result<Vec<(SweepId, EncodedSpec)>> {
    let sweeps = column(sweep_ids, |sweep_id| sweep_id.0);
    let rows = sqlx::query_file!("queries/sweep/specs_of_sweeps.sql", &sweeps).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.sweep_id.into(), row.spec.into())).collect())
}

/// How a sweep is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// Running trials finish and keep their results.
    Drain,
    /// Running trials stop at once.
    Stop,
}

impl Cancel {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Stop => "stop",
        }
    }

    fn read(text: &str) -> Result<Self> {
        let found = [Self::Drain, Self::Stop].into_iter().find(|how| how.word() == text);
        found.ok_or_else(|| StoreError::corrupt("how a sweep was cancelled", text))
    }
}

/// A sweep's flags.
#[derive(Debug)]
pub(super) struct Locked {
    pub is_finished: bool,
    pub cancelled: Option<Cancel>,
    pub is_paused: bool,
    /// Trials that wait, or wait to be decided on.
    pub waiting: u64,
}

/// Locks a sweep, so that two changes of its flags follow one another.
pub(super) async fn lock(connection: &mut PgConnection, sweep_id: SweepId) -> Result<Locked> {
    let row = sqlx::query_file!("queries/sweep/lock_sweep.sql", sweep_id.0).fetch_one(connection).await?;
    let state: SweepState = word("the state of a sweep", &row.state)?;
    Ok(Locked {
        is_finished: state == SweepState::Finished,
        cancelled: row.cancelled.as_deref().map(Cancel::read).transpose()?,
        is_paused: row.paused,
        waiting: count(row.waiting),
    })
}
