//! Completions: a held attempt's result is stored, the attempt is accepted and the trial ends, in one transaction.

use std::collections::HashSet;
use std::time::Duration;

use domain::run::{Lease, TrialResult};
use domain::units::TrialId;
use sqlx::PgConnection;

use super::columns::count;
use super::ending::{self, Accepted, Running};
use super::{Result, StoreError, breaker, checkpoint, lease, result};

/// A result that a worker brings.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Under which it was trained.
    pub lease: Lease,
    /// The principal that brings it; `None` where nobody has one.
    pub by: Option<String>,
    /// Number of the attempt's last record.
    pub last_seq: u64,
    /// Hash of the result: the same result again changes nothing.
    pub digest: Vec<u8>,
    /// How the trial ended.
    pub result: TrialResult,
}

/// Completes, among these, those whose leases are held as they say and whose records are all there, and gives their
/// places. Of several for one trial only the first is looked at. The caller commits, and asks [`complete`] about the
/// others.
///
/// # Errors
/// As any query; [`StoreError::Invalid`] where one of them has a number past a bigint. Then nothing may be committed.
pub async fn complete_held(connection: &mut PgConnection, completions: &[Completion]) -> Result<Vec<usize>> {
    let mut trials = HashSet::new();
    let candidates: Vec<usize> =
        (0..completions.len()).filter(|&place| trials.insert(completions[place].lease.trial_id)).collect();
    let mut locked = lock(connection, completions, &candidates).await?;
    locked.retain(|&(place, running)| completions[place].last_seq <= running.acked_seq);
    let places: Vec<usize> = locked.iter().map(|&(place, _)| place).collect();
    if places.is_empty() {
        return Ok(places);
    }
    let accepted = locked.into_iter().map(|(place, running)| {
        let Completion { digest, result, .. } = &completions[place];
        Accepted { running, outcome: result.outcome, digest: digest.clone() }
    });
    let brought = places.iter().map(|&place| &completions[place]);
    let results: Vec<_> = brought.clone().map(|brought| (&brought.lease, &brought.result)).collect();
    result::insert(connection, &results).await?;
    ending::with_results(connection, accepted.collect()).await?;
    let ended: Vec<TrialId> = brought.map(|brought| brought.lease.trial_id).collect();
    checkpoint::forget(connection, &ended).await?;
    breaker::note_results(connection, &ended).await?;
    Ok(places)
}

/// Completes one, whatever has happened to its lease: a holder that was cut off gets it back where that is possible, and
/// the same result again is found done. The caller commits.
///
/// # Errors
/// [`StoreError::LeaseLost`] or [`StoreError::NotHolder`] where it may not be; [`StoreError::RecordsMissing`] where records
/// are to come first.
pub async fn complete(connection: &mut PgConnection, completion: &Completion, ttl: Duration) -> Result<()> {
    let Completion { lease, by, .. } = completion;
    let by = by.as_deref();
    let Some(held) = lease::hold(connection, lease, by, ttl).await? else {
        return match lease::ended(connection, lease, by).await? {
            Some(attempt) if attempt.digest.as_ref() == Some(&completion.digest) => Ok(()),
            _ => Err(lease::refusal(connection, lease, by).await),
        };
    };
    if completion.last_seq > held.acked_seq {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    match complete_held(connection, std::slice::from_ref(completion)).await?.is_empty() {
        true => Err(lease::lost(lease)),
        false => Ok(()),
    }
}

/// The places of those whose leases are held as they say, with their attempts; locked until the transaction ends.
async fn lock(
    connection: &mut PgConnection,
    completions: &[Completion],
    candidates: &[usize],
) -> Result<Vec<(usize, Running)>> {
    let locking = by_name!("queries/lease/lock_completions.sql", [], for &place in candidates => {
        trial_id: uuid::Uuid = completions[place].lease.trial_id.0,
        attempt: i32 = completions[place].lease.attempt.as_i32(),
        token: Vec<u8> = completions[place].lease.token.0.clone(),
        principal: Option<String> = completions[place].by.clone(),
    }, []);
    let rows = locking.fetch_all(connection).await?;
    let locked = rows.into_iter().filter_map(|row| {
        let place = usize::try_from(row.place - 1).ok()?;
        let place = *candidates.get(place)?;
        let Lease { trial_id, attempt, .. } = completions[place].lease;
        let running = Running {
            trial_id,
            attempt,
            acked_seq: count(row.acked_seq),
            failures: row.failures.unsigned_abs(),
            preemptions: row.preemptions.unsigned_abs(),
        };
        Some((place, running))
    });
    Ok(locked.collect())
}
