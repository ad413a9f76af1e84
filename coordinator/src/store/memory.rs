//! What the fleet knows of the memory that trials take.

use std::collections::HashMap;

use proto::v1;
use sqlx::PgConnection;
use uuid::Uuid;

use super::lease::LeaseKey;
use super::{Result, bigint, count};

/// Kinds of trial that a family tells of at most: it is the data that makes them differ, so a sweep needs one or two.
const KINDS: i64 = 16;

/// Steps that are told of a kind at most, for each way of training and each outcome.
const STEPS: i64 = 64;

/// A trial whose worker tells what it found out.
#[derive(Debug, Clone)]
pub struct Finder {
    /// The trial's sweep.
    pub sweep_id: Uuid,
    /// Encoded `v1::TrialSettings`.
    pub settings: Vec<u8>,
    /// Encoded `v1::SweepSpec`.
    pub spec: Vec<u8>,
    /// Hash of the files that the sweep's trials are trained on.
    pub data_sha256: Option<String>,
    /// The worker's device, such as `cuda:0`.
    pub device: String,
    /// What that device is.
    pub device_description: String,
    /// Version of libtorch there.
    pub libtorch_version: String,
}

/// Who tells; `None` when this lease never was.
///
/// # Errors
/// As any query.
pub async fn finder(connection: &mut PgConnection, key: &LeaseKey) -> Result<Option<Finder>> {
    Ok(sqlx::query_file_as!(Finder, "queries/memory/finder.sql", key.trial_id, key.attempt, key.token)
        .fetch_optional(connection)
        .await?)
}

/// Adds what a worker found out about trials of this family. Told again, it changes nothing.
///
/// # Errors
/// [`super::StoreError::Invalid`] for a number past a bigint.
pub async fn merge(connection: &mut PgConnection, family: &str, memory: &[v1::KnownMemory]) -> Result<()> {
    let steps = Steps::of(memory)?;
    sqlx::query_file!(
        "queries/memory/merge_kinds.sql",
        family,
        &memory.iter().map(|known| known.kind.clone()).collect::<Vec<_>>(),
        &memory.iter().map(|known| known.description.clone()).collect::<Vec<_>>(),
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query_file!(
        "queries/memory/merge_steps.sql",
        &steps.kind,
        &steps.way,
        &steps.outcome,
        &steps.micro_batch,
        &steps.bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How often something was told of each of these families; those that nothing is known of are left out. A cheap question,
/// to see whether an answer of [`known`] still stands.
///
/// # Errors
/// As any query.
pub async fn times_told(connection: &mut PgConnection, families: &[String]) -> Result<HashMap<String, i64>> {
    let rows = sqlx::query_file!("queries/memory/times_told.sql", families).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.family, row.times_told)).collect())
}

/// What is known of these families, the most telling of it: enough to plan with, small enough to send along.
///
/// # Errors
/// As any query.
pub async fn known(
    connection: &mut PgConnection,
    families: &[String],
) -> Result<HashMap<String, Vec<v1::KnownMemory>>> {
    let rows = sqlx::query_file!("queries/memory/known_steps.sql", families, KINDS, STEPS)
        .fetch_all(connection)
        .await?;
    let mut families: HashMap<String, Vec<v1::KnownMemory>> = HashMap::new();
    for row in rows {
        let kinds = families.entry(row.family).or_default();
        // In order of their kinds, so the last one is this row's or a new one is due.
        if kinds.last().is_none_or(|known| known.kind != row.kind) {
            kinds.push(v1::KnownMemory { kind: row.kind, ..v1::KnownMemory::default() });
        }
        let Some(known) = kinds.last_mut() else { continue };
        let way = if row.way == "whole" { &mut known.whole } else { &mut known.accumulated };
        let steps = way.get_or_insert_default();
        let (micro_batch, bytes) = (count(row.micro_batch), count(row.bytes));
        if row.outcome == "measured" {
            steps.measured.push(v1::MeasuredStep { micro_batch, bytes });
        } else {
            steps.failed.push(v1::FailedStep { micro_batch, room_bytes: bytes });
        }
    }
    Ok(families)
}

#[derive(Default)]
struct Steps {
    kind: Vec<String>,
    way: Vec<String>,
    outcome: Vec<String>,
    micro_batch: Vec<i64>,
    bytes: Vec<i64>,
}

impl Steps {
    fn of(memory: &[v1::KnownMemory]) -> Result<Self> {
        let mut all = Self::default();
        for known in memory {
            for (way, steps) in [("whole", &known.whole), ("accumulated", &known.accumulated)] {
                for step in steps.iter().flat_map(|steps| &steps.measured) {
                    all.push((&known.kind, way, "measured"), (step.micro_batch, step.bytes))?;
                }
                for step in steps.iter().flat_map(|steps| &steps.failed) {
                    all.push((&known.kind, way, "failed"), (step.micro_batch, step.room_bytes))?;
                }
            }
        }
        Ok(all)
    }

    fn push(
        &mut self,
        (kind, way, outcome): (&str, &str, &str),
        (micro_batch, bytes): (u64, u64),
    ) -> Result<()> {
        // A step of no examples says nothing.
        if micro_batch > 0 {
            self.kind.push(kind.to_owned());
            self.way.push(way.to_owned());
            self.outcome.push(outcome.to_owned());
            self.micro_batch.push(bigint("findings.memory.micro_batch", micro_batch)?);
            self.bytes.push(bigint("findings.memory.bytes", bytes)?);
        }
        Ok(())
    }
}
