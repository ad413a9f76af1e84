//! Claims: trials change from `pending` to `running`, and a lease for each is stored, in one transaction.

use std::collections::HashMap;
use std::time::Duration;

use domain::lifecycle::{TrialEvent, TrialStatus};
use sqlx::PgConnection;
use uuid::Uuid;

use super::error::breaks;
use super::{Result, StoreError};

/// A worker's wish for trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimRequest {
    /// The worker.
    pub worker_id: Uuid,
    /// Its process.
    pub instance_id: Uuid,
    /// Names the wish: the same again gets the same leases.
    pub request_id: Uuid,
    /// At most so many trials.
    pub max_trials: u32,
}

/// A trial handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedRow {
    /// The wish that it answers.
    pub request_id: Uuid,
    /// The trial.
    pub trial_id: Uuid,
    /// The fencing number.
    pub attempt: i32,
    /// The secret.
    pub token: Vec<u8>,
    /// The trial's sweep.
    pub sweep_id: Uuid,
    /// Place in the grid, from 0.
    pub trial_index: i64,
    /// Encoded `v1::TrialSettings`.
    pub settings: Vec<u8>,
    /// Examples per optimizer step.
    pub batch_size: i64,
    /// The micro-batches of its attempts that were killed by signal 9; 0 where not known.
    pub killed_at: Vec<i64>,
    /// The attempt whose checkpoint it goes on from; none of the checkpoint's columns is there without one.
    pub checkpoint_attempt: Option<i32>,
    /// Optimizer steps done in it.
    pub checkpoint_step: Option<i64>,
    /// Training examples seen in it.
    pub checkpoint_examples: Option<i64>,
    /// Number of the last record before it.
    pub checkpoint_last_seq: Option<i64>,
    /// Where it is.
    pub checkpoint_path: Option<String>,
    /// Hash of it.
    pub checkpoint_sha256: Option<String>,
    /// Its size.
    pub checkpoint_bytes: Option<i64>,
    /// Hash of the files that the sweep's trials are trained on, once it is known.
    pub data_sha256: Option<String>,
    /// The worker's device, such as `cuda:0`.
    pub device: String,
    /// What that device is.
    pub device_description: String,
    /// Version of libtorch there.
    pub libtorch_version: String,
}

/// Answers a batch of requests: with the leases that they were given before, else with as many trials as wait. Trials
/// go round the requests, so that few trials reach many workers. The answers are in the order of the requests; the
/// caller commits.
///
/// # Errors
/// As any query. Where another coordinator has answered one of the requests at the same moment, nothing is changed and
/// [`StoreError::Unavailable`] asks for another try.
pub async fn claim(
    connection: &mut PgConnection,
    requests: &[ClaimRequest],
    ttl: Duration,
) -> Result<Vec<Vec<LeasedRow>>> {
    let look = look(connection, requests).await?;
    let earlier =
        if look.answered.is_empty() { HashMap::new() } else { earlier_answers(connection, requests).await? };
    if !look.waiting {
        return Ok(in_order(requests, earlier));
    }
    let current = current_instances(connection, requests).await?;
    let wanting: Vec<&ClaimRequest> = requests
        .iter()
        .filter(|request| !earlier.contains_key(&request.request_id))
        .filter(|request| current.get(&request.worker_id) == Some(&request.instance_id))
        .collect();
    if wanting.is_empty() {
        return Ok(in_order(requests, earlier));
    }
    let wanted: i64 = wanting.iter().map(|request| i64::from(request.max_trials)).sum();
    let taken =
        sqlx::query_file!("queries/claim/take_trials.sql", wanted).fetch_all(&mut *connection).await?;
    debug_assert_eq!(TrialStatus::Pending.after(TrialEvent::Claimed, true), Some(TrialStatus::Running));
    if taken.is_empty() {
        return Ok(in_order(requests, earlier));
    }
    let mut leases = Leases::default();
    for (trial, (request, index)) in taken.iter().zip(turns(&wanting)) {
        leases.trial_id.push(trial.trial_id);
        leases.attempt.push(trial.attempt);
        leases.token.push(Uuid::new_v4().into_bytes().to_vec());
        leases.sweep_id.push(trial.sweep_id);
        leases.worker_id.push(request.worker_id);
        leases.instance_id.push(request.instance_id);
        leases.request_id.push(request.request_id);
        leases.request_index.push(index);
    }
    let mut answers = earlier;
    answers.extend(by_request(leases.insert(connection, ttl).await?));
    Ok(in_order(requests, answers))
}

/// Who gets the next trial: each request in turn, each at most as often as it asked.
fn turns<'a>(requests: &'a [&'a ClaimRequest]) -> impl Iterator<Item = (&'a ClaimRequest, i32)> {
    let rounds = requests.iter().map(|request| request.max_trials).max().unwrap_or(0);
    (0..rounds).flat_map(move |round| {
        let index = i32::try_from(round).unwrap_or(i32::MAX);
        requests
            .iter()
            .filter(move |request| round < request.max_trials)
            .map(move |request| (*request, index))
    })
}

fn in_order(requests: &[ClaimRequest], mut answers: HashMap<Uuid, Vec<LeasedRow>>) -> Vec<Vec<LeasedRow>> {
    requests.iter().map(|request| answers.remove(&request.request_id).unwrap_or_default()).collect()
}

/// What is to be known before anything is locked.
struct Look {
    answered: Vec<Uuid>,
    waiting: bool,
}

async fn look(connection: &mut PgConnection, requests: &[ClaimRequest]) -> Result<Look> {
    Ok(sqlx::query_file_as!(
        Look,
        "queries/claim/look.sql",
        &column(requests, |request| request.worker_id),
        &column(requests, |request| request.instance_id),
        &column(requests, |request| request.request_id),
    )
    .fetch_one(connection)
    .await?)
}

/// What was handed out under these requests before and is still held.
async fn earlier_answers(
    connection: &mut PgConnection,
    requests: &[ClaimRequest],
) -> Result<HashMap<Uuid, Vec<LeasedRow>>> {
    let rows = sqlx::query_file_as!(
        LeasedRow,
        "queries/claim/leases_of_requests.sql",
        &column(requests, |request| request.worker_id),
        &column(requests, |request| request.instance_id),
        &column(requests, |request| request.request_id),
    )
    .fetch_all(connection)
    .await?;
    Ok(by_request(rows))
}

fn column(requests: &[ClaimRequest], of: fn(&ClaimRequest) -> Uuid) -> Vec<Uuid> {
    requests.iter().map(of).collect()
}

fn by_request(rows: Vec<LeasedRow>) -> HashMap<Uuid, Vec<LeasedRow>> {
    let mut answers: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        answers.entry(row.request_id).or_default().push(row);
    }
    answers
}

/// The process that each worker's name belongs to, held fast until the transaction ends.
async fn current_instances(
    connection: &mut PgConnection,
    requests: &[ClaimRequest],
) -> Result<HashMap<Uuid, Uuid>> {
    let workers = column(requests, |request| request.worker_id);
    let rows = sqlx::query_file!("queries/claim/lock_workers.sql", &workers).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (row.worker_id, row.instance_id)).collect())
}

#[derive(Default)]
struct Leases {
    trial_id: Vec<Uuid>,
    attempt: Vec<i32>,
    token: Vec<Vec<u8>>,
    sweep_id: Vec<Uuid>,
    worker_id: Vec<Uuid>,
    instance_id: Vec<Uuid>,
    request_id: Vec<Uuid>,
    request_index: Vec<i32>,
}

impl Leases {
    async fn insert(&self, connection: &mut PgConnection, ttl: Duration) -> Result<Vec<LeasedRow>> {
        let inserted = sqlx::query_file_as!(
            LeasedRow,
            "queries/claim/insert_leases.sql",
            &self.trial_id,
            &self.attempt,
            &self.token,
            &self.sweep_id,
            &self.worker_id,
            &self.instance_id,
            &self.request_id,
            &self.request_index,
            ttl.as_secs_f64(),
        )
        .fetch_all(connection)
        .await;
        match inserted {
            Ok(leases) => Ok(leases),
            Err(error) if breaks(&error, "lease_request_unique") => Err(StoreError::Unavailable(error)),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_go_round_the_requests() {
        let request = |request_id, max_trials| ClaimRequest {
            worker_id: Uuid::nil(),
            instance_id: Uuid::nil(),
            request_id: Uuid::from_u128(request_id),
            max_trials,
        };
        let (one, two) = (request(1, 3), request(2, 1));
        let order: Vec<_> =
            turns(&[&one, &two]).map(|(request, index)| (request.request_id.as_u128(), index)).collect();
        assert_eq!(order, [(1, 0), (2, 0), (1, 1), (1, 2)]);
    }
}
