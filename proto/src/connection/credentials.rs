//! What a client trusts, and what it shows of itself.

use std::fmt;
use std::path::Path;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Status};

use super::diagnosis::{Problem, innermost};
use super::pem::{self, PemError};
use crate::token::{Token, TokenFileError};

/// The files that a client was told of.
#[derive(Debug, Clone, Copy, Default)]
pub struct CredentialFiles<'a> {
    /// The token.
    pub token: Option<&'a Path>,
    /// Certificates of those who may vouch for a coordinator; without it the system's.
    pub ca: Option<&'a Path>,
    /// The client's own certificate, for coordinators that ask for one.
    pub client_cert: Option<&'a Path>,
    /// Its key.
    pub client_key: Option<&'a Path>,
}

/// What a client trusts, and what it shows of itself. `Debug` tells no secret.
#[derive(Clone, Default)]
pub struct Credentials {
    bearer: Bearer,
    /// As PEM.
    pub(super) ca: Option<Vec<u8>>,
    /// A certificate and its key, as PEM.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Why there are no credentials, or no endpoint for them.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenFileError),
    /// No certificate or key.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate without its key, or the other way round.
    #[error("--client-cert and --client-key go together")]
    HalfIdentity,
    /// The address does not parse.
    #[error("`{url}` is not the address of a coordinator, such as http://host:7070 or https://host:7070")]
    Address {
        /// As given.
        url: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {problem}")]
    Tls {
        /// What is wrong.
        problem: String,
    },
}

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// [`CredentialError`], which names the file.
    pub fn read(files: CredentialFiles<'_>) -> Result<Self, CredentialError> {
        let bearer = files.token.map(Token::read).transpose()?.map_or_else(Bearer::default, Bearer::of);
        let ca = files.ca.map(|file| pem::certificates("--ca-file", file)).transpose()?;
        let identity = match (files.client_cert, files.client_key) {
            (Some(certificate), Some(key)) => Some((
                pem::certificates("--client-cert", certificate)?,
                pem::private_key("--client-key", key)?,
            )),
            (None, None) => None,
            _ => return Err(CredentialError::HalfIdentity),
        };
        Ok(Self { bearer, ca, identity })
    }

    /// The interceptor that shows the token.
    #[must_use]
    pub fn bearer(&self) -> Bearer {
        self.bearer.clone()
    }

    /// Whether the token would travel readable for everybody on the way: it is sent unencrypted to another machine.
    #[must_use]
    pub fn token_is_exposed_at(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.bearer.0.is_some() && !is_encrypted(&uri) && !is_here
    }

    /// A coordinator's endpoint: with TLS for an `https://` address.
    ///
    /// # Errors
    /// [`CredentialError`] for what is no address, and for certificates that cannot be used.
    pub fn endpoint(&self, url: &str) -> Result<Endpoint, CredentialError> {
        let address = || CredentialError::Address { url: url.to_owned() };
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| address())?;
        if endpoint.uri().host().is_none() || endpoint.uri().scheme().is_none() {
            return Err(address());
        }
        if !is_encrypted(endpoint.uri()) {
            return Ok(endpoint);
        }
        let mut tls = ClientTlsConfig::new();
        tls = match &self.ca {
            Some(ca) => tls.ca_certificate(Certificate::from_pem(ca)),
            None => tls.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        endpoint.tls_config(tls).map_err(|error| CredentialError::Tls {
            problem: Problem::of(&error).map_or_else(|| innermost(&error), |problem| problem.to_string()),
        })
    }
}

fn is_encrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.bearer.0.is_some())
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

/// Adds `authorization: Bearer` to every call, where there is a token.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Shows this token.
    #[must_use]
    pub fn of(token: Token) -> Self {
        let mut value: Option<MetadataValue<Ascii>> = format!("Bearer {}", token.expose()).parse().ok();
        // Neither logs nor header tables repeat it.
        value.iter_mut().for_each(|value| value.set_sensitive(true));
        Self(value)
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Bearer(redacted)" } else { "Bearer(none)" })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(text: &str) -> Credentials {
        Credentials { bearer: Bearer::of(Token::parse(text).unwrap()), ..Credentials::default() }
    }

    #[test]
    fn credentials_are_never_shown() {
        let identity = (b"certificate".to_vec(), b"key-bytes".to_vec());
        let credentials = Credentials { identity: Some(identity), ..with_token("s3cret") };
        let shown = format!("{credentials:?} {:?}", credentials.bearer());
        assert!(!shown.contains("s3cret") && !shown.contains("107"), "{shown}");
    }

    #[test]
    fn a_token_on_an_open_wire_is_noticed() {
        let exposed = |url: &str| with_token("t").token_is_exposed_at(url);
        assert!(exposed("http://host:7070"));
        assert!(!exposed("https://host:7070"));
        for local in ["http://127.0.0.1:7070", "http://[::1]:7070", "http://localhost:7070"] {
            assert!(!exposed(local), "{local}");
        }
        assert!(!Credentials::default().token_is_exposed_at("http://host:7070"), "there is no token");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["127.0.0.1 7070", "/socket", ""] {
            let refused = Credentials::default().endpoint(url);
            assert!(matches!(refused, Err(CredentialError::Address { .. })), "{url}");
        }
    }

    #[test]
    fn a_wrong_file_is_named_with_its_flag() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        let files = CredentialFiles { ca: Some(&file), ..CredentialFiles::default() };
        let said = Credentials::read(files).unwrap_err().to_string();
        assert!(said.contains("--ca-file") && said.contains("ca.pem"), "{said}");
        let files = CredentialFiles { client_cert: Some(&file), ..CredentialFiles::default() };
        assert!(matches!(Credentials::read(files), Err(CredentialError::HalfIdentity)));
    }
}
