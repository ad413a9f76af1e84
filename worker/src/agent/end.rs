//! How an attempt ends, and what that says: to monitors, about the worker, to the coordinator.

use proto::v1::{self, FailureKind, LeaseOrder, SpooledEnd, spooled_end};
use tracing::Span;

use super::breaker::Went;
use super::coordinator::is_lease_lost;
use super::findings::OtherData;
use super::metrics::METRICS;
use super::uplink::UplinkError;
use super::uploads::UploadError;

/// Why an attempt is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// Nobody wants its result any more.
    Cancelled,
    /// The worker is stopping.
    Stopping,
    /// The worker takes no more trials.
    OutOfService,
}

impl Release {
    /// In words, as the coordinator keeps them.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => "the sweep was cancelled",
            Self::Stopping => "the worker is stopping",
            Self::OutOfService => "the worker was taken out of service",
        }
    }

    /// Whether somebody else is to go on with the trial.
    pub fn is_handed_over(self) -> bool {
        match self {
            Self::Cancelled => false,
            Self::Stopping | Self::OutOfService => true,
        }
    }
}

/// How an attempt ended, as far as the worker can say.
#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
pub(super) enum End {
    /// With a result.
    Finished(v1::TrialResult),
    /// With an error.
    Failed { kind: FailureKind, message: String },
    /// Given back.
    Released(Release),
    /// The lease is somebody else's, or nobody's.
    LeaseLost,
}

impl End {
    /// The files here are not those that the sweep's other trials are trained on.
    pub fn of_other_data(other: &OtherData) -> Self {
        Self::Failed { kind: FailureKind::Files, message: other.to_string() }
    }

    /// Counts it for monitors, and notes it in the trace.
    pub fn count(&self, device: &str) {
        let kind = match self {
            Self::Finished(result) => {
                METRICS.trained(device, result);
                match result.outcome() {
                    v1::Outcome::Diverged => "diverged",
                    v1::Outcome::Infeasible => "infeasible",
                    v1::Outcome::Stopped => "stopped",
                    _ => "succeeded",
                }
            }
            Self::Failed { .. } => "failed",
            Self::Released(_) => "released",
            Self::LeaseLost => "lost",
        };
        METRICS.attempt_ended(device, kind);
        let span = Span::current();
        span.record("outcome", kind);
        if let Self::Failed { message, .. } = self {
            span.record("otel.status_code", "ERROR").record("otel.status_description", message.as_str());
        }
    }

    /// Writes it to the log.
    pub fn log(&self, trial: &str) {
        match self {
            Self::Finished(result) => {
                tracing::info!(trial, outcome = result.outcome().as_str_name(), "finished");
            }
            Self::Failed { kind, message } => {
                tracing::warn!(trial, kind = kind.as_str_name(), "failed: {message}");
            }
            Self::Released(_) | Self::LeaseLost => {}
        }
    }

    /// What it says about the worker.
    pub fn went(&self) -> Went {
        match self {
            Self::Finished(_) => Went::Well,
            Self::Failed { kind, .. } => Went::of_failure(*kind),
            Self::Released(_) | Self::LeaseLost => Went::Neither,
        }
    }

    /// What the coordinator's answer to a heartbeat makes of an attempt, whether it trains yet or not.
    pub fn of_order(order: LeaseOrder) -> Self {
        match order {
            LeaseOrder::Stop => Self::Released(Release::Cancelled),
            LeaseOrder::HandOver => Self::Released(Release::OutOfService),
            _ => Self::LeaseLost,
        }
    }

    /// A file that was sent along cannot be had.
    pub fn of_upload(error: &UploadError) -> Self {
        let kind = match error {
            UploadError::Refused(status) if is_lease_lost(status) => return Self::LeaseLost,
            // Another worker may have room.
            UploadError::Disk { .. } => FailureKind::Trainer,
            UploadError::Refused(_) | UploadError::Damaged { .. } => FailureKind::Files,
            UploadError::Unreadable(_) => FailureKind::Input,
        };
        Self::Failed { kind, message: error.to_string() }
    }

    /// Records can be neither brought nor kept.
    pub fn of_trouble(trouble: &UplinkError) -> Self {
        let kind = match trouble {
            UplinkError::LeaseLost => return Self::LeaseLost,
            UplinkError::Full(_) => FailureKind::SpoolFull,
            UplinkError::Refused(_) | UplinkError::Unreadable(_) => FailureKind::Trainer,
        };
        Self::Failed { kind, message: trouble.to_string() }
    }

    /// As it is written down and reported; `None` where there is nobody to report it to.
    pub fn spooled(self) -> Option<SpooledEnd> {
        let kind = match self {
            Self::Finished(result) => spooled_end::Kind::Finished(result),
            Self::Failed { kind, message } => {
                spooled_end::Kind::Failed(v1::SpooledFailure { kind: kind.into(), message })
            }
            Self::Released(release) => spooled_end::Kind::Released(release.reason().to_owned()),
            Self::LeaseLost => return None,
        };
        Some(SpooledEnd { kind: Some(kind) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_drained_gives_its_trial_back_and_one_whose_lease_is_lost_says_nothing() {
        let release = |order| match End::of_order(order) {
            End::Released(release) => Some(release),
            _ => None,
        };
        assert_eq!(release(LeaseOrder::HandOver), Some(Release::OutOfService));
        assert_eq!(release(LeaseOrder::Stop), Some(Release::Cancelled));
        assert_eq!(release(LeaseOrder::Lost), None);
    }
}
