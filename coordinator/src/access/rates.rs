//! How much each principal may ask for in a while. Kept in memory, so each coordinator counts for itself; what is over the
//! limit is refused with the time to wait, and nothing is lost but time.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use proto::{MAX_RECORDS, Reason};
use tonic::Status;

use super::Caller;
use crate::config::LimitsConfig;

type Limiter =
    RateLimiter<String, HashMapStateStore<String>, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// The limits, and what was used of them lately.
#[derive(Debug)]
pub struct Rates {
    rows: Option<Limiter>,
    submissions: Option<Limiter>,
    config: LimitsConfig,
}

impl Rates {
    /// With nothing used yet.
    #[must_use]
    pub fn new(config: LimitsConfig) -> Self {
        let limiter = |quota: Quota| RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock);
        let largest_call = u32::try_from(MAX_RECORDS).unwrap_or(u32::MAX);
        let rows = NonZeroU32::new(config.max_rows_per_second).map(|rows| {
            // A call's records come at once, so that many must fit.
            limiter(
                Quota::per_second(rows)
                    .allow_burst(rows.max(NonZeroU32::MIN.saturating_add(largest_call - 1))),
            )
        });
        let submissions = NonZeroU32::new(config.max_submissions_per_minute)
            .map(|submissions| limiter(Quota::per_minute(submissions)));
        Self { rows, submissions, config }
    }

    /// Takes so many records in.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] with the time to wait; then none is taken.
    pub fn rows(&self, caller: &Caller, count: usize) -> Result<(), Status> {
        let limit = format!("{} records a second", self.config.max_rows_per_second);
        take(self.rows.as_ref(), caller, count, &limit)
    }

    /// Takes one sweep in.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] with the time to wait.
    pub fn submission(&self, caller: &Caller) -> Result<(), Status> {
        let limit = format!("{} submitted sweeps a minute", self.config.max_submissions_per_minute);
        take(self.submissions.as_ref(), caller, 1, &limit)
    }
}

fn take(limiter: Option<&Limiter>, caller: &Caller, count: usize, limit: &str) -> Result<(), Status> {
    let (Some(limiter), Caller::Principal(principal)) = (limiter, caller) else { return Ok(()) };
    let Some(count) = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX)) else { return Ok(()) };
    if !principal.is_limited {
        return Ok(());
    }
    let wait = match limiter.check_key_n(&principal.name, count) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(not_until)) => not_until.wait_time_from(MonotonicClock.now()),
        // More than ever fits; the calls' own limits do not let it come so far.
        Err(_) => Duration::from_secs(60),
    };
    Err(Reason::RateLimited.status_later(
        format!(
            "`{}` is over its limit of {limit}; ask again in {:.1} s",
            principal.name,
            wait.as_secs_f64()
        ),
        wait,
    ))
}

#[cfg(test)]
mod tests {
    use domain::access::Scope;
    use proto::reason::retry_delay;

    use super::super::Principal;
    use super::*;

    fn caller(name: &str, is_limited: bool) -> Caller {
        Caller::Principal(Principal { name: name.to_owned(), scopes: vec![Scope::Work], is_limited })
    }

    #[test]
    fn each_principal_has_a_limit_of_its_own() {
        let rates = Rates::new(LimitsConfig { max_submissions_per_minute: 2, ..LimitsConfig::default() });
        let (one, other) = (caller("one", true), caller("other", true));
        assert!(rates.submission(&one).is_ok() && rates.submission(&one).is_ok());
        let refused = rates.submission(&one).unwrap_err();
        assert_eq!(Reason::of(&refused), Some(Reason::RateLimited));
        let wait = retry_delay(&refused).unwrap();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        assert!(rates.submission(&other).is_ok());
    }

    #[test]
    fn the_largest_call_fits_under_the_smallest_limit() {
        let rates = Rates::new(LimitsConfig { max_rows_per_second: 1, ..LimitsConfig::default() });
        assert!(rates.rows(&caller("one", true), MAX_RECORDS).is_ok());
        assert!(rates.rows(&caller("one", true), 1).is_err());
    }

    #[test]
    fn nobody_else_is_limited() {
        let rates = Rates::new(LimitsConfig { max_submissions_per_minute: 1, ..LimitsConfig::default() });
        let unlimited = Rates::new(LimitsConfig { max_submissions_per_minute: 0, ..LimitsConfig::default() });
        for _ in 0..5 {
            assert!(rates.submission(&caller("own", false)).is_ok());
            assert!(rates.submission(&Caller::Anybody).is_ok());
            assert!(unlimited.submission(&caller("one", true)).is_ok());
        }
    }
}
