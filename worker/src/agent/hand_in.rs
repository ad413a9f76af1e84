//! Tells the coordinator how an attempt ended, once all its records are stored, and says what became of that.

use std::time::Duration;

use proto::v1::{self, SpooledEnd, spooled_end};
use tonic::{Code, Status};

use super::coordinator::{Client, Coordinator, Retry, is_lease_lost};
use super::uplink::{Spooled, UplinkError};

/// Why the end of an attempt was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The lease is not ours any more.
    LeaseLost,
    /// There was no answer before this worker stopped.
    Unanswered,
    /// Another reason.
    Refused(String),
}

impl From<&Status> for Settled {
    fn from(status: &Status) -> Self {
        if is_lease_lost(status) || status.code() == Code::NotFound {
            Self::LeaseLost
        } else {
            Self::Refused(status.message().to_owned())
        }
    }
}

impl From<UplinkError> for Settled {
    fn from(error: UplinkError) -> Self {
        match error {
            UplinkError::LeaseLost => Self::LeaseLost,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// What the coordinator said to the end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// It holds the failure to be the sweep's fault, not this worker's.
    pub is_sweeps_fault: bool,
}

/// Tells the end, as often as it takes; `last_seq` is the number of the last record stored.
///
/// # Errors
/// [`Settled`].
pub async fn end(
    coordinator: &Coordinator,
    lease: &v1::Lease,
    end: SpooledEnd,
    last_seq: u64,
) -> Result<Taken, Settled> {
    let lease = Some(lease.clone());
    match end.kind {
        Some(spooled_end::Kind::Finished(result)) => {
            let request = v1::CompleteTrialRequest { lease, result: Some(result), last_seq };
            report(coordinator, |mut client| {
                let request = request.clone();
                async move { client.complete_trial(request).await }
            })
            .await
            .map(|_| Taken::default())
        }
        Some(spooled_end::Kind::Failed(failure)) => {
            let request = v1::FailTrialRequest { lease, kind: failure.kind, message: failure.message };
            report(coordinator, |mut client| {
                let request = request.clone();
                async move { client.fail_trial(request).await }
            })
            .await
            .map(|answer| Taken { is_sweeps_fault: answer.is_sweeps_fault })
        }
        Some(spooled_end::Kind::Released(reason)) => {
            let request = v1::ReleaseTrialRequest { lease, reason };
            report(coordinator, |mut client| {
                let request = request.clone();
                async move { client.release_trial(request).await }
            })
            .await
            .map(|_| Taken::default())
        }
        None => Err(Settled::Refused("the spool tells an end that this version does not know".to_owned())),
    }
}

async fn report<T, F, Fut>(coordinator: &Coordinator, call: F) -> Result<T, Settled>
where
    F: Fn(Client) -> Fut,
    Fut: Future<Output = Result<tonic::Response<T>, Status>>,
{
    let answer = coordinator.call(Retry::UntilAnswered, Duration::from_secs(10), call).await;
    answer.map_err(|status| Settled::from(&status))
}

/// Says what became of an attempt, and does with its spool file what follows.
pub fn conclude(settled: Result<Taken, Settled>, lease: &v1::Lease, spooled: &Spooled) {
    let (trial, attempt) = (&lease.trial_id, lease.attempt);
    match settled {
        Ok(_) => spooled.delete(),
        Err(Settled::LeaseLost) => {
            tracing::warn!(trial, attempt, "the lease is lost; nothing more is reported");
            spooled.delete();
        }
        Err(Settled::Unanswered) => {
            tracing::warn!(
                trial,
                attempt,
                "the coordinator did not answer before this worker stopped; its next process on this machine hands in \
                 what waits"
            );
        }
        Err(Settled::Refused(problem)) => {
            tracing::error!(trial, attempt, "the end of the trial was not taken: {problem}");
            spooled.set_aside();
        }
    }
}
