//! Submits a sweep, once, however often it has to be tried.

use std::time::Duration;

use domain::units::SweepWeight;
use proto::Wire;
use proto::reason::retry_delay;
use proto::v1::{CreateSweepRequest, Sweep};
use tonic::Status;

use crate::coordinator::refusal;
use crate::coordinator::session::Session;
use crate::failure::Failure;
use crate::spec_file::SpecFile;
use crate::talk::Talk;
use crate::uploading;

/// Submits the sweep. A lost answer is asked for again under the same request id, so that there is one sweep.
///
/// # Errors
/// When the coordinator refuses it, or stays away, and when a file cannot be sent.
pub async fn submit(
    session: &Session,
    spec: &SpecFile,
    weight: Option<SweepWeight>,
    talk: Talk,
) -> Result<Sweep, Failure> {
    uploading::send_all(session, &spec.uploads, talk).await?;
    let request = CreateSweepRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        spec: Some(spec.sweep.to_wire()),
        source: spec.text.clone(),
        validate_only: false,
        weight: weight.map(SweepWeight::get),
    };
    let mut tries = Tries::default();
    loop {
        let status = match session.client.clone().create_sweep(request.clone()).await {
            Ok(response) => {
                let sweep = response.into_inner().sweep;
                return sweep.ok_or_else(|| Failure::failed("the coordinator answered without a sweep"));
            }
            Err(status) => status,
        };
        let Some(pause) = tries.pause_after(&status) else { return Err(session.refused(&status)) };
        if retry_delay(&status).is_some() {
            talk.say(status.message());
        }
        tokio::time::sleep(pause).await;
    }
}

/// What has been tried.
#[derive(Debug, Default)]
pub struct Tries {
    /// Calls that got no answer.
    unanswered: u32,
    /// Calls that were asked to come back later.
    told_to_wait: u32,
}

impl Tries {
    /// How long to wait before the next try; `None` when there is none.
    pub fn pause_after(&mut self, status: &Status) -> Option<Duration> {
        const MOST_UNANSWERED: u32 = 20;
        const MOST_WAITS: u32 = 5;
        const LONGEST_WAIT: Duration = Duration::from_secs(60);
        // A coordinator that takes only so many sweeps a minute says when it takes the next.
        if let Some(delay) = retry_delay(status) {
            self.told_to_wait += 1;
            return (self.told_to_wait <= MOST_WAITS).then_some(delay.min(LONGEST_WAIT));
        }
        self.unanswered += 1;
        let goes_on = refusal::is_passing(status) && self.unanswered < MOST_UNANSWERED;
        goes_on.then_some(Duration::from_millis(150))
    }
}

#[cfg(test)]
mod tests {
    use proto::Reason;

    use super::*;

    #[test]
    fn a_coordinator_that_says_when_to_come_back_is_heeded_a_few_times() {
        let mut tries = Tries::default();
        let told = |seconds| Reason::RateLimited.status_later("slower", Duration::from_secs(seconds));
        assert_eq!(tries.pause_after(&told(7)), Some(Duration::from_secs(7)));
        assert_eq!(tries.pause_after(&told(3_600)), Some(Duration::from_secs(60)));
        assert_eq!((0..10).filter(|_| tries.pause_after(&told(1)).is_some()).count(), 3);
    }

    #[test]
    fn an_outage_is_waited_out_for_a_while_and_a_refusal_is_not() {
        let mut tries = Tries::default();
        assert_eq!(
            (0..100).filter(|_| tries.pause_after(&Status::unavailable("gone")).is_some()).count(),
            19
        );
        for reason in [Reason::InvalidSpec, Reason::MissingScope, Reason::TokenMissing] {
            assert_eq!(Tries::default().pause_after(&reason.status("no")), None, "{reason:?}");
        }
    }
}
