//! Records: what a trial reports while it runs, stored in order behind the watermark of its lease.

use std::borrow::Cow;

use domain::run::{Lease, LogLevel, LogLine, MetricName, MetricPoint, Record, Resumed, Split};
use domain::units::TrialId;
use sqlx::PgConnection;

use super::columns::{bigint, storable};
use super::error::breaks;
use super::lease::{self, Held};
use super::{Result, StoreError, checkpoint};

/// Stores records as [`append`] does, and gives the lease as it was and the watermark after. It locks the lease only at the
/// end, by moving its watermark: so a heartbeat does not wait while thousands of rows are written. `None`, and nothing to
/// commit, where the lease was not held with that watermark from the beginning to the end, or where the records are to be
/// stored under its lock: ask [`append`] then.
///
/// # Errors
/// As [`append`].
pub async fn append_ahead(
    connection: &mut PgConnection,
    lease: &Lease,
    by: Option<&str>,
    first_seq: u64,
    records: &[Record],
) -> Result<Option<(Held, u64)>> {
    // An attempt goes on from another's checkpoint before it reports anything else.
    if records.iter().any(|record| matches!(record, Record::Resumed(_))) {
        return Ok(None);
    }
    let Some(held) = lease::peek(connection, lease, by).await? else { return Ok(None) };
    match append(connection, lease, held, first_seq, records).await {
        Ok(acked_seq) => Ok(Some((held, acked_seq))),
        Err(StoreError::LeaseLost { .. }) => Ok(None),
        // Rows of a call that has been committed since.
        Err(StoreError::Database(error)) if is_repetition(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until no other report of the trial is being stored, which lasts until the transaction ends. To be asked for before
/// the lease is locked.
///
/// # Errors
/// As any query.
pub async fn take_turn(connection: &mut PgConnection, trial_id: TrialId) -> Result<()> {
    sqlx::query_file!("queries/record/take_turn.sql", trial_id.0).fetch_optional(connection).await?;
    Ok(())
}

fn is_repetition(error: &sqlx::Error) -> bool {
    ["metric_pkey", "split_pkey", "log_pkey"].iter().any(|constraint| breaks(error, constraint))
}

/// Stores the records numbered on from `first_seq`, those at or below the watermark left out, and moves the
/// watermark. Gives the new one. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::RecordsMissing`] when `first_seq` leaves a gap; [`StoreError::Invalid`] for a number past a bigint;
/// [`StoreError::LeaseLost`] where the lease was not held as `held` says.
pub async fn append(
    connection: &mut PgConnection,
    lease: &Lease,
    held: Held,
    first_seq: u64,
    records: &[Record],
) -> Result<u64> {
    if first_seq > held.acked_seq + 1 {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    let fresh = (first_seq..).zip(records).filter(|(seq, _)| *seq > held.acked_seq);
    let sorted = Sorted::of(fresh);
    if sorted.last_seq == 0 {
        return Ok(held.acked_seq);
    }
    // Before the points of the same report.
    for resumed in &sorted.resumed {
        checkpoint::resume(&mut *connection, lease, resumed).await?;
    }
    insert_metrics(connection, lease, &sorted.metrics).await?;
    insert_splits(connection, lease, &sorted.splits).await?;
    insert_logs(connection, lease, &sorted.logs).await?;
    let moved = sqlx::query_file!(
        "queries/record/move_watermark.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        bigint("first_seq", sorted.last_seq)?,
        bigint("first_seq", held.acked_seq)?,
    )
    .execute(connection)
    .await?;
    if moved.rows_affected() == 0 { Err(lease::lost(lease)) } else { Ok(sorted.last_seq) }
}

/// Records by their tables, each with its number.
#[derive(Default)]
struct Sorted<'a> {
    metrics: Vec<(u64, &'a MetricPoint)>,
    splits: Vec<(u64, &'a Split)>,
    logs: Vec<(u64, Cow<'a, LogLine>)>,
    /// More than one is refused where it is stored.
    resumed: Vec<&'a Resumed>,
    /// 0 where there is none.
    last_seq: u64,
}

impl<'a> Sorted<'a> {
    fn of(records: impl Iterator<Item = (u64, &'a Record)>) -> Self {
        let mut sorted = Self::default();
        for (seq, record) in records {
            match record {
                Record::Metric(point) => sorted.metrics.push((seq, point)),
                Record::Split(split) => sorted.splits.push((seq, split)),
                Record::Log(line) => sorted.logs.push((seq, Cow::Borrowed(line))),
                // A line of the log besides, so that numbers have no gap.
                Record::Resumed(resumed) => {
                    sorted.logs.push((seq, Cow::Owned(goes_on(resumed))));
                    sorted.resumed.push(resumed);
                }
            }
            sorted.last_seq = seq;
        }
        sorted
    }
}

/// What a metric of a model's own is called.
fn own_name(name: &MetricName) -> Option<String> {
    match name {
        MetricName::Own(name) => Some(name.as_str().to_owned()),
        _ => None,
    }
}

async fn insert_metrics(
    connection: &mut PgConnection,
    lease: &Lease,
    metrics: &[(u64, &MetricPoint)],
) -> Result<()> {
    if metrics.is_empty() {
        return Ok(());
    }
    let (trial_id, attempt) = (lease.trial_id.0, lease.attempt.as_i32());
    let inserting = by_name!("queries/record/insert_metrics.sql", [trial_id, attempt],
    for &(seq, point) in metrics => {
        seq: i64 = bigint("first_seq", seq)?,
        // As core.metric_name lists them; a test compares.
        metric_name: i16 = point.name.number(),
        own_name: Option<String> = own_name(&point.name),
        step: i64 = bigint("records.metric.step", point.place.step)?,
        examples: i64 = bigint("records.metric.examples", point.place.examples)?,
        seconds: f64 = point.place.seconds,
        value: f64 = point.value,
    }, []);
    inserting.execute(connection).await?;
    Ok(())
}

async fn insert_splits(connection: &mut PgConnection, lease: &Lease, splits: &[(u64, &Split)]) -> Result<()> {
    if splits.is_empty() {
        return Ok(());
    }
    let (trial_id, attempt) = (lease.trial_id.0, lease.attempt.as_i32());
    let inserting = by_name!("queries/record/insert_splits.sql", [trial_id, attempt],
    for &(seq, split) in splits => {
        seq: i64 = bigint("first_seq", seq)?,
        kind: &'static str = split.kind.word(),
        from_step: i64 = bigint("records.split.from_step", split.from_step)?,
        micro_batch: i64 = bigint("records.split.micro_batch", split.micro_batch)?,
        accumulation_steps: i64 = bigint("records.split.accumulation_steps", split.accumulation_steps)?,
        predicted_peak_bytes: i64 = bigint("records.split.predicted_peak_bytes", split.predicted_peak_bytes)?,
        reason: String = storable(&split.reason),
    }, []);
    inserting.execute(connection).await?;
    Ok(())
}

async fn insert_logs(
    connection: &mut PgConnection,
    lease: &Lease,
    logs: &[(u64, Cow<'_, LogLine>)],
) -> Result<()> {
    if logs.is_empty() {
        return Ok(());
    }
    let (trial_id, attempt) = (lease.trial_id.0, lease.attempt.as_i32());
    let inserting = by_name!("queries/record/insert_logs.sql", [trial_id, attempt],
    for (seq, line) in logs => {
        seq: i64 = bigint("first_seq", *seq)?,
        level: &'static str = line.level.word(),
        text: String = storable(&line.text),
    }, []);
    inserting.execute(connection).await?;
    Ok(())
}

fn goes_on(Resumed { attempt, step, .. }: &Resumed) -> LogLine {
    let text = format!("goes on after step {step} from the checkpoint of attempt {attempt}");
    LogLine { level: LogLevel::Info, text }
}
