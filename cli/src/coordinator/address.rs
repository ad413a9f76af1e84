//! Which coordinator, and who said so.

use std::env;
use std::fmt;

use crate::failure::{Exit, Failure};

/// Where a coordinator listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Such as `http://127.0.0.1:7070`, or `https://host:7070` for one that speaks TLS.
    pub url: String,
    /// Who said so.
    pub origin: Origin,
}

/// Who said where the coordinator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `--coordinator`.
    Flag,
    /// `BATCHSWEEP_COORDINATOR`.
    Environment,
    /// The stack on this machine.
    LocalStack,
    /// Nobody: the port that a coordinator listens on by default.
    Default,
}

impl Address {
    /// The address that the user named; `None` when none was.
    ///
    /// # Errors
    /// When it is no address.
    pub fn named(flag: Option<&str>) -> Result<Option<Self>, Failure> {
        if let Some(text) = flag {
            return Self::parse(text, Origin::Flag).map(Some);
        }
        match env::var("BATCHSWEEP_COORDINATOR") {
            Ok(text) if !text.is_empty() => Self::parse(&text, Origin::Environment).map(Some),
            _ => Ok(None),
        }
    }

    /// The address of a coordinator on this machine that was started by itself.
    #[must_use]
    pub fn default_port() -> Self {
        Self { url: format!("http://127.0.0.1:{}", proto::DEFAULT_GRPC_PORT), origin: Origin::Default }
    }

    /// The failure of a command to which nobody answers there.
    #[must_use]
    pub fn unreachable(&self, why: &str) -> Failure {
        let Self { url, origin } = self;
        let hint = match origin {
            Origin::Default => {
                "start a local stack with: batchsweep up; or name a coordinator with --coordinator or BATCHSWEEP_COORDINATOR"
            }
            Origin::LocalStack => {
                "see what runs with: batchsweep status; start it again with: batchsweep down && batchsweep up"
            }
            Origin::Flag | Origin::Environment => {
                "check that a coordinator listens there and that the address is right"
            }
        };
        Failure::new(Exit::Unreachable, format!("no coordinator at {url} ({origin}): {why}")).hint(hint)
    }

    fn parse(text: &str, origin: Origin) -> Result<Self, Failure> {
        let bad = |why: &str| {
            Failure::usage(format!("`{text}` ({origin}) is not the address of a coordinator: {why}"))
                .hint("write it as https://host:7070, or http://host:7070 where nothing is encrypted")
        };
        let text = text.trim().trim_end_matches('/');
        let url = match text.split_once("://") {
            None => format!("http://{text}"),
            Some(("http" | "https", _)) => text.to_owned(),
            Some((scheme, _)) => return Err(bad(&format!("unknown scheme `{scheme}`"))),
        };
        let uri: tonic::transport::Uri = url.parse().map_err(|_| bad("it cannot be parsed"))?;
        match uri.authority() {
            None => Err(bad("it names no host")),
            Some(_) if uri.path() != "/" => Err(bad("it has a path")),
            Some(authority) if authority.port_u16().is_none() => {
                Ok(Self { url: format!("{url}:{}", proto::DEFAULT_GRPC_PORT), origin })
            }
            Some(_) => Ok(Self { url, origin }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "from --coordinator",
            Self::Environment => "from BATCHSWEEP_COORDINATOR",
            Self::LocalStack => "the local stack",
            Self::Default => "the default",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_people_write_them() {
        for (text, url) in [
            ("http://host:7071", "http://host:7071"),
            ("http://host", "http://host:7070"),
            ("https://host", "https://host:7070"),
            ("host:7071/", "http://host:7071"),
            ("[::1]:7071", "http://[::1]:7071"),
        ] {
            assert_eq!(Address::parse(text, Origin::Flag).unwrap().url, url, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for text in ["", "ftp://host", "http://host:7070/api", "ho st"] {
            let failure = Address::parse(text, Origin::Environment).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
        }
    }
}
