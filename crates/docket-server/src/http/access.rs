//! Who may ask: the token, and no web page of another origin.

use std::net::IpAddr;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Uri, header},
    middleware::Next,
    web::Data,
};

use super::{Api, dashboard, error::ApiError};
use crate::config::Access;

/// A path that answers without a token: whether the server lives is no secret.
const OPEN_PATH: &str = "/-/health";

/// True where no token is asked for. The dashboard's files hold nothing that the program's do not;
/// it asks for a token itself, for what it then shows.
fn is_open(request: &ServiceRequest) -> bool {
    request.path() == OPEN_PATH || dashboard::is_part(request.head())
}

/// Lets a request through, or says why not.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(api) = request.app_data::<Data<Api>>() {
        check(&request, &api.access, api.is_local_socket)?;
    }
    next.call(request).await
}

fn check(request: &ServiceRequest, access: &Access, local: bool) -> Result<(), ApiError> {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = request
        .uri()
        .authority()
        .map_or_else(|| text(header::HOST).unwrap_or_default().to_owned(), ToString::to_string);
    check_origin(text(header::ORIGIN), &host, access)?;
    match &access.token {
        Some(token) if !is_open(request) => {
            let offered = text(header::AUTHORIZATION).and_then(|value| {
                let (scheme, token) = value.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
            });
            if offered.is_some_and(|offered| token.admits(offered.as_bytes())) {
                Ok(())
            } else {
                Err(ApiError::Unauthorized)
            }
        }
        // A page whose name was made to point here has no token, and cannot open a socket file.
        Some(_) => Ok(()),
        None if local => Ok(()),
        None => check_host(&host, access),
    }
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
