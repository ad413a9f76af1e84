//! Reaching a coordinator: the same way for commands, workers and health checks.
//!
//! - [`pem`]: certificates and keys out of files,
//! - [`credentials`]: what a client trusts, and what it shows,
//! - [`diagnosis`]: why there is no connection, in words that say what to do; [`handshake`]: looking closer.

pub mod credentials;

pub mod diagnosis;

mod handshake;

pub mod pem;

pub use credentials::{Bearer, CredentialError, CredentialFiles, Credentials};
pub use diagnosis::Problem;
