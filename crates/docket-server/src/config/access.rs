//! Who may talk to the server.

use std::{fmt, path::PathBuf, sync::Arc};

use thiserror::Error;

/// Who may talk to the server.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// What each request must carry, if anything.
    pub token: Option<Token>,
    /// True where the server may be reached from elsewhere without a token.
    pub insecure: bool,
    /// The origin under which a proxy offers the server, such as `https://docket.example.org`.
    pub public_url: Option<String>,
    /// Certificate and key, where the server speaks TLS itself.
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

/// A secret that opens the API. It is neither printed nor logged.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// The shortest token that is taken: shorter ones can be guessed.
pub const SHORTEST_TOKEN: usize = 16;

/// A token that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidToken {
    /// Too short to be a secret.
    #[error(
        "a token has at least {SHORTEST_TOKEN} characters, this one has {0}: make one with `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// It could not stand in a header.
    #[error("a token is made of printable ASCII characters without spaces")]
    BadCharacter,
}

impl Token {
    /// Reads a token, without the line end that a file has.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(InvalidToken::BadCharacter);
        }
        if text.len() < SHORTEST_TOKEN {
            return Err(InvalidToken::TooShort(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// True if `offered` is the token; takes as long for a near miss as for a far one.
    #[must_use]
    pub fn admits(&self, offered: &[u8]) -> bool {
        use subtle::ConstantTimeEq;
        self.0.as_bytes().ct_eq(offered).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
