//! Leases: who may write for a trial. Every write of a worker begins with [`hold`], or with [`peek`] and ends with the
//! watermark.
//!
//! A lease belongs to the worker that claimed it, and a worker to the principal that registered it. `by` is the name of
//! the principal that calls, `None` where nobody has one: then whoever knows the lease may use it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::run::{Lease, LeaseOrder, LeaseToken, Progress};
use sqlx::PgConnection;

use super::columns::{attempt, bigint, count};
use super::ending::AttemptEnd;
use super::{Result, StoreError};

/// A lease that is held; by [`hold`] its row is locked until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The watermark: records 1 to this number are stored.
    pub acked_seq: u64,
}

impl Held {
    fn at(acked_seq: i64) -> Self {
        Self { acked_seq: count(acked_seq) }
    }
}

/// A lease and how far its trial is.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// The lease to renew.
    pub lease: Lease,
    /// Takes the place of what was noted before.
    pub progress: Progress,
}

/// An attempt that is over, as its former holder may still ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    /// What became of it.
    pub how: AttemptEnd,
    /// For a failed one: whether its trial went back into the queue.
    pub will_retry: bool,
    /// Records stored.
    pub acked_seq: u64,
    /// Hash of its result.
    pub digest: Option<Vec<u8>>,
}

/// That an attempt is over, for its former holder.
pub(crate) fn lost(lease: &Lease) -> StoreError {
    StoreError::LeaseLost { trial_id: lease.trial_id, attempt: lease.attempt }
}

/// Locks the lease for one write of its holder. A holder that was cut off for longer than its lease gets it back here
/// as long as nobody else took the trial; `None` when the attempt is over.
///
/// # Errors
/// As any query.
pub async fn hold(
    connection: &mut PgConnection,
    lease: &Lease,
    by: Option<&str>,
    ttl: Duration,
) -> Result<Option<Held>> {
    let acked_seq = sqlx::query_file_scalar!(
        "queries/lease/lock_lease.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        lease.token.0,
        by as Option<&str>,
    )
    .fetch_optional(&mut *connection)
    .await?;
    match acked_seq {
        Some(acked_seq) => Ok(Some(Held::at(acked_seq))),
        None => reattach(connection, lease, by, ttl).await,
    }
}

/// The watermark of a lease that its caller holds, at this moment: its row is not locked, so whoever writes by it moves the
/// watermark last, which locks it and shows whether it was still held.
///
/// # Errors
/// As any query.
pub async fn peek(connection: &mut PgConnection, lease: &Lease, by: Option<&str>) -> Result<Option<Held>> {
    let acked_seq = sqlx::query_file_scalar!(
        "queries/lease/peek_lease.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        lease.token.0,
        by as Option<&str>,
    );
    Ok(acked_seq.fetch_optional(connection).await?.map(Held::at))
}

/// Gives an expired lease back to its holder, with the same attempt, where that is still possible.
async fn reattach(
    connection: &mut PgConnection,
    lease: &Lease,
    by: Option<&str>,
    ttl: Duration,
) -> Result<Option<Held>> {
    let acked_seq = sqlx::query_file_scalar!(
        "queries/lease/reattach_lease.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        lease.token.0,
        ttl.as_secs_f64(),
        by as Option<&str>,
    )
    .fetch_optional(connection)
    .await?;
    if acked_seq.is_some() {
        let Lease { trial_id, attempt, .. } = lease;
        tracing::info!(%trial_id, %attempt, "a cut-off worker is back with its lease");
    }
    Ok(acked_seq.map(Held::at))
}

/// What became of an attempt that is over; `None` when this lease never was.
///
/// # Errors
/// As any query.
pub async fn ended(
    connection: &mut PgConnection,
    lease: &Lease,
    by: Option<&str>,
) -> Result<Option<EndedAttempt>> {
    let ended = sqlx::query_file!(
        "queries/lease/ended_attempt.sql",
        lease.trial_id.0,
        lease.attempt.as_i32(),
        lease.token.0,
        by as Option<&str>,
    )
    .fetch_optional(connection)
    .await?;
    // One without an outcome has not ended.
    let Some((row, outcome)) = ended.and_then(|mut row| row.outcome.take().map(|outcome| (row, outcome)))
    else {
        return Ok(None);
    };
    Ok(Some(EndedAttempt {
        how: AttemptEnd::read(&outcome, row.error_kind.as_deref())?,
        will_retry: row.will_retry.unwrap_or(false),
        acked_seq: count(row.acked_seq),
        digest: row.digest,
    }))
}

/// Why a lease that [`hold`] does not find is refused: it is somebody else's, whatever its caller knows of it, or it is
/// over.
pub async fn refusal(connection: &mut PgConnection, lease: &Lease, by: Option<&str>) -> StoreError {
    if by.is_none() {
        return lost(lease);
    }
    let Lease { trial_id, attempt, .. } = lease;
    let of_another =
        sqlx::query_file_scalar!("queries/lease/attempt_of_another.sql", trial_id.0, attempt.as_i32(), by)
            .fetch_one(connection)
            .await;
    match of_another {
        Ok(true) => StoreError::NotHolder(format!("attempt {attempt} of trial {trial_id}")),
        Ok(false) => lost(lease),
        Err(error) => error.into(),
    }
}

/// Renews leases and notes how far their trials are. One order for each beat, in their order.
///
/// # Errors
/// [`StoreError::NotHolder`] where one of them is somebody else's; then none is renewed. [`StoreError::Invalid`] for a number
/// past a bigint.
pub async fn renew(
    connection: &mut PgConnection,
    beats: &[Beat],
    by: Option<&str>,
    ttl: Duration,
) -> Result<Vec<LeaseOrder>> {
    if beats.is_empty() {
        return Ok(Vec::new());
    }
    let mut orders = renew_held(connection, beats, by, ttl).await?;
    let mut back = Vec::new();
    let others: Vec<&Beat> = beats.iter().filter(|beat| !orders.contains_key(&beat.lease)).collect();
    let known = known(connection, &others).await?;
    for beat in others.into_iter().filter(|beat| known.contains(&beat.lease)) {
        if reattach(connection, &beat.lease, by, ttl).await?.is_some() {
            back.push(beat.clone());
        } else if let refused @ StoreError::NotHolder(_) = refusal(connection, &beat.lease, by).await {
            return Err(refused);
        }
    }
    if !back.is_empty() {
        orders.extend(renew_held(connection, &back, by, ttl).await?);
    }
    Ok(beats.iter().map(|beat| orders.get(&beat.lease).copied().unwrap_or(LeaseOrder::Lost)).collect())
}

/// Those of the leases that were ever given. Each of them is looked at by itself, which takes a while.
async fn known(connection: &mut PgConnection, beats: &[&Beat]) -> Result<HashSet<Lease>> {
    if beats.is_empty() {
        return Ok(HashSet::new());
    }
    let asking = by_name!("queries/lease/known_leases.sql", [], for beat in beats => {
        trial_id: uuid::Uuid = beat.lease.trial_id.0,
        attempt: i32 = beat.lease.attempt.as_i32(),
        token: Vec<u8> = beat.lease.token.0.clone(),
    }, []);
    let known = asking.fetch_all(connection).await?.into_iter().map(|row| {
        let (trial_id, attempt) = (row.trial_id.into(), attempt(row.attempt)?);
        Ok(Lease { trial_id, attempt, token: LeaseToken(row.token) })
    });
    known.collect()
}

async fn renew_held(
    connection: &mut PgConnection,
    beats: &[Beat],
    by: Option<&str>,
    ttl: Duration,
) -> Result<HashMap<Lease, LeaseOrder>> {
    let renewing = by_name!("queries/lease/renew_leases.sql", [], for Beat { lease, progress } in beats => {
        trial_id: uuid::Uuid = lease.trial_id.0,
        attempt: i32 = lease.attempt.as_i32(),
        token: Vec<u8> = lease.token.0.clone(),
        phase: &'static str = progress.phase.word(),
        step: i64 = bigint("progress.step", progress.step)?,
        total_steps: i64 = bigint("progress.total_steps", progress.total_steps)?,
        train_loss: Option<f64> = progress.train_loss,
        micro_batch: i64 = bigint("progress.micro_batch", progress.micro_batch)?,
    }, [ttl.as_secs_f64(), by as Option<&str>]);
    let renewed = renewing.fetch_all(connection).await?;
    // A trial has one lease, so among beats for one trial it is the key returned that was renewed.
    let orders = renewed.into_iter().map(|row| {
        let lease = Lease {
            trial_id: row.trial_id.into(),
            attempt: attempt(row.attempt)?,
            token: LeaseToken(row.token),
        };
        let order = match () {
            () if row.stop => LeaseOrder::Stop,
            () if row.conclude => LeaseOrder::Conclude,
            () if row.hand_over => LeaseOrder::HandOver,
            () => LeaseOrder::Continue,
        };
        Ok((lease, order))
    });
    orders.collect()
}
