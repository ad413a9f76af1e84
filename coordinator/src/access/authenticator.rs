//! From the header of a call to its principal.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::access::{self, Scope};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use proto::{Reason, Token};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tonic::Status;

use super::Principal;
use super::rates::Strangers;
use super::status::of_store;
use crate::store::Store;
use crate::store::token::{self, Standing};

/// How long a token that was looked up is taken as valid: so soon a revocation holds at every coordinator.
pub const CACHE_TIME: Duration = Duration::from_secs(5);

/// Tokens looked up at once: a part of the connections that leases depend on, as heartbeats show tokens too.
const LOOKUPS: usize = 2;

/// The same for tokens that were valid a while ago. They do not wait behind those that nobody knows.
const RENEWALS: usize = 2;

/// How long a token counts as one that was valid a while ago.
const KEPT: Duration = Duration::from_secs(600);

/// How long a call waits for its turn to be looked up.
const PATIENCE: Duration = Duration::from_secs(2);

type Hash = [u8; 32];

/// Knows tokens by their hash. Cheap to clone; clones share what they know.
///
/// Time tells nobody anything: what is looked up, here and in the database's index, is the SHA-256 of what a caller
/// sent. A caller cannot choose that hash, so learning how much of one is right does not lead to a token.
#[derive(Clone)]
pub struct Authenticator {
    store: Store,
    /// The token of the file; compared in constant time, as it is compared one by one.
    administrator: Option<Hash>,
    known: Arc<Mutex<HashMap<Hash, Known>>>,
    lookups: Arc<Semaphore>,
    renewals: Arc<Semaphore>,
    strangers: Arc<Strangers>,
}

struct Known {
    principal: Principal,
    until: Instant,
}

/// What is known of a token without a look into the database.
enum Memory {
    /// It is valid.
    Valid(Principal),
    /// It was, a while ago.
    Stale,
    /// Nothing.
    None,
}

impl Authenticator {
    /// Looks tokens up in `store`; `administrator` is one more, which may do everything.
    #[must_use]
    pub fn new(store: Store, administrator: Option<&Token>) -> Self {
        Self {
            store,
            administrator: administrator.map(Token::hash),
            known: Arc::default(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            renewals: Arc::new(Semaphore::new(RENEWALS)),
            strangers: Arc::default(),
        }
    }

    /// Who holds the token of these headers, which came from `peer`.
    ///
    /// # Errors
    /// [`Reason::TokenMissing`], [`Reason::TokenInvalid`], [`Reason::TokenExpired`] and [`Reason::TokenRevoked`];
    /// [`Reason::DatabaseUnavailable`] when it cannot be looked up; [`Reason::RateLimited`] for an address with too many
    /// tokens to look up.
    pub async fn principal(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Principal, Status> {
        let hash = bearer(headers)?.hash();
        if self.administrator.is_some_and(|administrator| bool::from(administrator.ct_eq(&hash))) {
            return Ok(Principal { name: "admin".to_owned(), scopes: vec![Scope::Admin], is_limited: false });
        }
        match self.remembered(&hash) {
            Memory::Valid(principal) => Ok(principal),
            Memory::Stale => self.look_up(hash, &self.renewals).await,
            Memory::None => {
                peer.map_or(Ok(()), |peer| self.strangers.admit(peer))?;
                self.look_up(hash, &self.lookups).await
            }
        }
    }

    fn remembered(&self, hash: &Hash) -> Memory {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(hash) {
            Some(known) if Instant::now() < known.until => Memory::Valid(known.principal.clone()),
            Some(_) => Memory::Stale,
            None => Memory::None,
        }
    }

    async fn look_up(&self, hash: Hash, turns: &Semaphore) -> Result<Principal, Status> {
        let Ok(_turn) = tokio::time::timeout(PATIENCE, turns.acquire()).await else {
            return Err(Reason::DatabaseUnavailable.status("the token could not be looked up in time"));
        };
        // Many calls may have waited with the same token; the first has looked it up for all.
        if let Memory::Valid(principal) = self.remembered(&hash) {
            return Ok(principal);
        }
        let looked = Instant::now();
        let lookup = async {
            let mut connection = self.store.vital.acquire().await?;
            token::find(&mut connection, &hash).await
        };
        let found = lookup.await.map_err(of_store)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| looked < known.until + KEPT);
        known.remove(&hash);
        let Some(found) = found else {
            return Err(Reason::TokenInvalid.status("this coordinator does not know the token"));
        };
        match found.standing {
            Standing::Valid { .. } if found.name == access::SIGN_IN => {
                Err(Reason::TokenInvalid.status("this token signs a browser in, once, and does nothing else"))
            }
            Standing::Valid { remaining } => {
                let until = looked + remaining.map_or(CACHE_TIME, |remaining| remaining.min(CACHE_TIME));
                let principal = Principal { name: found.name, scopes: found.scopes, is_limited: true };
                known.insert(hash, Known { principal: principal.clone(), until });
                Ok(principal)
            }
            Standing::Expired if found.name == access::SIGN_IN => Err(Reason::TokenExpired
                .status("this link is too old to sign in with; `batchsweep status` prints another")),
            Standing::Revoked if found.name == access::SIGN_IN => Err(Reason::TokenRevoked.status(
                "this link has signed somebody in, and works once; `batchsweep status` prints another",
            )),
            Standing::Expired => {
                Err(Reason::TokenExpired.status(format!("the token of `{}` has expired", found.name)))
            }
            Standing::Revoked => {
                Err(Reason::TokenRevoked.status(format!("the token of `{}` was revoked", found.name)))
            }
        }
    }

    /// Trades a token named [`access::SIGN_IN`] for one that a browser may keep for `lifetime`, and that allows the same.
    /// It works once, at whichever coordinator. `None` for any other token, also for one that was traded before.
    ///
    /// # Errors
    /// [`Reason::DatabaseUnavailable`] when it cannot be looked up; [`Reason::RateLimited`] for an address with too many
    /// tokens to look up.
    pub async fn trade(
        &self,
        code: &Token,
        peer: Option<IpAddr>,
        lifetime: Duration,
    ) -> Result<Option<Token>, Status> {
        peer.map_or(Ok(()), |peer| self.strangers.admit(peer))?;
        let Ok(_turn) = tokio::time::timeout(PATIENCE, self.lookups.acquire()).await else {
            return Err(Reason::DatabaseUnavailable.status("the token could not be looked up in time"));
        };
        let fresh = Token::random()
            .map_err(|error| Reason::Internal.status(format!("the system gives no random bytes: {error}")))?;
        let trade = async {
            let mut transaction = self.store.vital.begin().await?;
            let Some(scopes) = token::end(&mut transaction, access::SIGN_IN, &code.hash()).await? else {
                return Ok(None);
            };
            let hash = fresh.hash();
            token::insert(&mut transaction, access::PAGE, &hash, &scopes, Some(lifetime)).await?;
            transaction.commit().await?;
            Ok(Some(fresh))
        };
        trade.await.map_err(of_store)
    }

    /// Ends a token that a browser kept; every other token is left as it is.
    ///
    /// # Errors
    /// [`Reason::DatabaseUnavailable`] when it cannot be.
    pub async fn give_back(&self, kept: &Token) -> Result<(), Status> {
        let end = async {
            let mut connection = self.store.vital.acquire().await?;
            token::end(&mut connection, access::PAGE, &kept.hash()).await
        };
        end.await.map_err(of_store)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&kept.hash());
        Ok(())
    }

    /// Forgets what is known, as if [`CACHE_TIME`] had passed.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("administrator", &self.administrator.is_some()).finish()
    }
}

/// The token of an `authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Result<Token, Status> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| {
        Reason::TokenMissing.status("this coordinator asks for a token, and the call carries none")
    })?;
    let invalid = |problem: &str| Reason::TokenInvalid.status(format!("the authorization header {problem}"));
    if values.next().is_some() {
        return Err(invalid("stands there twice"));
    }
    let text = value.to_str().map_err(|_| invalid("is no text"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Token::parse(token.trim()).ok_or_else(|| invalid("holds no token"))
        }
        _ => Err(invalid("is not `Bearer TOKEN`")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(values: &[&[u8]]) -> HeaderMap {
        let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
        let mut headers = HeaderMap::new();
        values.for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn a_token_is_read_from_its_header() {
        assert_eq!(bearer(&with(&[b"Bearer abc"])).unwrap().expose(), "abc");
        assert_eq!(bearer(&with(&[b"bearer  abc "])).unwrap().expose(), "abc");
    }

    #[test]
    fn whatever_else_stands_there_is_refused_without_repeating_it() {
        let reason = |values: &[&[u8]]| {
            let refused = bearer(&with(values)).unwrap_err();
            assert!(!refused.message().contains("abc"), "{refused}");
            Reason::of(&refused).unwrap()
        };
        assert_eq!(reason(&[]), Reason::TokenMissing);
        let long = [&b"Bearer "[..], &[b'x'; 1000]].concat();
        for wrong in [&b"abc"[..], b"Basic abc", b"Bearer ", b"Bearer abc\xff", b"Bearer a bc", &long] {
            assert_eq!(reason(&[wrong]), Reason::TokenInvalid, "{wrong:?}");
        }
        assert_eq!(reason(&[b"Bearer abc", b"Bearer abc"]), Reason::TokenInvalid);
    }
}
