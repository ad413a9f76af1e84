//! Attempts that end without a result: their holders bring an error, or give them back.

use domain::lifecycle::TrialStatus;
use domain::run::{FailureKind, Lease};
use domain::units::SweepId;

use crate::access::Caller;
use crate::context::Context;
use crate::metrics::METRICS;
use crate::store::ending::{self, AttemptEnd, Why};
use crate::store::lease::{self, EndedAttempt};
use crate::store::{self, breaker};

/// Pauses a sweep in which attempt after attempt fails. The attempt has ended whether this succeeds or not, so where it does
/// not, the next failure tries again.
async fn set_aside(context: &Context, sweep_id: SweepId, error: &str) {
    let open = async {
        let mut transaction = context.store.begin().await?;
        breaker::open(&mut transaction, sweep_id, error).await?;
        transaction.commit().await?;
        store::Result::Ok(())
    };
    if let Err(error) = open.await {
        tracing::warn!(%sweep_id, "not paused, though attempt after attempt fails: {error}");
    }
}

/// What follows from the end of an attempt that brought no result.
pub struct Ended {
    /// Whether its trial went back into the queue.
    pub will_retry: bool,
    /// Whether the fault is held to be the sweep's, not its worker's.
    pub is_sweeps_fault: bool,
}

/// Ends an attempt without a result, or finds that it has ended that way before.
pub async fn end(context: &Context, caller: &Caller, lease: &Lease, why: Why<'_>) -> store::Result<Ended> {
    let mut transaction = context.store.begin().await?;
    if lease::hold(&mut transaction, lease, caller.name(), context.lease_ttl).await?.is_none() {
        let ended = lease::ended(&mut transaction, lease, caller.name()).await?;
        return match (why, ended) {
            (Why::Released(_), Some(EndedAttempt { how: AttemptEnd::Released, will_retry, .. }))
            | (Why::Failed(_), Some(EndedAttempt { how: AttemptEnd::Failed(_), will_retry, .. })) => {
                Ok(Ended { will_retry, is_sweeps_fault: false })
            }
            _ => Err(lease::refusal(&mut transaction, lease, caller.name()).await),
        };
    }
    let ended = ending::without_result(&mut transaction, &[lease.trial_id], why).await?;
    let noted = match why {
        // Refused for its own settings, a trial says nothing of the others.
        Why::Failed(failure) if failure.kind != FailureKind::Input => {
            Some(breaker::note_failure(&mut transaction, lease.trial_id).await?)
        }
        _ => None,
    };
    transaction.commit().await?;
    if let (Some(sweep_id), Why::Failed(failure)) = (noted.and_then(|noted| noted.suspect), why) {
        set_aside(context, sweep_id, &failure.message).await;
    }
    METRICS.attempt_ended(if matches!(why, Why::Released(_)) { "released" } else { "failed" });
    context.claims.wake();
    context.searches.wake();
    let will_retry = ended.iter().any(|ended| ended.status == TrialStatus::Pending);
    Ok(Ended { will_retry, is_sweeps_fault: noted.is_some_and(|noted| noted.is_sweeps_fault) })
}
