//! Posts messages over HTTP and HTTPS, which trusts the authorities of the host.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use docket_model::{error_causes::with_causes, one_line::on_one_line};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use tokio::{sync::Semaphore, time::timeout};
use tracing::warn;

use super::post::{Post, PostError, PostRequest};

/// How long an attempt may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How many requests are under way at once.
// A server with many receivers must not need as many connections.
const AT_ONCE: usize = 32;

/// How long the text of an answer may take, which decides nothing.
const TEXT_LIMIT: Duration = Duration::from_secs(2);

/// How many bytes of an answer are read.
const LONGEST_ANSWER: usize = 4 << 10;

/// How many characters of an answer are shown.
const SHOWN: usize = 200;

/// What stands in place of a part of a URL.
const MASK: &str = "•••";

/// The shortest part of a URL that is masked by itself, in bytes: shorter ones are in many words.
const SHORTEST_SECRET: usize = 4;

type Connection = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client without a pool: messages are rare.
#[derive(Debug)]
pub(crate) struct HttpClient {
    /// Made with the first message, since few servers send any.
    connection: Mutex<Option<Connection>>,
    permits: Semaphore,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self { connection: Mutex::default(), permits: Semaphore::new(AT_ONCE) }
    }
}

impl HttpClient {
    fn connection(&self) -> Result<Connection, PostError> {
        let mut held = self.connection.lock();
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let connection = connect().map_err(PostError::passing)?;
        *held = Some(connection.clone());
        Ok(connection)
    }
}

fn connect() -> Result<Connection, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        warn!(%error, "an authority of this host is not used for TLS to receivers of notifications");
    }
    // Hosts may have certificates that rustls cannot parse; these are skipped.
    roots.add_parsable_certificates(native.certs);
    // Named, because the default depends on what other crates of the build enable.
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    // Otherwise the connector rejects addresses with `https`.
    http.enforce_http(false);
    let connector = HttpsConnector::from((http, config));
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

#[async_trait]
impl Post for HttpClient {
    async fn post(&self, request: &PostRequest) -> Result<String, PostError> {
        let connection = self.connection()?;
        let posted = posted(request).map_err(PostError::lasting)?;
        // Closed never.
        let _permit = self.permits.acquire().await.map_err(PostError::passing)?;
        let answer = timeout(LIMIT, connection.request(posted))
            .await
            .map_err(|_| PostError::passing(format!("no answer within {} s", LIMIT.as_secs())))?;
        let answer = answer.map_err(|error| PostError::passing(with_causes(&error)))?;
        judge(answer, request.url.secret()).await
    }
}

fn posted(request: &PostRequest) -> Result<Request<Full<Bytes>>, http::Error> {
    let agent = concat!("docket/", env!("CARGO_PKG_VERSION"));
    let mut posted = Request::post(request.url.secret())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, agent)
        .header("docket-id", &request.id)
        .header("docket-timestamp", request.timestamp());
    if let Some(signature) = request.signature() {
        posted = posted.header("docket-signature", HeaderValue::from_str(&signature)?);
    }
    posted.body(Full::new(request.body.clone().into()))
}

/// What an answer to a request at this URL means: its status alone decides.
async fn judge(answer: Response<Incoming>, url: &str) -> Result<String, PostError> {
    let status = answer.status();
    let text = timeout(TEXT_LIMIT, beginning(answer.into_body(), url)).await.unwrap_or_default();
    let answered = if text.is_empty() {
        format!("the receiver answered {status}")
    } else {
        format!("the receiver answered {status}: {text}")
    };
    if status.is_success() {
        Ok(answered)
    } else if status.is_redirection() {
        // It may lead to a host that no one allowed.
        Err(PostError::lasting(format!(
            "the receiver answered {status}; redirects are not followed"
        )))
    } else if status.is_client_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
    {
        Err(PostError::lasting(answered))
    } else {
        Err(PostError::passing(answered))
    }
}

/// The beginning of an answer, on one line and without the parts of the URL, which many servers repeat.
async fn beginning(mut body: Incoming, url: &str) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], AsRef::as_ref));
    }
    bytes.truncate(LONGEST_ANSWER);
    let text = without_parts_of(url, String::from_utf8_lossy(&bytes).trim());
    on_one_line(&text).chars().take(SHOWN).collect()
}

/// A text in which no part of a URL can be read that may be secret.
fn without_parts_of(url: &str, text: &str) -> String {
    let behind_host = url.split_once("://").and_then(|(_, rest)| rest.split_once(['/', '?']));
    let Some((_, behind_host)) = behind_host else { return text.to_owned() };
    let parts =
        behind_host.split(['/', '?', '&', '=']).filter(|part| part.len() >= SHORTEST_SECRET);
    let whole = [url, behind_host].into_iter().filter(|part| !part.is_empty());
    whole.chain(parts).fold(text.to_owned(), |text, part| text.replace(part, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_says_of_the_url_is_masked() {
        let url = "https://hooks.example.org/services/T0/s3cret?key=t0ken&x=1";
        let answers = [
            "Cannot POST /services/T0/s3cret?key=t0ken&x=1",
            "no `services/T0/s3cret` here",
            "unknown hook s3cret with key t0ken",
            "see https://hooks.example.org/services/T0/s3cret?key=t0ken&x=1",
        ];
        for answer in answers {
            let shown = without_parts_of(url, answer);
            assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        }
        assert_eq!(without_parts_of("https://hooks.example.org", "not found"), "not found");
    }
}
