//! Claims: trials change from `pending` to `running`, and a lease for each is stored, in one transaction.

use std::collections::HashMap;
use std::time::Duration;

use domain::lifecycle::{TrialEvent, TrialStatus};
use domain::units::RequestId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::column;
use super::error::breaks;
use super::leased::LeasedRow;
use super::worker::Process;
use super::{Result, StoreError};

/// A worker's wish for trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimRequest {
    /// Who asks.
    pub process: Process,
    /// Names the wish: the same again gets the same leases.
    pub request_id: RequestId,
    /// At most so many trials.
    pub max_trials: u32,
}

/// What answers each request, as far as something does.
type Answers = HashMap<RequestId, Vec<LeasedRow>>;

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
    let mut answers =
        if look.answered.is_empty() { HashMap::new() } else { earlier_answers(connection, requests).await? };
    if look.waiting {
        let current = current_processes(connection, requests).await?;
        // Workers that run no code of users choose first: what they cannot take is left for the others.
        for allows_code in [false, true] {
            let wanting: Vec<&ClaimRequest> = requests
                .iter()
                .filter(|request| !answers.contains_key(&request.request_id))
                .filter(|request| current.get(&request.process) == Some(&allows_code))
                .collect();
            answers.extend(hand_out(connection, &wanting, allows_code, ttl).await?);
        }
    }
    Ok(requests.iter().map(|request| answers.remove(&request.request_id).unwrap_or_default()).collect())
}

/// Takes trials that wait, and leases them by turns to workers that run code of users, or do not.
async fn hand_out(
    connection: &mut PgConnection,
    requests: &[&ClaimRequest],
    allows_code: bool,
    ttl: Duration,
) -> Result<Answers> {
    let wanted: i64 = requests.iter().map(|request| i64::from(request.max_trials)).sum();
    if wanted == 0 {
        return Ok(HashMap::new());
    }
    let taken = sqlx::query_file!("queries/claim/take_trials.sql", wanted, allows_code)
        .fetch_all(&mut *connection)
        .await?;
    debug_assert_eq!(TrialStatus::Pending.after(TrialEvent::Claimed, true), Some(TrialStatus::Running));
    if taken.is_empty() {
        return Ok(HashMap::new());
    }
    let leasing = by_name!(
        "queries/claim/insert_leases.sql" as LeasedRow, [],
        for (trial, (request, index)) in taken.iter().zip(turns(requests)) => {
            trial_id: Uuid = trial.trial_id,
            attempt: i32 = trial.attempt,
            token: Vec<u8> = Uuid::new_v4().into_bytes().to_vec(),
            sweep_id: Uuid = trial.sweep_id,
            worker_id: Uuid = request.process.worker_id.0,
            instance_id: Uuid = request.process.instance_id.0,
            request_id: Uuid = request.request_id.0,
            request_index: i32 = index,
        }, [ttl.as_secs_f64()]
    );
    match leasing.fetch_all(connection).await {
        Ok(leases) => Ok(by_request(leases)),
        Err(error) if breaks(&error, "lease_request_unique") => Err(StoreError::Unavailable(error)),
        Err(error) => Err(error.into()),
    }
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

/// What is to be known before anything is locked.
struct Look {
    answered: Vec<Uuid>,
    waiting: bool,
}

async fn look(connection: &mut PgConnection, requests: &[ClaimRequest]) -> Result<Look> {
    let looking = by_name!("queries/claim/look.sql" as Look, [], for request in requests => {
        worker_id: Uuid = request.process.worker_id.0,
        instance_id: Uuid = request.process.instance_id.0,
        request_id: Uuid = request.request_id.0,
    }, []);
    Ok(looking.fetch_one(connection).await?)
}

/// What was handed out under these requests before and is still held.
async fn earlier_answers(connection: &mut PgConnection, requests: &[ClaimRequest]) -> Result<Answers> {
    let reading = by_name!("queries/claim/leases_of_requests.sql" as LeasedRow, [], for request in requests => {
        worker_id: Uuid = request.process.worker_id.0,
        instance_id: Uuid = request.process.instance_id.0,
        request_id: Uuid = request.request_id.0,
    }, []);
    Ok(by_request(reading.fetch_all(connection).await?))
}

fn by_request(rows: Vec<LeasedRow>) -> Answers {
    let mut answers: Answers = HashMap::new();
    for row in rows {
        answers.entry(row.request_id).or_default().push(row);
    }
    answers
}

/// The processes that have their workers' names, held fast until the transaction ends, and whether each runs code of users.
async fn current_processes(
    connection: &mut PgConnection,
    requests: &[ClaimRequest],
) -> Result<HashMap<Process, bool>> {
    let workers = column(requests, |request| request.process.worker_id.0);
    let rows = sqlx::query_file!("queries/claim/lock_workers.sql", &workers).fetch_all(connection).await?;
    let process = |worker_id: Uuid, instance_id: Uuid| Process {
        worker_id: worker_id.into(),
        instance_id: instance_id.into(),
    };
    Ok(rows.into_iter().map(|row| (process(row.worker_id, row.instance_id), row.allows_code)).collect())
}

#[cfg(test)]
mod tests {
    use domain::units::{InstanceId, WorkerId};

    use super::*;

    #[test]
    fn trials_go_round_the_requests() {
        let process = Process { worker_id: WorkerId(Uuid::nil()), instance_id: InstanceId(Uuid::nil()) };
        let request = |request_id, max_trials| ClaimRequest {
            process,
            request_id: RequestId(Uuid::from_u128(request_id)),
            max_trials,
        };
        let (one, two) = (request(1, 3), request(2, 1));
        let order: Vec<_> =
            turns(&[&one, &two]).map(|(request, index)| (request.request_id.0.as_u128(), index)).collect();
        assert_eq!(order, [(1, 0), (2, 0), (1, 1), (1, 2)]);
    }
}
