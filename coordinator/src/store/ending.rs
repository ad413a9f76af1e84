//! How attempts end. Whatever ends one (a result, an error, a worker that stops or is lost), it goes through
//! [`end`]: the attempt's row, the trial's new state and the end of the lease are one statement, and the new state
//! is the life cycle's.

use domain::lifecycle::{self, Outcome, TrialEvent, TrialStatus};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError};

/// Seconds before a trial's second try; each further one waits twice as long.
const FIRST_DELAY_SECONDS: f64 = 1.0;

/// Kinds of error, as the attempt's row tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The trial cannot be trained as asked: trying again would not help.
    Input,
    /// A file that it needs is missing or broken on that worker, or is another one there.
    Files,
    /// The trainer ended in an error.
    Trainer,
    /// The trainer process died.
    Crash,
    /// The trainer was killed by signal 9.
    SuspectedHostOom,
    /// The trainer made no progress and was killed.
    Hung,
    /// Records could neither be brought to a coordinator nor kept.
    SpoolFull,
}

impl FailureKind {
    fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Files => "files",
            Self::Trainer => "trainer",
            Self::Crash => "crash",
            Self::SuspectedHostOom => "suspected_host_oom",
            Self::Hung => "hung",
            Self::SpoolFull => "spool_full",
        }
    }
}

/// Why an attempt ends without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why<'a> {
    /// Its holder brought an error.
    Failed(FailureKind, &'a str),
    /// Its holder died, hung, lost its network or was superseded.
    WorkerLost(&'a str),
    /// Its holder gave it back.
    Released(&'a str),
}

impl Why<'_> {
    fn event(&self) -> TrialEvent {
        match self {
            Self::Failed(..) => TrialEvent::AttemptFailed,
            Self::WorkerLost(_) => TrialEvent::LeaseExpired,
            Self::Released(_) => TrialEvent::Released,
        }
    }
}

/// An attempt that ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The trial.
    pub trial_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// Where the trial is now.
    pub status: TrialStatus,
}

/// Ends the running attempts of these trials without a result, all for the same reason. The caller holds their
/// leases' rows.
///
/// # Errors
/// As any query.
pub async fn without_result(
    connection: &mut PgConnection,
    trial_ids: &[Uuid],
    why: &Why<'_>,
) -> Result<Vec<Ended>> {
    if trial_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        sqlx::query_file!("queries/lease/lock_attempts.sql", trial_ids).fetch_all(&mut *connection).await?;
    let mut endings = Vec::with_capacity(rows.len());
    for row in rows {
        let attempt = Attempt {
            failures: row.failures,
            preemptions: row.preemptions,
            sweep_cancelled: row.sweep_cancelled.is_some(),
        };
        let mut ending = attempt.ending(why)?;
        ending.trial_id = row.trial_id;
        ending.attempt = row.attempt;
        ending.acked_seq = row.acked_seq;
        endings.push(ending);
    }
    end(connection, &endings).await?;
    Ok(endings
        .iter()
        .map(|ending| Ended { trial_id: ending.trial_id, attempt: ending.attempt, status: ending.status })
        .collect())
}

/// An attempt that ends with a result.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The trial.
    pub trial_id: Uuid,
    /// The attempt.
    pub attempt: i32,
    /// Its records.
    pub acked_seq: i64,
    /// How the trial ended.
    pub outcome: Outcome,
    /// Hash of the result.
    pub digest: Vec<u8>,
    /// What its trial has counted of failures.
    pub failures: i32,
    /// And of preemptions.
    pub preemptions: i32,
}

/// Ends held attempts with their results, which the caller has stored.
///
/// # Errors
/// As any query.
pub async fn with_results(connection: &mut PgConnection, accepted: Vec<Accepted>) -> Result<()> {
    let mut endings = Vec::with_capacity(accepted.len());
    for one in accepted {
        let status = after(TrialStatus::Running, TrialEvent::Completed(one.outcome), true)?;
        endings.push(Ending {
            trial_id: one.trial_id,
            attempt: one.attempt,
            acked_seq: one.acked_seq,
            outcome: status.word(),
            digest: Some(one.digest),
            failures: one.failures,
            preemptions: one.preemptions,
            ..Ending::new(status)
        });
    }
    end(connection, &endings).await
}

/// What the life cycle needs to know of a running attempt.
struct Attempt {
    failures: i32,
    preemptions: i32,
    sweep_cancelled: bool,
}

impl Attempt {
    fn ending(&self, why: &Why<'_>) -> Result<Ending> {
        let is_failure = !matches!(why, Why::Released(_));
        let failures = self.failures + i32::from(is_failure);
        let preemptions = self.preemptions + i32::from(!is_failure);
        let is_retried = match why {
            Why::Failed(FailureKind::Input | FailureKind::Files, _) => false,
            Why::Failed(..) | Why::WorkerLost(_) => lifecycle::is_retried(failures.unsigned_abs()),
            Why::Released(_) => self.sweep_cancelled || lifecycle::is_requeued(preemptions.unsigned_abs()),
        };
        let mut status = after(TrialStatus::Running, why.event(), is_retried)?;
        let goes_back = status == TrialStatus::Pending;
        if goes_back && self.sweep_cancelled {
            status = after(status, TrialEvent::Cancelled, is_retried)?;
        }
        let will_retry = status == TrialStatus::Pending;
        let (outcome, error_kind, error) = match why {
            Why::Failed(kind, message) => ("failed", Some(kind.word()), (*message).to_owned()),
            Why::WorkerLost(message) => ("failed", Some("worker_lost"), (*message).to_owned()),
            Why::Released(reason) if self.sweep_cancelled => ("cancelled", None, (*reason).to_owned()),
            Why::Released(reason) if !is_retried => ("released", None, given_up(reason, preemptions)),
            Why::Released(reason) => ("released", None, (*reason).to_owned()),
        };
        Ok(Ending {
            outcome,
            error_kind,
            error: Some(error).filter(|error| !error.is_empty()),
            will_retry: is_failure.then_some(will_retry),
            failures,
            preemptions,
            delay_seconds: if is_failure && will_retry { delay_seconds(failures) } else { 0.0 },
            ..Ending::new(status)
        })
    }
}

/// What is said of a trial that no worker kept for long enough.
fn given_up(reason: &str, preemptions: i32) -> String {
    format!(
        "{reason}; given back {preemptions} times, so it is not tried again by itself: `retry` does, best on workers that \
         are not stopped so often"
    )
}

/// 1 s after the first failure, 2 s after the second, and so on up to a minute.
fn delay_seconds(failures: i32) -> f64 {
    (FIRST_DELAY_SECONDS * f64::from(failures - 1).exp2()).min(60.0)
}

fn after(status: TrialStatus, event: TrialEvent, retries_left: bool) -> Result<TrialStatus> {
    status
        .after(event, retries_left)
        .ok_or_else(|| StoreError::WrongState(format!("a {status} trial does not take {event:?}")))
}

/// One row of the statement that ends attempts.
struct Ending {
    trial_id: Uuid,
    attempt: i32,
    status: TrialStatus,
    outcome: &'static str,
    error_kind: Option<&'static str>,
    error: Option<String>,
    will_retry: Option<bool>,
    acked_seq: i64,
    digest: Option<Vec<u8>>,
    failures: i32,
    preemptions: i32,
    delay_seconds: f64,
}

impl Ending {
    fn new(status: TrialStatus) -> Self {
        Self {
            trial_id: Uuid::nil(),
            attempt: 0,
            status,
            outcome: status.word(),
            error_kind: None,
            error: None,
            will_retry: None,
            acked_seq: 0,
            digest: None,
            failures: 0,
            preemptions: 0,
            delay_seconds: 0.0,
        }
    }
}

async fn end(connection: &mut PgConnection, endings: &[Ending]) -> Result<()> {
    fn column<T>(endings: &[Ending], of: impl Fn(&Ending) -> T) -> Vec<T> {
        endings.iter().map(of).collect()
    }
    sqlx::query_file!(
        "queries/lease/end_attempts.sql",
        &column(endings, |ending| ending.trial_id),
        &column(endings, |ending| ending.attempt),
        &column(endings, |ending| ending.status.word().to_owned()),
        &column(endings, |ending| ending.outcome.to_owned()),
        &column(endings, |ending| ending.error_kind.map(str::to_owned)) as &[Option<String>],
        &column(endings, |ending| ending.error.clone()) as &[Option<String>],
        &column(endings, |ending| ending.will_retry) as &[Option<bool>],
        &column(endings, |ending| ending.acked_seq),
        &column(endings, |ending| ending.digest.clone()) as &[Option<Vec<u8>>],
        &column(endings, |ending| ending.failures),
        &column(endings, |ending| ending.preemptions),
        &column(endings, |ending| ending.delay_seconds),
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(failures: i32, sweep_cancelled: bool, why: &Why<'_>) -> (TrialStatus, i32, Option<bool>, f64) {
        let ending = Attempt { failures, preemptions: 0, sweep_cancelled }.ending(why).unwrap();
        (ending.status, ending.failures, ending.will_retry, ending.delay_seconds)
    }

    #[test]
    fn a_failure_is_tried_again_later_until_three_are_spent() {
        let crash = Why::Failed(FailureKind::Crash, "signal 11");
        assert_eq!(ending(0, false, &crash), (TrialStatus::Pending, 1, Some(true), 1.0));
        assert_eq!(ending(1, false, &crash), (TrialStatus::Pending, 2, Some(true), 2.0));
        assert_eq!(ending(2, false, &crash), (TrialStatus::Failed, 3, Some(false), 0.0));
    }

    #[test]
    fn bad_input_fails_at_once() {
        for kind in [FailureKind::Input, FailureKind::Files] {
            let input = Why::Failed(kind, "no such file");
            assert_eq!(ending(0, false, &input), (TrialStatus::Failed, 1, Some(false), 0.0));
        }
    }

    #[test]
    fn a_released_trial_goes_back_without_a_failure() {
        assert_eq!(ending(2, false, &Why::Released("SIGTERM")), (TrialStatus::Pending, 2, None, 0.0));
    }

    #[test]
    fn a_trial_that_is_given_back_without_end_is_set_aside() {
        let given_back = |preemptions| {
            let attempt = Attempt { failures: 0, preemptions, sweep_cancelled: false };
            let ending = attempt.ending(&Why::Released("SIGTERM")).unwrap();
            (ending.status, ending.failures, ending.preemptions, ending.error.unwrap())
        };
        assert_eq!(given_back(98), (TrialStatus::Pending, 0, 99, "SIGTERM".to_owned()));
        let (status, failures, preemptions, error) = given_back(99);
        assert_eq!((status, failures, preemptions), (TrialStatus::Failed, 0, 100));
        assert!(error.contains("100 times") && error.contains("retry"), "{error}");
    }

    #[test]
    fn nothing_goes_back_to_a_cancelled_sweep() {
        for why in [Why::Released(""), Why::WorkerLost(""), Why::Failed(FailureKind::Trainer, "")] {
            assert_eq!(ending(0, true, &why).0, TrialStatus::Cancelled, "{why:?}");
        }
        assert_eq!(ending(2, true, &Why::WorkerLost("")).0, TrialStatus::Failed);
    }
}
