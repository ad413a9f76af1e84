//! Who may call what, and how much: everything between a connection and a handler.
//!
//! - [`connections`]: how many there may be,
//! - [`guard`]: the layer in front of all services: a token, its scope, then the handler,
//! - [`methods`]: which scope each method needs; a method that is not listed is refused,
//! - [`authenticator`]: from a token to its principal,
//! - [`rates`]: how much each principal may ask for in a while,
//! - [`whole`]: messages, taken in before anything reads them,
//! - [`status`]: from errors to what callers are answered.

pub mod authenticator;

pub mod connections;

pub mod guard;

pub mod methods;

pub mod rates;

pub mod status;

pub mod whole;

use std::net::IpAddr;

use domain::access::Scope;

/// The address of the other end of an HTTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody at a coordinator that asks for no tokens: may do everything.
    Anybody,
    /// The holder of a token.
    Principal(Principal),
}

/// The holder of a token, as the token tells it. Tokens of one name are one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's name.
    pub name: String,
    /// What the token allows.
    pub scopes: Vec<Scope>,
    /// Whether the limits of [`rates`] hold for it; not for the token of a stack of one's own.
    pub is_limited: bool,
}

impl Principal {
    /// Whether it may do what `needed` stands for.
    #[must_use]
    pub fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.allows(needed))
    }
}

impl Caller {
    /// Who called; set by the [`guard`] on every request that it lets through.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or(Self::Anybody)
    }

    /// The name that leases are bound to; `None` where nobody has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Anybody => None,
            Self::Principal(principal) => Some(&principal.name),
        }
    }
}
