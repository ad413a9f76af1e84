//! Completions: a held attempt's result is stored, the attempt is accepted and the trial ends, in one transaction.

use std::collections::HashSet;
use std::time::Duration;

use domain::lifecycle::Outcome;
use sqlx::PgConnection;
use uuid::Uuid;

use super::ending::{self, Accepted};
use super::lease::{self, LeaseKey};
use super::result::{self, ResultRow};
use super::{Result, StoreError, breaker, checkpoint};

/// A result that a worker brings.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The lease.
    pub key: LeaseKey,
    /// The principal that brings it; `None` where nobody has one.
    pub by: Option<String>,
    /// How the trial ended.
    pub outcome: Outcome,
    /// Number of the attempt's last record.
    pub last_seq: i64,
    /// Hash of the result: the same result again changes nothing.
    pub digest: Vec<u8>,
    /// The result.
    pub result: ResultRow,
}

/// Completes, among these, those whose leases are held as they say and whose records are all there, and gives their
/// places. Of several for one trial only the first is looked at. The caller commits, and asks [`complete`] about the
/// others.
///
/// # Errors
/// As any query; then nothing may be committed.
pub async fn complete_held(connection: &mut PgConnection, completions: &[Completion]) -> Result<Vec<usize>> {
    let mut trials = HashSet::new();
    let candidates: Vec<usize> = completions
        .iter()
        .enumerate()
        .filter(|(_, completion)| trials.insert(completion.key.trial_id))
        .map(|(place, _)| place)
        .collect();
    let locked = lock(connection, completions, &candidates).await?;
    let mut places = Vec::with_capacity(locked.len());
    let mut accepted = Vec::with_capacity(locked.len());
    for Locked { place, acked_seq, failures, preemptions } in locked {
        let completion = &completions[place];
        if completion.last_seq > acked_seq {
            continue;
        }
        places.push(place);
        accepted.push(Accepted {
            trial_id: completion.key.trial_id,
            attempt: completion.key.attempt,
            acked_seq,
            outcome: completion.outcome,
            digest: completion.digest.clone(),
            failures,
            preemptions,
        });
    }
    if places.is_empty() {
        return Ok(places);
    }
    let results: Vec<_> =
        places.iter().map(|&place| (&completions[place].key, &completions[place].result)).collect();
    result::insert(connection, &results).await?;
    ending::with_results(connection, accepted).await?;
    let ended: Vec<Uuid> = results.iter().map(|(key, _)| key.trial_id).collect();
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
    let Completion { key, by, .. } = completion;
    let by = by.as_deref();
    let Some(held) = lease::hold(connection, key, by, ttl).await? else {
        return match lease::ended(connection, key, by).await? {
            Some(attempt) if attempt.digest.as_ref() == Some(&completion.digest) => Ok(()),
            _ => Err(lease::refusal(connection, key, by).await),
        };
    };
    if completion.last_seq > held.acked_seq {
        return Err(StoreError::RecordsMissing { acked_seq: held.acked_seq });
    }
    match complete_held(connection, std::slice::from_ref(completion)).await?.is_empty() {
        true => Err(key.lost()),
        false => Ok(()),
    }
}

/// A lease whose row is locked with its trial's until the transaction ends.
struct Locked {
    /// Of its completion.
    place: usize,
    acked_seq: i64,
    failures: i32,
    preemptions: i32,
}

async fn lock(
    connection: &mut PgConnection,
    completions: &[Completion],
    candidates: &[usize],
) -> Result<Vec<Locked>> {
    fn column<T>(all: &[Completion], candidates: &[usize], of: impl Fn(&Completion) -> T) -> Vec<T> {
        candidates.iter().map(|&place| of(&all[place])).collect()
    }
    let rows = sqlx::query_file!(
        "queries/lease/lock_completions.sql",
        &column(completions, candidates, |completion| completion.key.trial_id),
        &column(completions, candidates, |completion| completion.key.attempt),
        &column(completions, candidates, |completion| completion.key.token.clone()),
        &column(completions, candidates, |completion| completion.by.clone()) as &[Option<String>],
    )
    .fetch_all(connection)
    .await?;
    let place = |place: i64| usize::try_from(place - 1).ok().and_then(|place| candidates.get(place)).copied();
    let locked = rows.into_iter().filter_map(|row| {
        let place = place(row.place)?;
        Some(Locked { place, acked_seq: row.acked_seq, failures: row.failures, preemptions: row.preemptions })
    });
    Ok(locked.collect())
}
