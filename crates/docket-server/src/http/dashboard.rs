//! The dashboard: a page for people, made of files that are part of the program. It uses nothing but
//! the API that all others use.
//!
//! 1. Who accepts HTML at `/` gets the page; all others get the JSON that they always got.
//! 2. Nothing on the page comes from another host, and no script or style stands within the page.

use std::{collections::HashMap, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    dev::RequestHead,
    guard::GuardContext,
    http::{Method, header},
    web::Path,
};
use ring::digest::{SHA256, digest};

use super::{
    error::ApiError,
    openapi::refusals::{Any, NoFile},
};

/// Where the files of the page are.
const FOLDER: &str = "/-/page/";

/// What a browser may load and do for the page: what comes from this server, and no more.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Each file is asked for again, and sent only where it is another: an upgrade is seen at once.
const CACHING: &str = "no-cache";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("dashboard/", $name)))),*]
    };
}

const PAGE: &str = include_str!("dashboard/index.html");

static FILES: LazyLock<HashMap<&str, File>> = LazyLock::new(|| {
    let files = files![
        "actions.js",
        "allocation.js",
        "announce.js",
        "ansi.js",
        "api.js",
        "base.css",
        "check.js",
        "conflict.js",
        "connection.js",
        "controls.css",
        "detail.css",
        "dialog.js",
        "diff.js",
        "dom.js",
        "editor.css",
        "editor.js",
        "events.js",
        "forecast.js",
        "form.js",
        "help.js",
        "history.js",
        "icon.svg",
        "instants.js",
        "list.css",
        "list.js",
        "main.js",
        "mark.js",
        "moments.js",
        "nowhere.js",
        "output.js",
        "plots.js",
        "router.js",
        "row.js",
        "rows.js",
        "run.js",
        "runs_table.js",
        "session.js",
        "sides.js",
        "signal.js",
        "state.js",
        "strip.js",
        "text_editor.js",
        "ticker.js",
        "timeline.js",
        "words.js",
        "yaml.js",
    ];
    files.into_iter().map(|(name, text)| (name, File::new(name, text))).collect()
});

static PAGE_FILE: LazyLock<File> = LazyLock::new(|| File::new("index.html", PAGE));

/// A file and what is sent with it.
struct File {
    text: &'static str,
    kind: &'static str,
    tag: String,
}

impl File {
    fn new(name: &str, text: &'static str) -> Self {
        let kind = match name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        };
        let digest = digest(&SHA256, text.as_bytes());
        let tag = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}"));
        Self { text, kind, tag: format!("\"{}\"", tag.collect::<String>()) }
    }

    /// The file, or that it is the one that the browser has.
    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let held = request.headers().get(header::IF_NONE_MATCH).and_then(|held| held.to_str().ok());
        if held.is_some_and(|held| held.split(',').any(|held| held.trim() == self.tag)) {
            return self.head(&mut HttpResponse::NotModified()).finish();
        }
        self.head(&mut HttpResponse::Ok()).content_type(self.kind).body(self.text)
    }

    fn head<'a>(&self, answer: &'a mut HttpResponseBuilder) -> &'a mut HttpResponseBuilder {
        answer
            .insert_header((header::ETAG, self.tag.clone()))
            .insert_header((header::CACHE_CONTROL, CACHING))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
    }
}

/// True for a request for the page or a part of it.
pub(super) fn is_part(head: &RequestHead) -> bool {
    let is_page = head.uri.path() == "/" && accepts_html(head);
    matches!(head.method, Method::GET | Method::HEAD)
        && (is_page || head.uri.path().starts_with(FOLDER))
}

/// True where the sender names HTML among what it takes, as browsers do.
pub(super) fn is_for_people(context: &GuardContext<'_>) -> bool {
    accepts_html(context.head())
}

fn accepts_html(head: &RequestHead) -> bool {
    let accept = head.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// `GET /` with `Accept: text/html`: the page.
pub(super) async fn page(request: HttpRequest) -> HttpResponse {
    let mut answer = PAGE_FILE.answer(&request);
    // What is sent depends on what was accepted, which a cache in between has to know.
    answer.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Accept"));
    answer
}

/// `GET /-/page/{file}`: a part of the page.
#[utoipa::path(
    get,
    path = "/-/page/{file}",
    operation_id = "page",
    tag = "dashboard",
    params(("file" = String, Path, description = "Its name", example = "main.js")),
    responses(
        (
            status = 200,
            description = "The file",
            content((String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml"))
        ),
        (status = 304, description = "It is the one that the browser has"),
        NoFile,
        Any,
    ),
    security(()),
)]
pub(super) async fn file(
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    match FILES.get(name.as_str()) {
        Some(file) => Ok(file.answer(&request)),
        None => Err(ApiError::NoSuchRoute(request.path().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::Path};

    use actix_web::http::Method;

    use super::super::tests::{Asking, api, get};
    use super::{FILES, PAGE, POLICY};
    use crate::config::{Access, Token};

    const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    #[tokio::test(start_paused = true)]
    async fn a_browser_gets_the_page_and_all_others_get_json() {
        let api = api(Access::default());

        let page = Asking::of(&api).with("accept", BROWSER).send(Method::GET, "/", "").await;
        let answers = [
            get(&api, "/").await,
            Asking::of(&api).with("accept", "*/*").send(Method::GET, "/", "").await,
            Asking::of(&api).with("accept", "application/json").send(Method::GET, "/", "").await,
        ];

        let (head, body) = page.split_once("\n\n").unwrap();
        assert_eq!(head, "200 OK\ncontent-type: text/html; charset=utf-8");
        assert_eq!(body, PAGE);
        for answer in answers {
            assert!(answer.contains("application/json") && answer.ends_with("[]"), "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_asks_for_a_token_itself_so_its_files_need_none() {
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
    async fn a_file_that_there_is_not_is_not_found() {
        let api = api(Access::default());

        let missing = get(&api, "/-/page/other.js").await;

        assert!(missing.starts_with("404 Not Found"), "{missing}");
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dashboard");
        let there = fs::read_dir(folder).unwrap();
        let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let there: HashSet<_> = there.filter(|name| name != "index.html").collect();

        let served: HashSet<_> = FILES.keys().map(ToString::to_string).collect();

        assert_eq!(served, there);
    }

    #[test]
    fn nothing_is_asked_of_another_host_and_nothing_stands_within_the_page() {
        assert!(!POLICY.contains("unsafe"));
        for (name, file) in FILES.iter() {
            let elsewhere = file.text.match_indices("://").map(|(at, _)| &file.text[..at]);
            let elsewhere: Vec<_> = elsewhere.filter(|before| before.ends_with("http")).collect();
            // A name of a language of drawings is no address.
            let names = file.text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(elsewhere.len(), names, "{name}");
            for forbidden in ["https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "eval("] {
                assert!(!file.text.contains(forbidden), "{name} has {forbidden}");
            }
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains("style=") && !PAGE.contains("onload="));
    }
}
