//! Searches: trials of a sweep with `[search]` are undecided until `domain::search` chooses them or leaves them out. Each
//! decision is stored in the transaction that carries it out, so whoever decides next, in whatever process, knows the same.

use std::collections::BTreeMap;

use domain::PlannedTrial;
use domain::analysis::{ScoreMetric, TrialRecord};
use domain::lifecycle::{TrialEvent, TrialStatus};
use domain::run::MetricName;
use domain::search::{Course, DecisionAt, State, Steps, SweepSearch};
use domain::spec::{SearchSpec, SweepDraft};
use domain::units::SweepId;
use sqlx::PgConnection;

use super::columns::{bigint, column, count, word};
use super::encoded::EncodedSpec;
use super::{Result, StoreError, trial};

/// Trials that one search has open at most, however many workers there are.
const MOST_AT_ONCE: u64 = 256;

/// A search that goes on, and what its next decisions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSearch {
    /// Its sweep.
    pub sweep_id: SweepId,
    /// The same at a later look: there is nothing to decide.
    pub seen: Seen,
}

/// How much has happened in a sweep, and how many workers there are for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    open: u64,
    begun: u64,
    attempts: u64,
    steps: u64,
    workers: u64,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decided {
    /// Trials that went into the queue.
    pub begun: usize,
    /// Whether every trial is decided on.
    pub is_over: bool,
}

/// Begins the search of a new sweep, whose trials are stored as undecided.
///
/// # Errors
/// As any query.
pub async fn begin(connection: &mut PgConnection, sweep_id: SweepId, spec: &SearchSpec) -> Result<()> {
    sqlx::query_file!("queries/search/insert_search.sql", sweep_id.0, spec.stop).execute(connection).await?;
    Ok(())
}

/// The searches that may decide something: not those of sweeps that are paused or were cancelled.
///
/// # Errors
/// As any query.
pub async fn open(connection: &mut PgConnection) -> Result<Vec<OpenSearch>> {
    let rows = sqlx::query_file!("queries/search/open_searches.sql").fetch_all(connection).await?;
    Ok(column(&rows, |row| OpenSearch {
        sweep_id: row.sweep_id.into(),
        seen: Seen {
            open: count(row.open),
            begun: count(row.begun),
            attempts: count(row.attempts),
            steps: count(row.steps),
            workers: count(row.workers),
        },
    }))
}

/// Decides what follows from the results so far, and carries it out. Others that would decide for the same sweep wait; it is not
/// cancelled or paused meanwhile. `None`, and nothing decided, where it is, or where its search is over.
///
/// # Errors
/// As any query; [`StoreError::Corrupt`] where its spec cannot be read.
pub async fn decide(connection: &mut PgConnection, sweep_id: SweepId) -> Result<Option<Decided>> {
    let sweep = sqlx::query_file!("queries/search/share_sweep.sql", sweep_id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(sweep) = sweep else { return Ok(None) };
    let number = sqlx::query_file_scalar!("queries/search/lock_search.sql", sweep_id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(number) = number else { return Ok(None) };
    let spec = EncodedSpec::from(sweep.spec).read(sweep_id)?;
    let state = state(connection, sweep_id, &spec, count(sweep.workers)).await?;
    let steps = work_out(spec, state).await?;
    carry_out(connection, sweep_id, number, &steps).await?;
    Ok(Some(Decided { begun: steps.begin.len(), is_over: steps.is_over }))
}

/// Lets a search that was over decide again, as trials were put back into the queue.
///
/// # Errors
/// As any query.
pub async fn reopen(connection: &mut PgConnection, sweep_id: SweepId) -> Result<()> {
    debug_assert_eq!(TrialStatus::Skipped.after(TrialEvent::Reopened, true), Some(TrialStatus::Undecided));
    sqlx::query_file!("queries/search/reopen_search.sql", sweep_id.0).execute(connection).await?;
    Ok(())
}

/// The trials that were begun, as far as a search goes by them.
async fn begun(connection: &mut PgConnection, sweep_id: SweepId) -> Result<Vec<TrialRecord>> {
    let rows = sqlx::query_file!("queries/search/begun_trials.sql", sweep_id.0).fetch_all(connection).await?;
    let records = rows.into_iter().map(|row| {
        let status = word("the status of a trial", &row.status)?;
        Ok(TrialRecord {
            trial_index: count(row.trial_index),
            train_set_loss: row.train_set_loss,
            final_validation_loss: row.final_validation_loss,
            final_validation_accuracy: row.final_validation_accuracy,
            steps_to_target: row.steps_to_target.map(count),
            ..TrialRecord::new(count(row.batch_size), row.learning_rate, count(row.seed), status)
        })
    });
    records.collect()
}

/// All that the next decisions depend on.
async fn state(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    spec: &SweepDraft,
    workers: u64,
) -> Result<State> {
    let keys = trial::keys(connection, sweep_id).await?;
    let records = begun(connection, sweep_id).await?;
    let courses =
        if spec.search.stop { courses(connection, sweep_id, spec, &records).await? } else { BTreeMap::new() };
    let ending = sqlx::query_file_scalar!("queries/search/ending_trials.sql", sweep_id.0)
        .fetch_all(&mut *connection)
        .await?;
    let undecided = sqlx::query_file_scalar!("queries/search/undecided_trials.sql", sweep_id.0)
        .fetch_all(connection)
        .await?;
    Ok(State {
        keys,
        records,
        courses,
        ending: column(&ending, |&index| count(index)),
        undecided: column(&undecided, |&index| count(index)),
        at_once: usize::try_from(workers.clamp(1, MOST_AT_ONCE)).unwrap_or(1),
    })
}

/// How the trials have gone that run or were trained to their end.
async fn courses(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    spec: &SweepDraft,
    records: &[TrialRecord],
) -> Result<BTreeMap<u64, Course>> {
    let name = match ScoreMetric::of(records, Some(&spec.train)) {
        ScoreMetric::ValidationLoss => MetricName::ValidationLoss,
        ScoreMetric::ValidationError => MetricName::ValidationError,
        ScoreMetric::TrainSetLoss => MetricName::TrainSetLoss,
        ScoreMetric::StepsToTarget => {
            let rows = sqlx::query_file!("queries/search/steps_so_far.sql", sweep_id.0);
            let rows = rows.fetch_all(connection).await?.into_iter();
            return Ok(rows.map(|row| (count(row.trial_index), Course::Steps(count(row.step)))).collect());
        }
    };
    let rows = sqlx::query_file!("queries/search/courses.sql", sweep_id.0, name.number());
    let mut scores: BTreeMap<u64, Vec<(u64, f64)>> = BTreeMap::new();
    for row in rows.fetch_all(connection).await? {
        scores.entry(count(row.trial_index)).or_default().push((count(row.examples), row.value));
    }
    Ok(scores.into_iter().map(|(index, scores)| (index, Course::Scores(scores))).collect())
}

/// Off the threads that answer calls: a search of many cells takes a while.
async fn work_out(spec: SweepDraft, state: State) -> Result<Steps> {
    let work = move || SweepSearch::of(&spec).map(|search| search.steps(&state));
    let steps = tokio::task::spawn_blocking(work).await;
    let steps = steps.map_err(|error| StoreError::corrupt("the search of a sweep", error))?;
    steps.ok_or_else(|| StoreError::corrupt("the search of a sweep", "its spec has none"))
}

async fn carry_out(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    number: i64,
    steps: &Steps,
) -> Result<()> {
    begin_trials(connection, sweep_id, &steps.begin).await?;
    if steps.is_over {
        debug_assert_eq!(TrialStatus::Undecided.after(TrialEvent::LeftOut, true), Some(TrialStatus::Skipped));
        sqlx::query_file!("queries/search/skip_trials.sql", sweep_id.0).execute(&mut *connection).await?;
    }
    let inserting = by_name!("queries/search/insert_decisions.sql", [sweep_id.0, number],
    for DecisionAt { index, action, reason, because } in &steps.decisions => {
        trial_index: i64 = bigint("trial_index", *index)?,
        action: &'static str = action.word(),
        reason: &'static str = *reason,
        because: String = array(because),
    }, []);
    inserting.execute(&mut *connection).await?;
    let next = number + bigint("decision_index", steps.decisions.len() as u64)?;
    sqlx::query_file!("queries/search/move_on.sql", sweep_id.0, next, steps.is_over)
        .execute(connection)
        .await?;
    Ok(())
}

/// Trials of the grid are in the table; those past its edges come into being here.
async fn begin_trials(
    connection: &mut PgConnection,
    sweep_id: SweepId,
    begin: &[PlannedTrial],
) -> Result<()> {
    debug_assert_eq!(TrialStatus::Undecided.after(TrialEvent::Begun, true), Some(TrialStatus::Pending));
    let mut indices = Vec::with_capacity(begin.len());
    for trial in begin {
        indices.push(bigint("trial_index", trial.index)?);
    }
    let found = sqlx::query_file_scalar!("queries/search/begin_trials.sql", sweep_id.0, &indices)
        .fetch_all(&mut *connection)
        .await?;
    let found = column(&found, |&index| count(index));
    let new = begin.iter().filter(|trial| !found.contains(&trial.index));
    let new: Vec<_> = new.cloned().collect();
    trial::insert_all(connection, sweep_id, &new, TrialStatus::Pending).await
}

/// As Postgres writes an array of numbers.
fn array(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
