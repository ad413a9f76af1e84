//! Whether callers must show a token.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ConfigError, TlsConfig};

/// Who may call.
#[derive(Debug, Clone, Default, Args)]
pub struct AuthConfig {
    /// Whether every call must carry a token: auto asks for one unless only this machine can reach the address.
    #[arg(long, env = "BATCHSWEEP_AUTH", value_name = "WHEN", value_enum, default_value_t = AuthMode::Auto)]
    pub auth: AuthMode,

    /// A file with one more token that may do everything and is not in the database: for a stack of one's own, and
    /// to make the first tokens.
    #[arg(long, env = "BATCHSWEEP_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

/// Whether every call must carry a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum AuthMode {
    /// When other machines can reach the address.
    #[default]
    Auto,
    /// On every address.
    Required,
    /// Never: whoever reaches the address may do everything.
    Off,
}

impl AuthConfig {
    /// Whether calls to this address must carry a token.
    #[must_use]
    pub fn is_required(&self, listen: SocketAddr) -> bool {
        match self.auth {
            AuthMode::Auto => !listen.ip().is_loopback() || self.admin_token_file.is_some(),
            AuthMode::Required => true,
            AuthMode::Off => false,
        }
    }

    /// Checks that nobody is let in from outside by mistake.
    pub(super) fn check(
        &self,
        listen: SocketAddr,
        tls: &TlsConfig,
        insecure: bool,
    ) -> Result<(), ConfigError> {
        if self.auth == AuthMode::Off && self.admin_token_file.is_some() {
            return Err(ConfigError::TokenFileUnused);
        }
        let is_open = !self.is_required(listen) && !listen.ip().is_loopback();
        // A client's certificate is a proof of its own.
        if is_open && tls.client_ca.is_none() && !insecure {
            return Err(ConfigError::PublicWithoutAuth { listen });
        }
        Ok(())
    }
}
