//! How often a call is tried that a coordinator did not take.

use std::time::Duration;

use proto::reason::retry_delay;
use tonic::Status;

use crate::coordinator::refusal;

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
