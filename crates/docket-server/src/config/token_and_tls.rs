//! Access to the server: its token, and the files of its TLS certificate.

use std::{fmt, path::PathBuf, sync::Arc};

use thiserror::Error;

/// Access to the server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The token that each request must send, if any.
    pub token: Option<Token>,
    /// True if the server may listen on a public address without a token.
    pub insecure: bool,
    /// The public origin of the server behind a proxy, such as `https://docket.example.org`.
    pub public_url: Option<String>,
    /// Certificate and key, if the server uses TLS.
    pub tls: Option<TlsFiles>,
}

/// The files of a TLS server.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// The secret of the API. It is never printed or logged.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// The minimum length of a token: shorter ones can be guessed.
pub const SHORTEST_TOKEN: usize = 16;

/// A token that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidToken {
    /// Too short to be a secret.
    #[error(
        "the token has {0} characters instead of at least {SHORTEST_TOKEN}: create one with `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// Not valid in a header.
    #[error("the token must be printable ASCII characters without spaces")]
    BadCharacter,
}

impl Token {
    /// Parses a token, without the line break at the end of a file.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        // First, so that bytes are characters in the check of the length.
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidToken::BadCharacter);
        }
        if text.len() < SHORTEST_TOKEN {
            return Err(InvalidToken::TooShort(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// True if `offered` is the token; compares in constant time.
    #[must_use]
    pub fn admits(&self, offered: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        // A token of another length is rejected at once: the length is no secret.
        self.0.as_bytes().ct_eq(offered).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Derived, it would show the secret in each `Debug` text of a configuration.
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown_and_admits_only_itself() {
        let token = Token::parse("0123456789abcdef\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(token.admits(b"0123456789abcdef"));
        assert!(!token.admits(b"0123456789abcdeF"));
        assert!(!token.admits(b""));
    }
}
