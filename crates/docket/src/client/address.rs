//! The address of a server, as users write it.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use reqwest::Url;
use thiserror::Error;

/// The address of a server: a URL without a trailing slash, or a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerAddress {
    /// Over the network.
    Url(String),
    /// Over a Unix socket.
    Unix(PathBuf),
}

/// A text that is not a valid address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InvalidAddress {
    /// Not a URL.
    #[error("`{text}` is not a valid address: {reason}")]
    Malformed {
        /// The text.
        text: String,
        /// Why.
        reason: String,
    },
    /// A URL that cannot be a docket server.
    #[error(
        "`{0}` is not the address of a server: write http://HOST:PORT, https://… or unix:/PATH"
    )]
    Scheme(String),
    /// Parts that an address must not have.
    #[error("an address has no user name, query or fragment")]
    Excess,
}

impl FromStr for ServerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///run/docket.sock` is how DOCKER_HOST writes it.
            let path = path.strip_prefix("//").unwrap_or(path);
            let scheme = || InvalidAddress::Scheme(text.to_owned());
            return if path.is_empty() { Err(scheme()) } else { Ok(Self::Unix(path.into())) };
        }
        // `localhost:3000` alone would parse as a URL with the scheme `localhost`.
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| InvalidAddress::Malformed {
            text: text.to_owned(),
            reason: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidAddress::Scheme(text.to_owned()));
        }
        // docket has tokens and no passwords; silently ignoring a password would suggest otherwise.
        if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidAddress::Excess);
        }
        // The text as written, and not the parsed URL, which would show the user another address.
        // Paths are appended with their own slash.
        Ok(Self::Url(with_scheme.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl ServerAddress {
    /// The base URL of requests.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Url(url) => url,
            // Requests go over the socket; the name is only used for the header `Host`.
            Self::Unix(_) => "http://localhost",
        }
    }

    /// True if the connection is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.base().starts_with("https:")
    }

    /// True for this machine itself, which no proxy is used for.
    pub(crate) fn is_local(&self) -> bool {
        let Ok(url) = Url::parse(self.base()) else { return false };
        let host = url.host_str().unwrap_or_default();
        // `host_str` returns an IPv6 address with its brackets.
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scheme_is_added_and_a_trailing_slash_removed() {
        let cases = [
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("localhost:3000", "http://localhost:3000"),
            ("[::1]:3000/", "http://[::1]:3000"),
            ("https://example.org/docket//", "https://example.org/docket"),
            ("unix:/run/docket.sock", "unix:/run/docket.sock"),
            ("unix:///run/docket.sock", "unix:/run/docket.sock"),
        ];
        for (text, shown) in cases {
            assert_eq!(text.parse::<ServerAddress>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn an_invalid_address_is_rejected() {
        let cases = [
            ("", "`` is not a valid address: empty host"),
            (
                "http://localhost:99999",
                "`http://localhost:99999` is not a valid address: invalid port number",
            ),
            (
                "tcp://localhost:3000",
                "`tcp://localhost:3000` is not the address of a server: write http://HOST:PORT, https://… or unix:/PATH",
            ),
            (
                "unix:",
                "`unix:` is not the address of a server: write http://HOST:PORT, https://… or unix:/PATH",
            ),
            ("http://me@localhost", "an address has no user name, query or fragment"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<ServerAddress>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn local_addresses_are_recognized() {
        for (text, local) in [
            ("localhost:3000", true),
            ("127.0.0.2:3000", true),
            ("https://[::1]:3000", true),
            ("unix:/run/docket.sock", true),
            ("example.org", false),
            ("10.0.0.1:3000", false),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().is_local(), local, "{text}");
        }
    }
}
