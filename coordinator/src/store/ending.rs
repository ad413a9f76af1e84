//! How attempts end. Whatever ends one (a result, an error, a worker that stops or is lost), it goes through
//! [`end`]: the attempt's row, the trial's new state and the end of the lease are one statement, and the new state
//! is the life cycle's.

use domain::lifecycle::{self, Outcome, TrialEvent, TrialStatus};
use domain::run::{Failure, FailureKind};
use domain::units::{Attempt, TrialId};
use sqlx::PgConnection;

use super::columns::{attempt, bigint, column, count, word};
use super::{Result, StoreError};

/// Seconds before a trial's second try; each further one waits twice as long.
const FIRST_DELAY_SECONDS: f64 = 1.0;

/// The kind of error of an attempt whose worker was lost, beside those of [`FailureKind`].
const WORKER_LOST: &str = "worker_lost";

/// Why an attempt ends without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why<'a> {
    /// Its holder brought an error.
    Failed(&'a Failure),
    /// Its holder died, hung, lost its network or was superseded.
    WorkerLost(&'a str),
    /// Its holder gave it back.
    Released(&'a str),
}

impl Why<'_> {
    fn event(&self) -> TrialEvent {
        match self {
            Self::Failed(_) => TrialEvent::AttemptFailed,
            Self::WorkerLost(_) => TrialEvent::LeaseExpired,
            Self::Released(_) => TrialEvent::Released,
        }
    }
}

/// What became of an attempt, as its row says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Its result was accepted.
    Completed,
    /// Its holder brought an error.
    Failed(FailureKind),
    /// It was taken from its holder, who died, hung, lost its network or was superseded.
    WorkerLost,
    /// Its holder gave it back.
    Released,
}

impl AttemptEnd {
    /// From columns `outcome` and `error_kind`.
    pub(super) fn read(outcome: &str, error_kind: Option<&str>) -> Result<Self> {
        const WHAT: &str = "the end of an attempt";
        match (outcome, error_kind) {
            ("released" | "cancelled", _) => Ok(Self::Released),
            ("failed", Some(WORKER_LOST)) => Ok(Self::WorkerLost),
            ("failed", Some(kind)) => word(WHAT, kind).map(Self::Failed),
            _ if word(WHAT, outcome).is_ok_and(TrialStatus::is_result) => Ok(Self::Completed),
            _ => Err(StoreError::corrupt(WHAT, format!("`{outcome}` with {error_kind:?}"))),
        }
    }
}

/// An attempt that ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The trial.
    pub trial_id: TrialId,
    /// Which attempt at it.
    pub attempt: Attempt,
    /// Where the trial is now.
    pub status: TrialStatus,
}

/// A running attempt whose lease and trial the caller has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// The trial.
    pub trial_id: TrialId,
    /// Which attempt at it.
    pub attempt: Attempt,
    /// Its records.
    pub acked_seq: u64,
    /// What its trial has counted of failures.
    pub failures: u32,
    /// And of preemptions.
    pub preemptions: u32,
}

/// Ends the running attempts of these trials without a result, all for the same reason. The caller holds their
/// leases' rows.
///
/// # Errors
/// As any query.
pub async fn without_result(
    connection: &mut PgConnection,
    trial_ids: &[TrialId],
    why: Why<'_>,
) -> Result<Vec<Ended>> {
    if trial_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        sqlx::query_file!("queries/lease/lock_attempts.sql", &column(trial_ids, |trial_id| trial_id.0))
            .fetch_all(&mut *connection)
            .await?;
    let mut endings = Vec::with_capacity(rows.len());
    for row in rows {
        let running = Running {
            trial_id: row.trial_id.into(),
            attempt: attempt(row.attempt)?,
            acked_seq: count(row.acked_seq),
            failures: row.failures.unsigned_abs(),
            preemptions: row.preemptions.unsigned_abs(),
        };
        endings.push(Ending::without_result(running, row.sweep_cancelled.is_some(), why)?);
    }
    end(connection, &endings).await?;
    Ok(column(&endings, |Ending { running, status, .. }| Ended {
        trial_id: running.trial_id,
        attempt: running.attempt,
        status: *status,
    }))
}

/// An attempt that ends with a result.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The attempt.
    pub running: Running,
    /// How the trial ended.
    pub outcome: Outcome,
    /// Hash of the result.
    pub digest: Vec<u8>,
}

/// Ends held attempts with their results, which the caller has stored.
///
/// # Errors
/// As any query.
pub async fn with_results(connection: &mut PgConnection, accepted: Vec<Accepted>) -> Result<()> {
    let mut endings = Vec::with_capacity(accepted.len());
    for Accepted { running, outcome, digest } in accepted {
        let status = after(TrialStatus::Running, TrialEvent::Completed(outcome), true)?;
        let outcome = status.word();
        let (error_kind, error, will_retry, delay_seconds) = (None, None, None, 0.0);
        let digest = Some(digest);
        endings.push(Ending {
            running,
            status,
            outcome,
            error_kind,
            error,
            will_retry,
            digest,
            delay_seconds,
        });
    }
    end(connection, &endings).await
}

/// One row of the statement that ends attempts.
struct Ending {
    /// With the counts of after the end.
    running: Running,
    status: TrialStatus,
    outcome: &'static str,
    error_kind: Option<&'static str>,
    error: Option<String>,
    will_retry: Option<bool>,
    digest: Option<Vec<u8>>,
    delay_seconds: f64,
}

impl Ending {
    fn without_result(mut running: Running, is_sweep_cancelled: bool, why: Why<'_>) -> Result<Self> {
        let is_failure = !matches!(why, Why::Released(_));
        running.failures += u32::from(is_failure);
        running.preemptions += u32::from(!is_failure);
        let Running { failures, preemptions, .. } = running;
        let is_retried = match why {
            Why::Failed(Failure { kind: FailureKind::Input | FailureKind::Files, .. }) => false,
            Why::Failed(_) | Why::WorkerLost(_) => lifecycle::is_retried(failures),
            Why::Released(_) => is_sweep_cancelled || lifecycle::is_requeued(preemptions),
        };
        let mut status = after(TrialStatus::Running, why.event(), is_retried)?;
        if status == TrialStatus::Pending && is_sweep_cancelled {
            status = after(status, TrialEvent::Cancelled, is_retried)?;
        }
        let will_retry = status == TrialStatus::Pending;
        let (outcome, error_kind, error) = match why {
            Why::Failed(Failure { kind, message }) => ("failed", Some(kind.word()), message.clone()),
            Why::WorkerLost(message) => ("failed", Some(WORKER_LOST), message.to_owned()),
            Why::Released(reason) if is_sweep_cancelled => ("cancelled", None, reason.to_owned()),
            Why::Released(reason) if !is_retried => ("released", None, given_up(reason, preemptions)),
            Why::Released(reason) => ("released", None, reason.to_owned()),
        };
        Ok(Self {
            running,
            status,
            outcome,
            error_kind,
            error: Some(error).filter(|error| !error.is_empty()),
            will_retry: is_failure.then_some(will_retry),
            digest: None,
            delay_seconds: if is_failure && will_retry { delay_seconds(failures) } else { 0.0 },
        })
    }
}

/// What is said of a trial that no worker kept for long enough.
fn given_up(reason: &str, preemptions: u32) -> String {
    format!(
        "{reason}; given back {preemptions} times, so it is not tried again by itself: `retry` does, best on workers that \
         are not stopped so often"
    )
}

/// 1 s after the first failure, 2 s after the second, and so on up to a minute.
fn delay_seconds(failures: u32) -> f64 {
    (FIRST_DELAY_SECONDS * (f64::from(failures) - 1.0).exp2()).min(60.0)
}

fn after(status: TrialStatus, event: TrialEvent, retries_left: bool) -> Result<TrialStatus> {
    status
        .after(event, retries_left)
        .ok_or_else(|| StoreError::WrongState(format!("a {status} trial does not take {event:?}")))
}

async fn end(connection: &mut PgConnection, endings: &[Ending]) -> Result<()> {
    let ending = by_name!("queries/lease/end_attempts.sql", [],
    for ending @ Ending { running, status, .. } in endings => {
        trial_id: uuid::Uuid = running.trial_id.0,
        attempt: i32 = running.attempt.as_i32(),
        status: &'static str = status.word(),
        outcome: &'static str = ending.outcome,
        error_kind: Option<&'static str> = ending.error_kind,
        error: Option<String> = ending.error.clone(),
        will_retry: Option<bool> = ending.will_retry,
        acked_seq: i64 = bigint("acked_seq", running.acked_seq)?,
        digest: Option<Vec<u8>> = ending.digest.clone(),
        failures: i32 = running.failures.cast_signed(),
        preemptions: i32 = running.preemptions.cast_signed(),
        delay_seconds: f64 = ending.delay_seconds,
    }, []);
    ending.execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(failures: u32, preemptions: u32) -> Running {
        let trial_id = TrialId(uuid::Uuid::nil());
        Running { trial_id, attempt: Attempt::FIRST, acked_seq: 0, failures, preemptions }
    }

    fn failure(kind: FailureKind) -> Failure {
        Failure { kind, message: "signal 11".to_owned() }
    }

    fn ending(
        failures: u32,
        is_sweep_cancelled: bool,
        why: Why<'_>,
    ) -> (TrialStatus, u32, Option<bool>, f64) {
        let ending = Ending::without_result(running(failures, 0), is_sweep_cancelled, why).unwrap();
        (ending.status, ending.running.failures, ending.will_retry, ending.delay_seconds)
    }

    #[test]
    fn a_failure_is_tried_again_later_until_three_are_spent() {
        let crash = failure(FailureKind::Crash);
        let crash = Why::Failed(&crash);
        assert_eq!(ending(0, false, crash), (TrialStatus::Pending, 1, Some(true), 1.0));
        assert_eq!(ending(1, false, crash), (TrialStatus::Pending, 2, Some(true), 2.0));
        assert_eq!(ending(2, false, crash), (TrialStatus::Failed, 3, Some(false), 0.0));
    }

    #[test]
    fn bad_input_fails_at_once() {
        for kind in [FailureKind::Input, FailureKind::Files] {
            let input = failure(kind);
            assert_eq!(ending(0, false, Why::Failed(&input)), (TrialStatus::Failed, 1, Some(false), 0.0));
        }
    }

    #[test]
    fn a_released_trial_goes_back_without_a_failure() {
        assert_eq!(ending(2, false, Why::Released("SIGTERM")), (TrialStatus::Pending, 2, None, 0.0));
    }

    #[test]
    fn a_trial_that_is_given_back_without_end_is_set_aside() {
        let given_back = |preemptions| {
            let ending =
                Ending::without_result(running(0, preemptions), false, Why::Released("SIGTERM")).unwrap();
            let Running { failures, preemptions, .. } = ending.running;
            (ending.status, failures, preemptions, ending.error.unwrap())
        };
        assert_eq!(given_back(98), (TrialStatus::Pending, 0, 99, "SIGTERM".to_owned()));
        let (status, failures, preemptions, error) = given_back(99);
        assert_eq!((status, failures, preemptions), (TrialStatus::Failed, 0, 100));
        assert!(error.contains("100 times") && error.contains("retry"), "{error}");
    }

    #[test]
    fn nothing_goes_back_to_a_cancelled_sweep() {
        let trainer = failure(FailureKind::Trainer);
        for why in [Why::Released(""), Why::WorkerLost(""), Why::Failed(&trainer)] {
            assert_eq!(ending(0, true, why).0, TrialStatus::Cancelled, "{why:?}");
        }
        assert_eq!(ending(2, true, Why::WorkerLost("")).0, TrialStatus::Failed);
    }

    #[test]
    fn every_end_of_an_attempt_is_read_as_it_was_written() {
        let read = |outcome, kind| AttemptEnd::read(outcome, kind).unwrap();
        assert_eq!(read("failed", Some("spool_full")), AttemptEnd::Failed(FailureKind::SpoolFull));
        assert_eq!(read("failed", Some(WORKER_LOST)), AttemptEnd::WorkerLost);
        assert_eq!([read("released", None), read("cancelled", None)], [AttemptEnd::Released; 2]);
        assert_eq!(read("diverged", None), AttemptEnd::Completed);
        for (outcome, kind) in [("failed", None), ("failed", Some("odd")), ("odd", None)] {
            assert!(AttemptEnd::read(outcome, kind).is_err(), "{outcome} {kind:?}");
        }
    }
}
