//! Who may use the API: a client with the token, or a browser with a session.

use std::net::SocketAddr;

use actix_web::http::header::{self, HeaderMap, HeaderName};
use tokio_util::sync::CancellationToken;

use super::{error::ApiError, sessions::Sessions, wrong_tokens::WrongTokens};
use crate::config::Access;

/// How long a browser keeps the cookie, in seconds. Afterwards its user has to sign in again.
// A session that is used daily lives as long as the server, so the browser has to set the limit.
const COOKIE_LIFETIME: u32 = 7 * 24 * 60 * 60;

#[derive(Debug)]
pub(crate) struct Authentication {
    pub(crate) access: Access,
    /// True if the API listens on a Unix socket, which only the owner of the file can open.
    pub(crate) is_local_socket: bool,
    pub(crate) sessions: Sessions,
    pub(crate) wrong_tokens: WrongTokens,
    /// Ends all streams when the server stops.
    pub(crate) stopping: CancellationToken,
}

impl Authentication {
    /// True if the token is the server's.
    pub(super) fn admits(&self, token: &str) -> bool {
        self.access.token.as_ref().is_some_and(|own| own.admits(token.as_bytes()))
    }

    /// Counts a wrong token and returns the error for it.
    pub(super) fn reject_token(&self, peer: Option<SocketAddr>) -> ApiError {
        let wait = self.wrong_tokens.count(peer.map(|peer| peer.ip()));
        wait.map_or(ApiError::WrongToken, ApiError::TooManyTokens)
    }

    /// True if the headers have the cookie of a session that has not ended.
    pub(super) fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        self.secret(headers).is_some_and(|secret| self.sessions.admits(secret))
    }

    /// Begins a session and returns the `Set-Cookie` header for it.
    pub(super) fn sign_in(&self) -> Result<String, ApiError> {
        Ok(self.cookie(&self.sessions.begin(&self.stopping)?, COOKIE_LIFETIME))
    }

    /// Ends the session of the cookie, if any, and returns the `Set-Cookie` header that removes it.
    pub(super) fn sign_out(&self, headers: &HeaderMap) -> Result<String, ApiError> {
        // Without the cookie there is nothing that another page could end.
        if let Some(secret) = self.secret(headers) {
            check_own_page(headers)?;
            self.sessions.end(secret);
        }
        Ok(self.cookie("", 0))
    }

    /// A token that is cancelled when the streams of a client must end: with its session, or with the
    /// server.
    pub(super) fn end_of(&self, headers: &HeaderMap) -> CancellationToken {
        let session = self.secret(headers).and_then(|secret| self.sessions.end_of(secret));
        // A client with the token has no session: its streams end with the server.
        session.unwrap_or_else(|| self.stopping.clone())
    }

    /// True if browsers reach the server over TLS, which may end at a proxy.
    fn is_secure(&self) -> bool {
        let is_public = |url: &String| url.starts_with("https:");
        self.access.tls.is_some() || self.access.public_url.as_ref().is_some_and(is_public)
    }

    /// The name of the cookie. Browsers accept the prefix `__Host-` over TLS from this host only.
    fn cookie_name(&self) -> &'static str {
        if self.is_secure() { "__Host-docket_session" } else { "docket_session" }
    }

    fn cookie(&self, value: &str, seconds: u32) -> String {
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let name = self.cookie_name();
        // The prefix `__Host-` requires `Path=/`, `Secure`, and that no `Domain` is set.
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    fn secret<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        // HTTP/2 may send each cookie in a header of its own.
        let cookies = headers.get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
        let own = self.cookie_name();
        pairs.find(|(name, _)| name.trim() == own).map(|(_, value)| value.trim())
    }
}

/// Rejects a request with a cookie unless the browser confirms that a page of this server sent it.
/// `access` has already checked that an `Origin` is this server's.
pub(super) fn check_own_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let site = headers.get(HeaderName::from_static("sec-fetch-site"));
    let is_same_origin = site.is_some_and(|site| site == "same-origin");
    if headers.contains_key(header::ORIGIN) || is_same_origin {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "a cookie alone changes nothing, because any page could make a browser send it: send \
         `Origin` too, or the token as `Authorization: Bearer TOKEN`"
            .to_owned(),
    ))
}
