//! Rejects requests without the token or a session, and requests of web pages of other origins.
//!
//! 1. Routes without a token reveal nothing: the health of the server, the page without its data, and
//!    the way to sign in.
//! 2. A page of another origin can make a browser send a cookie, so a request with a cookie changes
//!    something only if the browser confirms that a page of this server sent it.

use std::net::IpAddr;

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

use super::{
    authentication::{Authentication, check_own_page},
    dashboard_files,
    error::ApiError,
};
use crate::config::Access;

/// Needs no token: whether the server runs is no secret.
const HEALTH: &str = "/-/health";
/// Needs no token: the handler itself checks who may sign in.
const SESSION: &str = "/-/session";

/// Passes a request on, or rejects it with the reason.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(authentication) = request.app_data::<Data<Authentication>>() {
        check(&request, authentication)?;
    }
    next.call(request).await
}

fn check(request: &ServiceRequest, authentication: &Authentication) -> Result<(), ApiError> {
    let access = &authentication.access;
    // HTTP/2 sends `:authority` in place of `Host`.
    let host = request.uri().authority().map_or_else(
        || text(request.headers(), header::HOST).unwrap_or_default().to_owned(),
        ToString::to_string,
    );
    // Also for public routes: a page of another origin must not sign a browser in or try tokens.
    check_origin(text(request.headers(), header::ORIGIN), &host, access)?;
    if access.token.is_none() {
        // A page whose host name resolves to this server (DNS rebinding) cannot open a socket file.
        return if authentication.is_local_socket { Ok(()) } else { check_host(&host, access) };
    }
    if is_public(request) { Ok(()) } else { check_credentials(request, authentication) }
}

/// True for a route that needs no token. The files of the page are public; the page asks for the token
/// before it loads data.
fn is_public(request: &ServiceRequest) -> bool {
    [HEALTH, SESSION].contains(&request.path()) || dashboard_files::is_request_for(request.head())
}

/// Accepts a request with the token or with the cookie of a session.
fn check_credentials(
    request: &ServiceRequest,
    authentication: &Authentication,
) -> Result<(), ApiError> {
    // First, because a browser never adds a token by itself: such a request needs no check of its
    // page.
    if let Some(offered) = bearer(request.headers()) {
        return if authentication.admits(offered) {
            Ok(())
        } else {
            Err(authentication.reject_token(request.peer_addr()))
        };
    }
    if !authentication.is_signed_in(request.headers()) {
        return Err(ApiError::Unauthorized);
    }
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    check_own_page(request.headers())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    // A value that is not text counts as present, and equals nothing that is expected.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Browsers send `Origin` with the requests of a page: only pages of this server are accepted.
fn check_origin(origin: Option<&str>, host: &str, access: &Access) -> Result<(), ApiError> {
    // Clients other than browsers send none.
    let Some(origin) = origin else { return Ok(()) };
    let scheme = if access.tls.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{host}");
    let public = access.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    if origin == own || Some(origin) == public {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "a page of {origin} may not use this server: if a proxy serves docket there, start the server \
         with `--public-url {origin}`"
    )))
}

/// An unknown name in `Host` means that a page of another host made its name resolve to this server.
fn check_host(host: &str, access: &Access) -> Result<(), ApiError> {
    let name = host_name(host);
    let public = access.public_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
    let is_public = public.as_ref().and_then(Uri::host) == Some(name);
    // DNS rebinding needs a name.
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_public || is_address || name.eq_ignore_ascii_case("localhost") || access.insecure {
        return Ok(());
    }
    Err(ApiError::Forbidden(format!(
        "this server does not have the name `{name}`: use its address or localhost, or start it with \
         `--public-url http://{host}`"
    )))
}

fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The last colon of an IPv6 address without a port is followed by its bracket.
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}
