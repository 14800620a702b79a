//! Who may ask: the token or a session, and no web page of another origin.
//!
//! 1. What needs no token tells nothing: whether the server lives, the page without its data, and
//!    the way to sign in.
//! 2. What comes with a cookie may be sent by a browser without its user's will, so it changes
//!    something only where the browser says that a page of ours asks.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, Uri,
        header::{self, HeaderMap},
    },
    middleware::Next,
    web::Data,
};

use super::{Api, error::ApiError, page, session};
use crate::config::Access;

/// The path that answers without a token: whether the server lives is no secret.
const HEALTH: &str = "/-/health";
/// Where one signs in, which says itself who may.
const SESSION: &str = "/-/session";

/// Lets a request through, or says why not.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(api) = request.app_data::<Data<Api>>() {
        check(&request, api)?;
    }
    next.call(request).await
}

fn check(request: &ServiceRequest, api: &Api) -> Result<(), ApiError> {
    let access = &api.access;
    let host = request.uri().authority().map_or_else(
        || text(request.headers(), header::HOST).unwrap_or_default().to_owned(),
        ToString::to_string,
    );
    check_origin(text(request.headers(), header::ORIGIN), &host, access)?;
    if access.token.is_none() {
        // A page whose name was made to point here has no token, and cannot open a socket file.
        return if api.is_local_socket { Ok(()) } else { check_host(&host, access) };
    }
    if is_open(request) { Ok(()) } else { check_known(request, api) }
}

/// True where no token is asked for. The files of the page hold nothing that the program's do not; it
/// asks for a token itself, for what it then shows.
fn is_open(request: &ServiceRequest) -> bool {
    [HEALTH, SESSION].contains(&request.path()) || page::is_request_for(request.head())
}

/// Lets those through who show the token, or have a session.
fn check_known(request: &ServiceRequest, api: &Api) -> Result<(), ApiError> {
    if let Some(offered) = bearer(request.headers()) {
        return if admits(api, offered) {
            Ok(())
        } else {
            Err(wrong_token(api, request.peer_addr()))
        };
    }
    if !session::is_signed_in(api, request.headers()) {
        return Err(ApiError::Unauthorized);
    }
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    check_own_page(request.headers())
}

fn admits(api: &Api, offered: &str) -> bool {
    api.access.token.as_ref().is_some_and(|token| token.admits(offered.as_bytes()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Counts a wrong token, and says what to answer to it.
pub(super) fn wrong_token(api: &Api, peer: Option<SocketAddr>) -> ApiError {
    let wait = api.wrong_tokens.count(peer.map(|peer| peer.ip()));
    wait.map_or(ApiError::WrongToken, ApiError::TooManyTokens)
}

/// Refuses what comes with a cookie, unless the browser says that a page of ours asks for it; an
/// `Origin` that is there was found to be ours before.
pub(super) fn check_own_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_same = text(headers, header::HeaderName::from_static("sec-fetch-site"));
    if headers.contains_key(header::ORIGIN) || is_same == Some("same-origin") {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "a cookie alone changes nothing, because any page could make a browser send it: send \
         `Origin` too, or the token as `Authorization: Bearer TOKEN`"
            .to_owned(),
    ))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// A browser sends `Origin` with what a page asks for: only our own pages may.
fn check_origin(origin: Option<&str>, host: &str, access: &Access) -> Result<(), ApiError> {
    let Some(origin) = origin else { return Ok(()) };
    let scheme = if access.tls.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{host}");
    let public = access.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    if origin == own || Some(origin) == public {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "a page of {origin} may not use this server: if a proxy offers it there, start it with \
         `--public-url {origin}`"
    )))
}

/// A name that is not ours in `Host` means that a page elsewhere made its own name point here.
fn check_host(host: &str, access: &Access) -> Result<(), ApiError> {
    let name = host_name(host);
    let public = access.public_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
    let is_public = public.as_ref().and_then(Uri::host) == Some(name);
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_public || is_address || name.eq_ignore_ascii_case("localhost") || access.insecure {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "this server is not called `{name}`: ask it by its address or as localhost, or start it \
         with `--public-url http://{host}`"
    )))
}

fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}
