//! Serves the page to browsers.
//!
//! A client that accepts HTML at `/` gets the page; every other client gets the JSON of the original.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    dev::RequestHead,
    guard::GuardContext,
    http::{Method, header},
    web::Path,
};

use super::{
    error::ApiError,
    openapi::error_responses::{Any, NoFile},
    response_format::accepts,
};
use crate::embedded_dashboard::{self, File, POLICY};

/// The path below which the files of the page are served.
const DIRECTORY: &str = "/-/page/";

/// What browsers accept.
const HTML: &str = "text/html";

/// Browsers revalidate each file, so an upgrade is visible at once.
const CACHING: &str = "no-cache";

/// The file, or 304 if the browser has it already.
fn respond(file: &File, request: &HttpRequest) -> HttpResponse {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == file.tag)) {
        return add_headers(file, &mut HttpResponse::NotModified()).finish();
    }
    let mut response = HttpResponse::Ok();
    add_headers(file, &mut response).content_type(file.content_type).body(file.text)
}

fn add_headers<'a>(
    file: &File,
    response: &'a mut HttpResponseBuilder,
) -> &'a mut HttpResponseBuilder {
    response
        // A 304 needs the headers too: they replace those that the browser has stored.
        .insert_header((header::ETAG, file.tag.clone()))
        .insert_header((header::CACHE_CONTROL, CACHING))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
}

/// True for a request for the page or one of its files.
pub(super) fn is_request_for(head: &RequestHead) -> bool {
    let is_page = head.uri.path() == "/" && accepts(head.headers(), HTML);
    // A push is also a request for `/`, and must not pass as public because it accepts HTML.
    matches!(head.method, Method::GET | Method::HEAD)
        && (is_page || head.uri.path().starts_with(DIRECTORY))
}

/// True if the client accepts HTML, as browsers do.
pub(super) fn is_for_browser(context: &GuardContext<'_>) -> bool {
    accepts(context.head().headers(), HTML)
}

/// `GET /` with `Accept: text/html`: the page.
pub(super) async fn get(request: HttpRequest) -> HttpResponse {
    let mut response = respond(embedded_dashboard::page(), &request);
    // The same path has a JSON representation, so caches must compare `Accept`.
    response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Accept"));
    response
}

/// `GET /-/page/{file}`: a file of the page.
#[utoipa::path(
    get, path = "/-/page/{file}", operation_id = "page", tag = "dashboard",
    params(("file" = String, Path, description = "The name of the file", example = "main.js")),
    responses(
        (
            status = 200, description = "The file",
            content((String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml")),
        ),
        (status = 304, description = "The browser has the current version"),
        NoFile, Any,
    ),
    security(()),
)]
pub(super) async fn file(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    match embedded_dashboard::file(&name) {
        Some(file) => Ok(respond(file, &request)),
        None => Err(ApiError::NoSuchRoute(request.path().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::super::tests::{Asking, api, get};
    use crate::{
        config::{Access, Token},
        embedded_dashboard,
    };

    const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    #[tokio::test(start_paused = true)]
    async fn a_browser_gets_the_page_and_other_clients_get_json() {
        let api = api(Access::default());

        let page = Asking::of(&api).with("accept", BROWSER).send(Method::GET, "/", "").await;
        let answers = [
            get(&api, "/").await,
            Asking::of(&api).with("accept", "*/*").send(Method::GET, "/", "").await,
            Asking::of(&api).with("accept", "application/json").send(Method::GET, "/", "").await,
        ];

        let (head, body) = page.split_once("\n\n").unwrap();
        assert_eq!(head, "200 OK\ncontent-type: text/html; charset=utf-8");
        assert_eq!(body, embedded_dashboard::page().text);
        for answer in answers {
            assert!(answer.contains("application/json") && answer.ends_with("[]"), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_of_the_page_need_no_token() {
        let token = Token::parse("a-secret-of-a-length-that-will-do").unwrap();
        let api = api(Access { token: Some(token), ..Access::default() });

        let page = Asking::of(&api).with("accept", BROWSER).send(Method::GET, "/", "").await;
        let script = get(&api, "/-/page/main.js").await;
        let data = get(&api, "/").await;
        let written = Asking::of(&api).with("accept", BROWSER).send(Method::POST, "/", "").await;

        assert!(page.starts_with("200 OK"), "{page}");
        assert!(script.starts_with("200 OK\ncontent-type: text/javascript"), "{script}");
        assert!(data.starts_with("401"), "{data}");
        assert!(written.starts_with("401"), "{written}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_file_is_not_found() {
        let api = api(Access::default());

        let missing = get(&api, "/-/page/other.js").await;

        assert!(missing.starts_with("404 Not Found"), "{missing}");
    }
}
