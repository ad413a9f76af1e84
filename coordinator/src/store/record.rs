//! Records: what a trial tells while it runs, stored in order behind the watermark of its lease.

use proto::v1::{self, record::Kind};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::breaks;
use super::lease::{self, Held, LeaseKey};
use super::{Result, StoreError, bigint, checkpoint};

/// Stores records as [`append`] does, and gives the lease as it was and the watermark after. It locks the lease only at the
/// end, by moving its watermark: so a heartbeat does not wait while thousands of rows are written. `None`, and nothing to
/// commit, where the lease was not held with that watermark from the beginning to the end, or where the records are to be
/// stored under its lock: ask [`append`] then.
///
/// # Errors
/// As [`append`].
pub async fn append_ahead(
    connection: &mut PgConnection,
    key: &LeaseKey,
    by: Option<&str>,
    first_seq: i64,
    records: &[v1::Record],
) -> Result<Option<(Held, i64)>> {
    // An attempt goes on from another's checkpoint before it tells anything else.
    if records.iter().any(|record| matches!(record.kind, Some(Kind::Resumed(_)))) {
        return Ok(None);
    }
    let Some(held) = lease::peek(connection, key, by).await? else { return Ok(None) };
    match append(connection, key, held, first_seq, records).await {
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
pub async fn take_turn(connection: &mut PgConnection, trial_id: Uuid) -> Result<()> {
    sqlx::query_file!("queries/record/take_turn.sql", trial_id).execute(connection).await?;
    Ok(())
}

fn is_repetition(error: &sqlx::Error) -> bool {
    ["metric_pkey", "split_pkey", "log_pkey"].iter().any(|constraint| breaks(error, constraint))
}

/// Stores the records numbered on from `first_seq`, those at or below the watermark left out, and moves the
/// watermark. Gives the new one. The caller holds the lease and commits.
///
/// # Errors
/// [`StoreError::RecordsMissing`] when `first_seq` leaves a gap; [`StoreError::Invalid`] for a record that says
/// nothing sensible; [`StoreError::LeaseLost`] where the lease was not held as `held` says.
pub async fn append(
    connection: &mut PgConnection,
    key: &LeaseKey,
    held: Held,
    first_seq: i64,
    records: &[v1::Record],
) -> Result<i64> {
    if first_seq > held.acked_seq + 1 {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    let fresh: Vec<(i64, &v1::Record)> =
        (first_seq..).zip(records).filter(|(seq, _)| *seq > held.acked_seq).collect();
    let Some(&(last_seq, _)) = fresh.last() else { return Ok(held.acked_seq) };
    let columns = Columns::of(&fresh)?;
    // Before the points of the same report.
    for resumed in &columns.resumed {
        checkpoint::resume(&mut *connection, key, resumed).await?;
    }
    columns.metrics.insert(connection, key).await?;
    columns.splits.insert(connection, key).await?;
    columns.logs.insert(connection, key).await?;
    let moved = sqlx::query_file!(
        "queries/record/move_watermark.sql",
        key.trial_id,
        key.attempt,
        last_seq,
        held.acked_seq,
    )
    .execute(connection)
    .await?;
    if moved.rows_affected() == 0 { Err(key.lost()) } else { Ok(last_seq) }
}

#[derive(Default)]
struct Columns {
    metrics: Metrics,
    splits: Splits,
    logs: Logs,
    /// More than one is refused where it is stored.
    resumed: Vec<v1::Resumed>,
}

impl Columns {
    fn of(records: &[(i64, &v1::Record)]) -> Result<Self> {
        let mut columns = Self::default();
        for (seq, record) in records {
            match &record.kind {
                Some(Kind::Metric(metric)) => columns.metrics.push(*seq, metric)?,
                Some(Kind::Split(split)) => columns.splits.push(*seq, split)?,
                Some(Kind::Log(line)) => columns.logs.push(*seq, line)?,
                // A line of the log besides, so that numbers have no gap.
                Some(Kind::Resumed(resumed)) => {
                    columns.logs.push(*seq, &goes_on(resumed))?;
                    columns.resumed.push(*resumed);
                }
                None => return Err(unknown("records.kind")),
            }
        }
        Ok(columns)
    }
}

#[derive(Default)]
struct Metrics {
    seq: Vec<i64>,
    metric_name: Vec<i16>,
    step: Vec<i64>,
    examples: Vec<i64>,
    seconds: Vec<f64>,
    value: Vec<f64>,
}

impl Metrics {
    fn push(&mut self, seq: i64, metric: &v1::MetricPoint) -> Result<()> {
        let name = metric.name();
        if name == v1::MetricName::Unspecified {
            return Err(unknown("records.metric.name"));
        }
        // Numbers of the wire, which core.metric_name lists too; a test compares them.
        self.metric_name.push(i16::try_from(i32::from(name)).map_err(|_| unknown("records.metric.name"))?);
        self.seq.push(seq);
        self.step.push(bigint("records.metric.step", metric.step)?);
        self.examples.push(bigint("records.metric.examples", metric.examples)?);
        self.seconds.push(metric.seconds);
        self.value.push(metric.value);
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, key: &LeaseKey) -> Result<()> {
        if self.seq.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/record/insert_metrics.sql",
            key.trial_id,
            key.attempt,
            &self.seq,
            &self.metric_name,
            &self.step,
            &self.examples,
            &self.seconds,
            &self.value,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

#[derive(Default)]
struct Splits {
    seq: Vec<i64>,
    kind: Vec<String>,
    from_step: Vec<i64>,
    micro_batch: Vec<i64>,
    accumulation_steps: Vec<i64>,
    predicted_peak_bytes: Vec<i64>,
    reason: Vec<String>,
}

impl Splits {
    fn push(&mut self, seq: i64, split: &v1::Split) -> Result<()> {
        let kind = match split.kind() {
            v1::SplitKind::Planned => "planned",
            v1::SplitKind::Realized => "realized",
            v1::SplitKind::Unspecified => return Err(unknown("records.split.kind")),
        };
        self.seq.push(seq);
        self.kind.push(kind.to_owned());
        self.from_step.push(bigint("records.split.from_step", split.from_step)?);
        self.micro_batch.push(bigint("records.split.micro_batch", split.micro_batch)?);
        self.accumulation_steps.push(bigint("records.split.accumulation_steps", split.accumulation_steps)?);
        self.predicted_peak_bytes
            .push(bigint("records.split.predicted_peak_bytes", split.predicted_peak_bytes)?);
        self.reason.push(storable(&split.reason));
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, key: &LeaseKey) -> Result<()> {
        if self.seq.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/record/insert_splits.sql",
            key.trial_id,
            key.attempt,
            &self.seq,
            &self.kind,
            &self.from_step,
            &self.micro_batch,
            &self.accumulation_steps,
            &self.predicted_peak_bytes,
            &self.reason,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

#[derive(Default)]
struct Logs {
    seq: Vec<i64>,
    level: Vec<String>,
    text: Vec<String>,
}

impl Logs {
    fn push(&mut self, seq: i64, line: &v1::LogLine) -> Result<()> {
        let level = match line.level() {
            v1::LogLevel::Info => "info",
            v1::LogLevel::Warning => "warning",
            v1::LogLevel::Error => "error",
            v1::LogLevel::Unspecified => return Err(unknown("records.log.level")),
        };
        self.seq.push(seq);
        self.level.push(level.to_owned());
        self.text.push(storable(&line.text));
        Ok(())
    }

    async fn insert(&self, connection: &mut PgConnection, key: &LeaseKey) -> Result<()> {
        if self.seq.is_empty() {
            return Ok(());
        }
        sqlx::query_file!(
            "queries/record/insert_logs.sql",
            key.trial_id,
            key.attempt,
            &self.seq,
            &self.level,
            &self.text,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn goes_on(v1::Resumed { attempt, step, .. }: &v1::Resumed) -> v1::LogLine {
    let text = format!("goes on after step {step} from the checkpoint of attempt {attempt}");
    v1::LogLine { level: v1::LogLevel::Info.into(), text }
}

/// The longest text that is stored, in bytes; more is cut off.
const MAX_TEXT: usize = 64 << 10;

/// Words for people as Postgres takes them: without the zero character, and not endless.
pub(crate) fn storable(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{fffd}")
}

fn unknown(field: &'static str) -> StoreError {
    StoreError::Invalid { field, problem: "is missing, or not known to this version".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_odd_texts_are_made_storable() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
        let long = "é".repeat(MAX_TEXT);
        assert_eq!(storable(&long).len(), MAX_TEXT);
    }
}
