//! `/-/session`: a web page signs in with the token once and then uses a cookie.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data},
};
use docket_model::wire::{Session, SignIn};

use super::{
    authentication::Authentication,
    error::{ApiError, JSON, SizeLimit},
    openapi::error_responses::{Any, NoToken, Posted, Usual},
    request_body,
    request_memory::Limits,
};

/// The maximum size of the body, in bytes.
const MAX_BODY: usize = 16 << 10;

/// `POST /-/session`: signs in with the token and sets a cookie.
#[utoipa::path(
    post, path = "/-/session", operation_id = "signIn", tag = "session", request_body = SignIn,
    responses(
        (status = 204, description = "Signed in", headers(("Set-Cookie" = String))),
        Posted, NoToken, Usual,
    ),
    security(()),
)]
pub(super) async fn sign_in(
    authentication: Data<Authentication>,
    limits: Data<Limits>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    if authentication.access.token.is_none() {
        return Err(ApiError::NoToken);
    }
    let limit = SizeLimit::Endpoint(MAX_BODY);
    let body = request_body::bytes(&request, payload, &limits, limit).await?;
    // The message of serde may quote the token.
    let invalid = |_| ApiError::BadRequest("send the token as {\"Token\":\"…\"}".to_owned());
    let SignIn { token } = serde_json::from_slice(&body.bytes).map_err(invalid)?;
    let peer = request.peer_addr();
    // Before the token is compared: if the right one were accepted now, guessing could go on.
    if let Some(wait) = authentication.wrong_tokens.wait(peer.map(|peer| peer.ip())) {
        return Err(ApiError::TooManyTokens(wait));
    }
    if !authentication.admits(token.trim()) {
        return Err(authentication.reject_token(peer));
    }
    Ok(with_cookie(&authentication.sign_in()?))
}

/// `DELETE /-/session`: signs out.
#[utoipa::path(
    delete, path = "/-/session", operation_id = "signOut", tag = "session",
    responses(
        (status = 204, description = "Signed out", headers(("Set-Cookie" = String))),
        NoToken, Any,
    ),
    security(()),
)]
pub(super) async fn sign_out(
    authentication: Data<Authentication>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    if authentication.access.token.is_none() {
        return Err(ApiError::NoToken);
    }
    Ok(with_cookie(&authentication.sign_out(request.headers())?))
}

fn with_cookie(cookie: &str) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.insert_header((header::SET_COOKIE, cookie)).finish()
}

/// `GET /-/session`: whether the server requires a token, and whether the client has a session.
#[utoipa::path(
    get, path = "/-/session", operation_id = "session", tag = "session",
    responses(
        (
            status = 200,
            description = "Whether a token is required, and whether the client is signed in",
            body = Session,
        ),
        Any,
    ),
    security(()),
)]
pub(super) async fn get(
    authentication: Data<Authentication>,
    request: HttpRequest,
) -> HttpResponse {
    let guarded = authentication.access.token.is_some();
    let signed_in = guarded && authentication.is_signed_in(request.headers());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.content_type(JSON).json(Session { guarded, signed_in })
}
