//! What a server answered, and what to tell of an answer that is not the one hoped for.

use std::{error::Error, fmt};

use anyhow::{Context, Result, ensure};
use docket_model::{
    one_line::on_one_line,
    wire::{Problem, Refused},
};
use reqwest::{Response, StatusCode, header::LOCATION};
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{advice::advice, token::TokenSource};

/// How much of an answer in plain text is shown.
const SHOWN_TEXT: usize = 500;

/// How much of an answer about an error is read, in bytes: what docket says of one is far shorter.
const MAX_ERROR: usize = 1 << 20;

/// The largest answer that is read as a whole, in bytes: lists come in pages that are far smaller.
const MAX_ANSWER: usize = 64 << 20;

/// The server could not be reached, or fell silent.
#[derive(Debug, Error)]
#[error("{what} {server}")]
pub(crate) struct Unreachable {
    what: &'static str,
    server: String,
    is_silence: bool,
    source: RootCause,
}

impl Unreachable {
    /// Of the many layers of an HTTP error only the innermost says what happened.
    pub(super) fn new(server: impl fmt::Display, error: &reqwest::Error) -> Self {
        let mut cause: &(dyn Error + 'static) = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let advice = advice(cause).map(|advice| format!(" ({advice})")).unwrap_or_default();
        let is_silence = error.is_timeout() && !error.is_connect();
        let source = RootCause(format!("{cause}{advice}"));
        let is_begun = error.is_body() || error.is_decode();
        let what = if is_begun { "lost the connection to" } else { "cannot reach" };
        Self { what, server: server.to_string(), is_silence, source }
    }

    /// True where the server was there and said nothing for a long time.
    pub(super) fn is_silence(&self) -> bool {
        self.is_silence
    }
}

/// The innermost cause of an error, in words.
#[derive(Debug, Error)]
#[error("{0}")]
struct RootCause(String);

/// The server answered something else than was asked for.
#[derive(Debug, Error)]
#[error("{server} answered {status}{told}")]
pub(crate) struct Declined {
    server: String,
    status: StatusCode,
    told: String,
}

/// True where the server answered that what was asked for is not there.
pub(super) fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(Declined::is_not_found)
}

impl Declined {
    /// True where what was asked for is not there.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// True for what a proxy answers, or a server that starts or stops, until all is well again.
    pub(super) fn is_passing(&self) -> bool {
        let (gateway, timeout) = (StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT);
        [gateway, timeout, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status)
    }
}

/// Returns a good answer, and makes an error of any other; `token` is where the token was found that
/// was sent.
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
    let told = match location {
        // What the server says of headers is for those who write their own client.
        _ if status == StatusCode::UNAUTHORIZED => match token {
            Some(source) => format!(": it wants another token than that in {source}"),
            None => ": it wants a token, which --token-file or DOCKET_TOKEN gives".to_owned(),
        },
        Some(location) => format!(": the server is at {location}"),
        None => told(&beginning(response).await),
    };
    Err(Declined { server: server.to_owned(), status, told }.into())
}

/// As much of an answer about an error as is read; what comes after it is not waited for.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = MAX_ERROR - bytes.len();
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if bytes.len() >= MAX_ERROR {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an answer says about what went wrong, in the three forms that it may have.
fn told(body: &str) -> String {
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
    // A page of some proxy is no help on a terminal.
    if text.is_empty() || text.starts_with('<') {
        String::new()
    } else {
        format!(": {}", on_one_line(&text))
    }
}

/// Reads an answer in JSON.
///
/// # Errors
/// Also where it is larger than any that docket sends.
pub(super) async fn read<T: DeserializeOwned>(server: &str, mut response: Response) -> Result<T> {
    let mut body = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|error| Unreachable::new(server, &error))?
    {
        ensure!(
            body.len() + piece.len() <= MAX_ANSWER,
            "{server} gave an answer of more than {} MiB: is it docket?",
            MAX_ANSWER >> 20
        );
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body)
        .with_context(|| format!("{server} gave an answer that cannot be read: is it docket?"))
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn each_form_of_an_error_is_told_in_words() {
        let problem = r#"{"status":404,"title":"Not Found","detail":"there is no `fo`"}"#;
        let refused = r#"{"overall":{},"fields":{"Cron":"bad","Name":"Required"}}"#;
        let unreadable = r#"{"overall":{"DeserializationError":"line 1"},"fields":{}}"#;
        assert_eq!(told(problem), ": there is no `fo`");
        assert_eq!(told(refused), "\n  Cron: bad\n  Name: Required");
        assert_eq!(told(unreadable), "\n  DeserializationError: line 1");
        assert_eq!(told(" plain text\nof two lines\n"), r": plain text\nof two lines");
        assert_eq!(told("<html>"), "");
    }
}
