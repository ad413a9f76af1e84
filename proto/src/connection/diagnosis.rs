//! Why there is no connection, in words that say what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};
use tonic::transport::Uri;

/// How long a look at what is wrong may take.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// What is wrong between a client and a coordinator that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nobody whom the client trusts vouches for the coordinator.
    UnknownIssuer,
    /// The coordinator's certificate has run out.
    Expired,
    /// The coordinator's certificate is not valid yet.
    NotYetValid,
    /// The coordinator's certificate is for other names.
    WrongName {
        /// The name that it was reached by.
        expected: String,
        /// The names that it has.
        presented: Vec<String>,
    },
    /// The coordinator does not speak TLS.
    Plaintext,
    /// The coordinator speaks TLS, the client does not.
    Encrypted,
    /// The coordinator wants a client's certificate.
    ClientCertificateRequired,
    /// The coordinator does not take the client's certificate.
    ClientCertificateRefused {
        /// What it says.
        alert: String,
    },
    /// Something else about TLS.
    Other {
        /// What rustls says.
        message: String,
    },
}

impl Problem {
    /// Finds a TLS problem among an error and its causes.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        rustls_error(error).map(Self::of_rustls)
    }

    fn of_rustls(error: &rustls::Error) -> Self {
        use CertificateError as Certificate;
        let other = || Self::Other { message: error.to_string() };
        match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                // A CA of the same name with another key fails at the signature.
                Certificate::UnknownIssuer | Certificate::BadSignature => Self::UnknownIssuer,
                Certificate::Expired | Certificate::ExpiredContext { .. } => Self::Expired,
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Self::NotYetValid,
                Certificate::NotValidForNameContext { expected, presented } => Self::WrongName {
                    expected: expected.to_str().into_owned(),
                    presented: presented.iter().map(|name| plain(name)).collect(),
                },
                _ => other(),
            },
            rustls::Error::InvalidMessage(_) => Self::Plaintext,
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
                Self::ClientCertificateRequired
            }
            rustls::Error::AlertReceived(alert) => {
                Self::ClientCertificateRefused { alert: format!("{alert:?}") }
            }
            _ => other(),
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownIssuer => "give the certificate of its CA with --ca-file",
            Self::Expired => "renew the coordinator's certificate, such as with: batchsweep certs --out DIR",
            Self::NotYetValid => "compare the clocks of both machines",
            Self::WrongName { .. } => {
                "use one of its names in the address, or make it a certificate for this one, such as with: \
                 batchsweep certs --out DIR --host NAME"
            }
            Self::Plaintext => {
                "write http:// in the address, or give the coordinator --tls-cert and --tls-key"
            }
            Self::Encrypted => "write https:// in the address, and give its CA with --ca-file",
            Self::ClientCertificateRequired => "give one with --client-cert and --client-key",
            Self::ClientCertificateRefused { .. } => {
                "give one that its --client-ca has signed with --client-cert and --client-key, and that is still valid"
            }
            Self::Other { .. } => "see the coordinator's log",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("its certificate is not signed by a CA that is trusted here"),
            Self::Expired => f.write_str("its certificate has expired"),
            Self::NotYetValid => f.write_str("its certificate is not valid yet"),
            Self::WrongName { expected, presented } => {
                write!(f, "its certificate is for {}, not for {expected}", presented.join(", "))
            }
            Self::Plaintext => f.write_str("it does not speak TLS"),
            Self::Encrypted => f.write_str("it speaks TLS only"),
            Self::ClientCertificateRequired => f.write_str("it asks for a client's certificate"),
            Self::ClientCertificateRefused { alert } => {
                write!(f, "it does not take this client's certificate ({alert})")
            }
            Self::Other { message } => write!(f, "TLS failed: {message}"),
        }
    }
}

/// `DnsName("localhost")` and `IpAddress(127.0.0.1)` as people write them.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

/// Whether something at an `http://` address answers with TLS. It is asked as an HTTP/2 client without TLS would; a TLS
/// server answers that with an alert, whose first byte no HTTP/2 server sends first.
pub(super) async fn speaks_tls(url: &str) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const ALERT: u8 = 0x15;
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else { return false };
    let host = host.trim_matches(['[', ']']);
    let ask = async {
        let mut stream = TcpStream::connect((host, port)).await?;
        stream.write_all(PREFACE).await?;
        stream.read_u8().await
    };
    matches!(tokio::time::timeout(PATIENCE, ask).await, Ok(Ok(ALERT)))
}

/// The cause at the bottom, which is the one that says something: `Connection refused`.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    text.find(" (os error").map_or(text.clone(), |end| text[..end].to_owned())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| {
        error.downcast_ref::<rustls::Error>().or_else(|| {
            // An I/O error's source is its content's, not the content.
            let content = error.downcast_ref::<io::Error>()?.get_ref()?;
            rustls_error(content)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tls_error_is_found_inside_others() {
        let inner = io::Error::other(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let outer = io::Error::other(inner);
        assert_eq!(Problem::of(&outer), Some(Problem::UnknownIssuer));
        assert_eq!(Problem::of(&io::Error::other("connection refused")), None);
    }

    #[test]
    fn names_read_as_people_write_them() {
        assert_eq!(plain("DnsName(\"localhost\")"), "localhost");
        assert_eq!(plain("IpAddress(127.0.0.1)"), "127.0.0.1");
    }
}
