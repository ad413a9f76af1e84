//! How much each principal may ask for in a while. Kept in memory, so each coordinator counts for itself; what is over the
//! limit is refused with the time to wait, and nothing is lost but time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use proto::{MAX_RECORDS, Reason};
use tonic::Status;

use super::Caller;
use crate::config::LimitsConfig;

type Limiter = RateLimiter<String, HashMapStateStore<String>, MonotonicClock, NoOpMiddleware<Instant>>;

/// The limits, and what was used of them lately.
#[derive(Debug)]
pub struct Rates {
    rows: Option<Limiter>,
    submissions: Option<Limiter>,
    /// Statements of SQL that each principal has running.
    statements: Mutex<HashMap<String, usize>>,
    config: LimitsConfig,
}

/// Statements that one principal may have running: a part of the reader's connections, so that others find some free.
const MOST_STATEMENTS: usize = 8;

/// A statement that is running, until this is dropped.
#[derive(Debug)]
pub struct Running {
    rates: Arc<Rates>,
    principal: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(principal) = &self.principal else { return };
        let mut statements = self.rates.statements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = statements.get_mut(principal) {
            *running -= 1;
            if *running == 0 {
                statements.remove(principal);
            }
        }
    }
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
        Self { rows, submissions, statements: Mutex::default(), config }
    }

    /// Takes so many records in.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] with the time to wait; then none is taken.
    pub fn rows(&self, caller: &Caller, count: usize) -> Result<(), Status> {
        let limit = format!("{} records a second", self.config.max_rows_per_second);
        take(self.rows.as_ref(), caller, count, &limit)
    }

    /// Starts a statement of SQL.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] where its principal has as many running as it may.
    pub fn statement(self: &Arc<Self>, caller: &Caller) -> Result<Running, Status> {
        let principal = caller.name().map(str::to_owned);
        if let Some(name) = &principal {
            let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
            let running = statements.entry(name.clone()).or_default();
            if *running >= MOST_STATEMENTS {
                let message =
                    format!("`{name}` has {MOST_STATEMENTS} statements running; wait for one of them");
                return Err(Reason::RateLimited.status(message));
            }
            *running += 1;
        }
        Ok(Running { rates: Arc::clone(self), principal })
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

/// Tokens that are looked up a second for one address; one machine's workers need a few. What was looked up lately does
/// not count.
const LOOKUPS_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// How many of them at once.
const LOOKUPS_AT_ONCE: NonZeroU32 = NonZeroU32::new(1_000).unwrap();

/// Addresses that are kept in mind before those that behave are forgotten.
const ADDRESSES: usize = 10_000;

/// Addresses with tokens that have to be looked up: so that one of them, trying tokens, keeps nobody else waiting.
#[derive(Debug)]
pub struct Strangers(RateLimiter<IpAddr, HashMapStateStore<IpAddr>, MonotonicClock, NoOpMiddleware<Instant>>);

impl Default for Strangers {
    fn default() -> Self {
        let quota = Quota::per_second(LOOKUPS_PER_SECOND).allow_burst(LOOKUPS_AT_ONCE);
        Self(RateLimiter::new(quota, HashMapStateStore::default(), MonotonicClock))
    }
}

impl Strangers {
    /// Lets one more token of an address be looked up.
    ///
    /// # Errors
    /// [`Reason::RateLimited`] with the time to wait.
    pub fn admit(&self, peer: IpAddr) -> Result<(), Status> {
        if self.0.len() > ADDRESSES {
            self.0.retain_recent();
        }
        self.0.check_key(&neighbourhood(peer)).map_err(|not_until| {
            let wait = not_until.wait_time_from(MonotonicClock.now());
            Reason::RateLimited
                .status_later("too many tokens to look up for one address; ask again later", wait)
        })
    }
}

/// Whoever has an IPv6 address mostly has 2^64 of them.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
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
    fn an_address_that_tries_tokens_keeps_nobody_else_waiting() {
        let strangers = Strangers::default();
        let (one, other) = ("2001:db8::1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let refused = (0..2_000).find_map(|_| strangers.admit(one).err()).unwrap();
        assert_eq!(Reason::of(&refused), Some(Reason::RateLimited));
        assert!(strangers.admit("2001:db8::2".parse().unwrap()).is_err(), "its neighbour is itself");
        assert!(strangers.admit(other).is_ok());
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
