//! TLS on the gRPC port.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use proto::connection::diagnosis::innermost;
use proto::connection::pem;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::ConfigError;

/// How long a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Certificates and keys.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsConfig {
    /// Encrypt: this server's certificate, and those between it and its CA, as PEM.
    #[arg(long, env = "BATCHSWEEP_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, as PEM.
    #[arg(long, env = "BATCHSWEEP_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Ask every client for a certificate that one of these CAs has signed, also for health checks (mutual TLS).
    #[arg(long, env = "BATCHSWEEP_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
}

impl TlsConfig {
    /// Whether anything is encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// How clients write the address.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.is_on() { "https" } else { "http" }
    }

    /// The server with TLS, where it is configured.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read, holds something else, or a key of another certificate.
    pub fn apply<L: Clone>(&self, server: Server<L>) -> Result<Server<L>, ConfigError> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(server) };
        let identity = Identity::from_pem(
            pem::certificates("--tls-cert", certificate)?,
            pem::private_key("--tls-key", key)?,
        );
        let mut tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
        if let Some(ca) = &self.client_ca {
            tls = tls.client_ca_root(Certificate::from_pem(pem::certificates("--client-ca", ca)?));
        }
        server.tls_config(tls).map_err(|error| ConfigError::Tls { problem: innermost(&error) })
    }
}
