//! The responses of a server, and the errors made of unexpected ones.

use std::fmt;

use anyhow::{Context, Result, ensure};
use docket_model::{
    error_causes::innermost,
    one_line::on_one_line,
    wire::{Problem, Refused},
};
use reqwest::{Response, StatusCode, header::LOCATION};
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{connection_advice::advice, token::TokenSource};

/// The longest part of a plain text response to show.
const SHOWN_TEXT: usize = 500;

/// The longest part of an error response to read, in bytes: docket's are far shorter.
const MAX_ERROR: usize = 1 << 20;

/// The largest response to read as a whole, in bytes: pages of lists are far smaller.
const MAX_ANSWER: usize = 64 << 20;

/// The server could not be reached, or the connection was lost.
#[derive(Debug, Error)]
#[error("{what} {server}")]
pub(crate) struct Unreachable {
    what: &'static str,
    server: String,
    is_silence: bool,
    source: RootCause,
}

impl Unreachable {
    /// Keeps only the innermost of the many layers of an HTTP error.
    pub(super) fn new(server: impl fmt::Display, error: &reqwest::Error) -> Self {
        // The outer layers only say that a request failed; `connection refused` is the innermost.
        let cause = innermost(error);
        let advice = advice(cause).map(|advice| format!(" ({advice})")).unwrap_or_default();
        // The timeout of the connection is a loss; the one of a read is silence.
        let is_silence = error.is_timeout() && !error.is_connect();
        let source = RootCause(format!("{cause}{advice}"));
        // A body that fails was begun, so the server was reached.
        let is_begun = error.is_body() || error.is_decode();
        let what = if is_begun { "lost the connection to" } else { "cannot reach" };
        Self { what, server: server.to_string(), is_silence, source }
    }

    /// True if the server was connected but sent nothing for a long time.
    pub(super) fn is_silence(&self) -> bool {
        self.is_silence
    }
}

/// The innermost cause of an error, in words.
#[derive(Debug, Error)]
#[error("{0}")]
struct RootCause(String);

/// The server responded with an error.
#[derive(Debug, Error)]
#[error("{server} answered {status}{message}")]
pub(crate) struct Declined {
    server: String,
    status: StatusCode,
    message: String,
}

/// True if the server answered 404.
pub(super) fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(Declined::is_not_found)
}

impl Declined {
    /// True if the status is 404.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// True for a temporary error of a proxy, or of a server that starts or stops.
    pub(super) fn is_temporary(&self) -> bool {
        // A proxy answers 502 and 504 while the server restarts. 500 is not temporary: the same
        // request would fail again.
        let (gateway, timeout) = (StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT);
        [gateway, timeout, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status)
    }
}

/// Returns a successful response, or makes an error of it; `token` is the source of the token that was sent.
pub(super) async fn expect_success(
    server: &str,
    token: Option<&TokenSource>,
    response: Response,
) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let message = match location {
        // The server's own text is about headers, which only authors of other clients need.
        _ if status == StatusCode::UNAUTHORIZED => match token {
            Some(source) => format!(": the token from {source} is wrong"),
            None => ": it requires a token (--token-file or DOCKET_TOKEN)".to_owned(),
        },
        // Redirects are not followed, so the user has to correct the address.
        Some(location) => format!(": the server is at {location}"),
        None => message(&beginning(response).await),
    };
    Err(Declined { server: server.to_owned(), status, message }.into())
}

/// The beginning of an error response, up to the limit.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        // An error whose body breaks off is still worth showing.
        let room = MAX_ERROR - bytes.len();
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if bytes.len() >= MAX_ERROR {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The message of an error response, in one of its three forms.
fn message(body: &str) -> String {
    if let Ok(problem) = serde_json::from_str::<Problem>(body) {
        return format!(": {}", on_one_line(&problem.detail));
    }
    if let Ok(refused) = serde_json::from_str::<Refused>(body) {
        let fields = refused.overall.iter().chain(&refused.fields);
        let lines: Vec<_> = fields
            .map(|(field, message)| format!("\n  {field}: {}", on_one_line(message)))
            .collect();
        return lines.concat();
    }
    let text: String = body.trim().chars().take(SHOWN_TEXT).collect();
    // A proxy's HTML page is of no use on a terminal.
    if text.is_empty() || text.starts_with('<') {
        String::new()
    } else {
        format!(": {}", on_one_line(&text))
    }
}

/// Parses a JSON response.
///
/// # Errors
/// It is not what was expected, or larger than any response of docket.
pub(super) async fn read<T: DeserializeOwned>(server: &str, mut response: Response) -> Result<T> {
    let mut body = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|error| Unreachable::new(server, &error))?
    {
        ensure!(
            body.len() + piece.len() <= MAX_ANSWER,
            "the response of {server} is larger than {} MiB: is it a docket server?",
            MAX_ANSWER >> 20
        );
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body)
        .with_context(|| format!("cannot parse the response of {server}: is it a docket server?"))
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn each_form_of_an_error_has_a_message() {
        let problem = r#"{"status":404,"title":"Not Found","detail":"there is no `fo`"}"#;
        let refused = r#"{"overall":{},"fields":{"Cron":"bad","Name":"Required"}}"#;
        let unreadable = r#"{"overall":{"DeserializationError":"line 1"},"fields":{}}"#;
        assert_eq!(message(problem), ": there is no `fo`");
        assert_eq!(message(refused), "\n  Cron: bad\n  Name: Required");
        assert_eq!(message(unreadable), "\n  DeserializationError: line 1");
        assert_eq!(message(" plain text\nof two lines\n"), r": plain text\nof two lines");
        assert_eq!(message("<html>"), "");
    }
}
