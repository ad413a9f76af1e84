//! Where HTTP is served.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// An address to serve HTTP on, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpListen {
    /// Serve no HTTP.
    Off,
    /// Serve it there.
    At(SocketAddr),
}

impl HttpListen {
    /// The address, if any.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl FromStr for HttpListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .map(Self::At)
                .map_err(|_| format!("`{text}` is neither an address such as 127.0.0.1:7080 nor `off`")),
        }
    }
}

impl fmt::Display for HttpListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_off() {
        assert_eq!("off".parse(), Ok(HttpListen::Off));
        assert_eq!("[::1]:7080".parse::<HttpListen>().unwrap().to_string(), "[::1]:7080");
        assert!("localhost".parse::<HttpListen>().unwrap_err().contains("nor `off`"));
    }
}
