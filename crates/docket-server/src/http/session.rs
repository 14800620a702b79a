//! Sessions: a web page signs in once with the token, and is known by a cookie from then on.
//!
//! 1. A session is in memory only: it ends with the server, when somebody signs out, or when it was
//!    not used for long.
//! 2. What is kept of a session is a digest, so that nothing in memory opens one.
//! 3. After ten wrong tokens in a minute nobody signs in from their address for the rest of it. A
//!    session and a right token with a request are let in even then: else one behind a proxy could
//!    lock out all that goes on by itself.

use std::{
    collections::HashMap,
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
    web::{self, Data},
};
use docket_model::wire::{Session, SignIn};
use parking_lot::Mutex;
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Api, access, body,
    error::{ApiError, JSON, SizeLimit},
    openapi::refusals::{Any, Guarded, NoToken, Posted},
};
use crate::config::Access;

/// How long a session lasts that is not used.
const UNUSED: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a browser keeps the cookie: after so many seconds it asks for the token anew.
const COOKIE_LIFE: u32 = 7 * 24 * 60 * 60;
/// How many sessions there may be; one more ends the one that was not used for longest.
const MOST_SESSIONS: usize = 1000;
/// How many wrong tokens may come from an address in [`COUNTED`], before it is told to wait.
const MOST_WRONG: u32 = 10;
/// How long wrong tokens count.
const COUNTED: Duration = Duration::from_secs(60);
/// For how many addresses they are counted.
const MOST_ADDRESSES: usize = 10_000;
/// The largest body that signs in, in bytes.
const LARGEST: usize = 16 << 10;

/// Those who signed in.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By the digests of their secrets.
    lasting: Mutex<HashMap<[u8; digest::SHA256_OUTPUT_LEN], Lasting>>,
}

/// A session that has not ended.
#[derive(Debug)]
struct Lasting {
    used: Instant,
    /// Ends the answers that go on, with the session.
    end: CancellationToken,
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

fn digest_of(secret: &str) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    bytes
}

impl Sessions {
    /// Begins a session that ends with the server; returns the secret that it is known by.
    fn begin(&self, stopping: &CancellationToken) -> Result<String, ApiError> {
        let mut random = [0; 32];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| ApiError::Internal("the system has no random numbers".to_owned()))?;
        let mut secret = String::with_capacity(2 * random.len());
        for byte in random {
            // Writing to a String cannot fail.
            let _: Result<(), _> = write!(secret, "{byte:02x}");
        }
        let mut lasting = self.lasting.lock();
        lasting.retain(|_, session| session.used.elapsed() < UNUSED);
        if lasting.len() >= MOST_SESSIONS {
            let oldest = lasting.iter().min_by_key(|(_, session)| session.used);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|oldest| lasting.remove(&oldest));
        }
        let end = stopping.child_token();
        lasting.insert(digest_of(&secret), Lasting { used: Instant::now(), end });
        Ok(secret)
    }

    /// True while the session of this secret lasts; it lasts longer for it.
    fn admits(&self, secret: &str) -> bool {
        let mut lasting = self.lasting.lock();
        let Some(session) = lasting.get_mut(&digest_of(secret)) else { return false };
        let lasts = session.used.elapsed() < UNUSED;
        if lasts {
            session.used = Instant::now();
        }
        lasts
    }

    /// Cancelled when the session of this secret ends.
    fn end_of(&self, secret: &str) -> Option<CancellationToken> {
        let lasting = self.lasting.lock();
        lasting.get(&digest_of(secret)).map(|session| session.end.clone())
    }

    fn end(&self, secret: &str) {
        self.lasting.lock().remove(&digest_of(secret));
    }
}

/// Addresses from which wrong tokens came lately: since when, and how many.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    by_address: Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>,
}

impl WrongTokens {
    /// Counts a wrong token; says how long its address has to wait, if it does.
    pub(super) fn count(&self, address: Option<IpAddr>) -> Option<Duration> {
        let now = Instant::now();
        let mut by_address = self.by_address.lock();
        if by_address.len() >= MOST_ADDRESSES {
            by_address.retain(|_, (since, _)| now - *since < COUNTED);
            if by_address.len() >= MOST_ADDRESSES {
                by_address.clear();
            }
        }
        let (since, count) = by_address.entry(address.map(one_of_many)).or_insert((now, 0));
        if now - *since >= COUNTED {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count == MOST_WRONG {
            let address = address.map_or_else(|| "a local user".to_owned(), |it| it.to_string());
            warn!(address, "{MOST_WRONG} wrong tokens in a minute: the address is told to wait");
        }
        (*count > MOST_WRONG).then(|| COUNTED.saturating_sub(now - *since))
    }

    /// How long nobody may sign in from an address, if that is so.
    fn wait(&self, address: Option<IpAddr>) -> Option<Duration> {
        let by_address = self.by_address.lock();
        let (since, count) = by_address.get(&address.map(one_of_many))?;
        let left = COUNTED.saturating_sub(since.elapsed());
        (*count >= MOST_WRONG && !left.is_zero()).then_some(left)
    }
}

/// The address that stands for all that its owner has: of version 6 that is a network.
fn one_of_many(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// True where the cookie of a session that lasts came with these headers.
pub(super) fn is_signed_in(api: &Api, headers: &HeaderMap) -> bool {
    secret(headers, &api.access).is_some_and(|secret| api.sessions.admits(secret))
}

/// Cancelled when an answer that goes on has to end: with the session of the one who asks, or with
/// the server.
pub(super) fn end_of(api: &Api, headers: &HeaderMap) -> CancellationToken {
    let session = secret(headers, &api.access).and_then(|secret| api.sessions.end_of(secret));
    session.unwrap_or_else(|| api.stopping.clone())
}

/// True where browsers reach the server over TLS, its own or that of a proxy.
fn is_secure(access: &Access) -> bool {
    let is_public = |url: &String| url.starts_with("https:");
    access.tls.is_some() || access.public_url.as_ref().is_some_and(is_public)
}

/// The name of the cookie; with the prefix browsers take it from this host over TLS only.
fn cookie_name(access: &Access) -> &'static str {
    if is_secure(access) { "__Host-docket_session" } else { "docket_session" }
}

fn cookie(access: &Access, value: &str, seconds: u32) -> String {
    let secure = if is_secure(access) { "; Secure" } else { "" };
    let name = cookie_name(access);
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn secret<'a>(headers: &'a HeaderMap, access: &Access) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|it| it.split_once('='));
    let wanted = cookie_name(access);
    pairs.find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
}

/// `POST /-/session`: signs in with the token; the answer sets a cookie.
#[utoipa::path(
    post,
    path = "/-/session",
    operation_id = "signIn",
    tag = "session",
    request_body = SignIn,
    responses(
        (status = 204, description = "Signed in", headers(("Set-Cookie" = String))),
        Posted,
        NoToken,
        Guarded,
        Any,
    ),
    security(()),
)]
pub(super) async fn sign_in(
    api: Data<Api>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let token = api.access.token.as_ref().ok_or(ApiError::NoToken)?;
    let limit = SizeLimit::Endpoint(LARGEST);
    let body = body::bytes(&request, payload, &api.limits, limit).await?;
    // What serde says of an error may hold what was sent.
    let wrong = |_| ApiError::BadRequest("send the token as {\"Token\":\"…\"}".to_owned());
    let SignIn { token: offered } = serde_json::from_slice(&body.bytes).map_err(wrong)?;
    let peer = request.peer_addr();
    if let Some(wait) = api.wrong_tokens.wait(peer.map(|peer| peer.ip())) {
        return Err(ApiError::TooManyTokens(wait));
    }
    if !token.admits(offered.trim().as_bytes()) {
        return Err(access::wrong_token(&api, peer));
    }
    let cookie = cookie(&api.access, &api.sessions.begin(&api.stopping)?, COOKIE_LIFE);
    Ok(signed(&cookie))
}

/// `DELETE /-/session`: signs out.
#[utoipa::path(
    delete,
    path = "/-/session",
    operation_id = "signOut",
    tag = "session",
    responses(
        (status = 204, description = "Signed out", headers(("Set-Cookie" = String))),
        NoToken,
        Any,
    ),
    security(()),
)]
pub(super) async fn sign_out(
    api: Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    if api.access.token.is_none() {
        return Err(ApiError::NoToken);
    }
    if let Some(secret) = secret(request.headers(), &api.access) {
        access::check_own_page(request.headers())?;
        api.sessions.end(secret);
    }
    Ok(signed(&cookie(&api.access, "", 0)))
}

fn signed(cookie: &str) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.insert_header((header::SET_COOKIE, cookie)).finish()
}

/// `GET /-/session`: whether a token is wanted, and whether the one who asks has a session.
#[utoipa::path(
    get,
    path = "/-/session",
    operation_id = "session",
    tag = "session",
    responses(
        (status = 200, description = "Whether one has to sign in, and did", body = Session),
        Any,
    ),
    security(()),
)]
pub(super) async fn get(api: Data<Api>, request: HttpRequest) -> HttpResponse {
    let guarded = api.access.token.is_some();
    let signed_in = guarded && is_signed_in(&api, request.headers());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.content_type(JSON).json(Session { guarded, signed_in })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_while_it_is_used() {
        let (sessions, stopping) = (Sessions::default(), CancellationToken::new());
        let (used, unused) =
            (sessions.begin(&stopping).unwrap(), sessions.begin(&stopping).unwrap());

        tokio::time::advance(UNUSED / 2).await;
        assert!(sessions.admits(&used));
        tokio::time::advance(UNUSED / 2).await;

        assert_eq!(used.len(), 64);
        assert!(sessions.admits(&used) && !sessions.admits(&unused) && !sessions.admits(""));
        sessions.end(&used);
        assert!(!sessions.admits(&used));
    }

    #[tokio::test(start_paused = true)]
    async fn one_session_too_many_ends_the_one_that_was_unused_for_longest() {
        let (sessions, stopping) = (Sessions::default(), CancellationToken::new());
        let first = sessions.begin(&stopping).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = sessions.begin(&stopping).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;

        for _ in 2..=MOST_SESSIONS {
            sessions.begin(&stopping).unwrap();
        }

        assert!(!sessions.admits(&first) && sessions.admits(&second));
    }

    #[tokio::test(start_paused = true)]
    async fn ten_wrong_tokens_make_an_address_wait_to_the_end_of_the_minute() {
        let wrong = WrongTokens::default();
        let address = |text: &str| Some(text.parse().unwrap());
        let of_one = address("2001:db8::1");
        for _ in 0..MOST_WRONG {
            assert_eq!(wrong.count(of_one), None);
        }
        tokio::time::advance(Duration::from_secs(20)).await;

        assert_eq!(wrong.count(of_one), Some(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("2001:db8::2")), Some(Duration::from_secs(40)));
        assert_eq!(wrong.count(address("2001:db8:0:1::1")), None);
        assert_eq!(wrong.count(address("10.0.0.1")), None);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(wrong.count(of_one), None);
    }
}
