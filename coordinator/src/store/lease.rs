//! Leases: who may write for a trial. Every write of a worker begins with [`hold`], or with [`peek`] and ends with the
//! watermark.
//!
//! A lease belongs to the worker that claimed it, and a worker to the principal that registered it. `by` is the name of
//! the principal that calls, `None` where nobody has one: then whoever knows the lease may use it.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError};

/// What a worker shows to write for a trial. `Debug` does not tell the secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LeaseKey {
    /// The trial.
    pub trial_id: Uuid,
    /// The fencing number.
    pub attempt: i32,
    /// The secret.
    pub token: Vec<u8>,
}

impl LeaseKey {
    pub(crate) fn lost(&self) -> StoreError {
        StoreError::LeaseLost { trial_id: self.trial_id, attempt: self.attempt }
    }
}

impl fmt::Debug for LeaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trial_id, attempt, token: _ } = self;
        f.debug_struct("LeaseKey")
            .field("trial_id", trial_id)
            .field("attempt", attempt)
            .finish_non_exhaustive()
    }
}

/// A lease that is held; by [`hold`] its row is locked until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The watermark: records 1 to this number are stored.
    pub acked_seq: i64,
}

/// How far a leased trial is.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// The lease.
    pub key: LeaseKey,
    /// `preparing`, `training` or `evaluating`.
    pub phase: &'static str,
    /// Optimizer steps done.
    pub step: i64,
    /// Optimizer steps in all; 0 while unknown.
    pub total_steps: i64,
    /// The latest step loss.
    pub train_loss: Option<f64>,
    /// Examples in the largest micro-batch; 0 while unknown.
    pub micro_batch: i64,
}

/// What a worker is told about a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Go on.
    Continue,
    /// Stop and report nothing more.
    Lost,
    /// Stop and release it: the sweep was cancelled.
    Stop,
    /// Save it and release it: its worker is taken out of service.
    HandOver,
}

/// An attempt that is over, as its former holder may still ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    /// How it ended; `None` cannot be for one without a lease.
    pub outcome: Option<String>,
    /// For a failed one: what kind of error.
    pub error_kind: Option<String>,
    /// For a failed one: whether its trial went back into the queue.
    pub will_retry: Option<bool>,
    /// Records stored.
    pub acked_seq: i64,
    /// Hash of its result.
    pub digest: Option<Vec<u8>>,
}

impl EndedAttempt {
    /// Whether it was taken from its holder, rather than ended by it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.error_kind.as_deref() == Some("worker_lost")
    }
}

/// Locks the lease for one write of its holder. A holder that was cut off for longer than its lease gets it back here
/// as long as nobody else took the trial; `None` when the attempt is over.
///
/// # Errors
/// As any query.
pub async fn hold(
    connection: &mut PgConnection,
    key: &LeaseKey,
    by: Option<&str>,
    ttl: Duration,
) -> Result<Option<Held>> {
    let held = sqlx::query_file_as!(
        Held,
        "queries/lease/lock_lease.sql",
        key.trial_id,
        key.attempt,
        key.token,
        by as Option<&str>,
    )
    .fetch_optional(&mut *connection)
    .await?;
    match held {
        Some(held) => Ok(Some(held)),
        None => reattach(connection, key, by, ttl).await,
    }
}

/// The watermark of a lease that its caller holds, at this moment: its row is not locked, so whoever writes by it moves the
/// watermark last, which locks it and tells whether it was still held.
///
/// # Errors
/// As any query.
pub async fn peek(connection: &mut PgConnection, key: &LeaseKey, by: Option<&str>) -> Result<Option<Held>> {
    Ok(sqlx::query_file_as!(
        Held,
        "queries/lease/peek_lease.sql",
        key.trial_id,
        key.attempt,
        key.token,
        by as Option<&str>,
    )
    .fetch_optional(connection)
    .await?)
}

/// Gives an expired lease back to its holder, with the same attempt, where that is still possible.
async fn reattach(
    connection: &mut PgConnection,
    key: &LeaseKey,
    by: Option<&str>,
    ttl: Duration,
) -> Result<Option<Held>> {
    let held = sqlx::query_file_as!(
        Held,
        "queries/lease/reattach_lease.sql",
        key.trial_id,
        key.attempt,
        key.token,
        ttl.as_secs_f64(),
        by as Option<&str>,
    )
    .fetch_optional(connection)
    .await?;
    if held.is_some() {
        tracing::info!(trial_id = %key.trial_id, attempt = key.attempt, "a cut-off worker is back with its lease");
    }
    Ok(held)
}

/// What became of an attempt that is over; `None` when this lease never was.
///
/// # Errors
/// As any query.
pub async fn ended(
    connection: &mut PgConnection,
    key: &LeaseKey,
    by: Option<&str>,
) -> Result<Option<EndedAttempt>> {
    Ok(sqlx::query_file_as!(
        EndedAttempt,
        "queries/lease/ended_attempt.sql",
        key.trial_id,
        key.attempt,
        key.token,
        by as Option<&str>,
    )
    .fetch_optional(connection)
    .await?)
}

/// Why a lease that [`hold`] does not find is refused: it is somebody else's, whatever its caller knows of it, or it is
/// over.
pub async fn refusal(connection: &mut PgConnection, key: &LeaseKey, by: Option<&str>) -> StoreError {
    if by.is_none() {
        return key.lost();
    }
    let of_another =
        sqlx::query_file_scalar!("queries/lease/attempt_of_another.sql", key.trial_id, key.attempt, by)
            .fetch_one(connection)
            .await;
    match of_another {
        Ok(true) => StoreError::NotHolder(format!("attempt {} of trial {}", key.attempt, key.trial_id)),
        Ok(false) => key.lost(),
        Err(error) => error.into(),
    }
}

/// Renews leases and notes how far their trials are. One order for each beat, in their order.
///
/// # Errors
/// [`StoreError::NotHolder`] where one of them is somebody else's; then none is renewed.
pub async fn renew(
    connection: &mut PgConnection,
    beats: &[Beat],
    by: Option<&str>,
    ttl: Duration,
) -> Result<Vec<Order>> {
    if beats.is_empty() {
        return Ok(Vec::new());
    }
    let mut orders = renew_held(connection, beats, by, ttl).await?;
    let cut_off: Vec<Beat> = beats.iter().filter(|beat| !orders.contains_key(&beat.key)).cloned().collect();
    let mut back = Vec::new();
    for beat in cut_off {
        if reattach(connection, &beat.key, by, ttl).await?.is_some() {
            back.push(beat);
        } else if let refused @ StoreError::NotHolder(_) = refusal(connection, &beat.key, by).await {
            return Err(refused);
        }
    }
    if !back.is_empty() {
        orders.extend(renew_held(connection, &back, by, ttl).await?);
    }
    Ok(beats.iter().map(|beat| orders.get(&beat.key).copied().unwrap_or(Order::Lost)).collect())
}

async fn renew_held(
    connection: &mut PgConnection,
    beats: &[Beat],
    by: Option<&str>,
    ttl: Duration,
) -> Result<HashMap<LeaseKey, Order>> {
    let renewed = sqlx::query_file!(
        "queries/lease/renew_leases.sql",
        &beats.iter().map(|beat| beat.key.trial_id).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.key.attempt).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.key.token.clone()).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.phase.to_owned()).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.step).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.total_steps).collect::<Vec<_>>(),
        &beats.iter().map(|beat| beat.train_loss).collect::<Vec<_>>() as &[Option<f64>],
        &beats.iter().map(|beat| beat.micro_batch).collect::<Vec<_>>(),
        ttl.as_secs_f64(),
        by as Option<&str>,
    )
    .fetch_all(connection)
    .await?;
    // A trial has one lease, so among beats for one trial it is the key returned that was renewed.
    Ok(renewed
        .into_iter()
        .map(|row| {
            let key = LeaseKey { trial_id: row.trial_id, attempt: row.attempt, token: row.token };
            let order = match (row.stop, row.hand_over) {
                (true, _) => Order::Stop,
                (false, true) => Order::HandOver,
                (false, false) => Order::Continue,
            };
            (key, order)
        })
        .collect())
}
