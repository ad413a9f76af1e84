//! What the fleet knows of the memory that trials take.

use std::collections::HashMap;

use domain::memory::{DeviceKind, MicroBatchSearch};
use domain::run::{Lease, MemoryOfKind};
use domain::units::{ContentHash, SweepId};
use sqlx::PgConnection;

use super::columns::{bigint, count, storable, word};
use super::encoded::{EncodedSettings, EncodedSpec};
use super::{Result, StoreError};

/// Kinds of trial that are given of a family at most: it is the data that makes them differ, so a sweep needs one or two.
const KINDS: i64 = 16;

/// Kinds that are kept of a family at most; what is reported of more is dropped.
const KINDS_KEPT: i64 = 1_000;

/// Steps that are given of a kind at most, for each way of training and each outcome.
const STEPS: i64 = 64;

/// A trial whose worker reports what it found out.
#[derive(Debug, Clone)]
pub struct Finder {
    /// The sweep that it is of.
    pub sweep_id: SweepId,
    /// What its cell of the grid sets.
    pub settings: EncodedSettings,
    /// What its sweep's trials share.
    pub spec: EncodedSpec,
    /// Hash of the files that its fleet trains the sweep's trials on.
    pub data_sha256: Option<ContentHash>,
    /// Where it is trained.
    pub device: DeviceKind,
}

/// Who reports, as a worker of this fleet; `None` when this lease never was.
///
/// # Errors
/// As any query.
pub async fn finder(connection: &mut PgConnection, lease: &Lease, fleet: &str) -> Result<Option<Finder>> {
    let (trial_id, attempt) = (lease.trial_id.0, lease.attempt.as_i32());
    let row = sqlx::query_file!("queries/memory/finder.sql", trial_id, attempt, lease.token.0, fleet)
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Finder {
        sweep_id: row.sweep_id.into(),
        settings: row.settings.into(),
        spec: row.spec.into(),
        data_sha256: row.data_sha256.map(|hash| word("the hash of a sweep's data", &hash)).transpose()?,
        device: DeviceKind::new(&row.device, &row.device_description, &row.libtorch_version),
    }))
}

/// Adds what a worker found out about trials of this family. Reported again, it changes nothing.
///
/// # Errors
/// [`StoreError::Invalid`] for a number past a bigint.
pub async fn merge(connection: &mut PgConnection, family: &str, memory: &[MemoryOfKind]) -> Result<()> {
    let merging = by_name!("queries/memory/merge_kinds.sql", [family], for known in memory => {
        kind: String = known.kind.to_string(),
        description: String = storable(&known.description),
    }, [KINDS_KEPT]);
    merging.execute(&mut *connection).await?;
    let merging = by_name!("queries/memory/merge_steps.sql", [family], for step in memory.iter().flat_map(steps) => {
        kind: String = step.kind.clone(),
        way: &'static str = step.way,
        outcome: &'static str = step.outcome,
        micro_batch: i64 = bigint("findings.memory.micro_batch", step.micro_batch)?,
        bytes: i64 = bigint("findings.memory.bytes", step.bytes)?,
    }, []);
    merging.execute(connection).await?;
    Ok(())
}

/// How often something was reported of each of these families; those that nothing is known of are left out. A cheap question,
/// to see whether an answer of [`known`] still holds.
///
/// # Errors
/// As any query.
pub async fn times_told(connection: &mut PgConnection, families: &[String]) -> Result<HashMap<String, i64>> {
    let rows = sqlx::query_file!("queries/memory/times_told.sql", families).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.family, row.times_told)).collect())
}

/// What is known of these families, the part of it that says most: enough to plan with, small enough to send along.
/// Descriptions are left out.
///
/// # Errors
/// As any query.
pub async fn known(
    connection: &mut PgConnection,
    families: &[String],
) -> Result<HashMap<String, Vec<MemoryOfKind>>> {
    let rows = sqlx::query_file!("queries/memory/known_steps.sql", families, KINDS, STEPS)
        .fetch_all(connection)
        .await?;
    let mut families: HashMap<String, Vec<MemoryOfKind>> = HashMap::new();
    for row in rows {
        let kinds = families.entry(row.family).or_default();
        let kind: ContentHash = word("a kind of trial", &row.kind)?;
        // In order of their kinds, so the last one is this row's or a new one is due.
        if kinds.last().is_none_or(|known| known.kind != kind) {
            kinds.push(MemoryOfKind { kind, description: String::new(), memory: Default::default() });
        }
        let Some(MemoryOfKind { memory, .. }) = kinds.last_mut() else { continue };
        let search = match row.way.as_str() {
            WHOLE => &mut memory.whole,
            ACCUMULATED => &mut memory.accumulated,
            other => return Err(StoreError::corrupt("a way of training", other)),
        };
        let (micro_batch, bytes) = (count(row.micro_batch), count(row.bytes));
        match row.outcome.as_str() {
            MEASURED => search.record_fit(micro_batch, bytes),
            FAILED => search.record_failure(micro_batch, bytes),
            other => return Err(StoreError::corrupt("the outcome of a step", other)),
        }
    }
    Ok(families)
}

const WHOLE: &str = "whole";
const ACCUMULATED: &str = "accumulated";
const MEASURED: &str = "measured";
const FAILED: &str = "failed";

/// One row of the table of steps.
struct Step {
    kind: String,
    way: &'static str,
    outcome: &'static str,
    micro_batch: u64,
    /// What it took, or where it failed, what room there was.
    bytes: u64,
}

fn steps(known: &MemoryOfKind) -> impl Iterator<Item = Step> {
    let of_way = |way, search: &MicroBatchSearch| {
        let step = |outcome, micro_batch, bytes| {
            let kind = known.kind.to_string();
            Step { kind, way, outcome, micro_batch, bytes }
        };
        let measured = search.envelope().points().map(|(size, bytes)| step(MEASURED, size, bytes));
        let failed = search.failures().iter().map(|(size, room)| step(FAILED, size, room));
        measured.chain(failed).collect::<Vec<_>>()
    };
    let whole = of_way(WHOLE, &known.memory.whole);
    whole.into_iter().chain(of_way(ACCUMULATED, &known.memory.accumulated))
}
