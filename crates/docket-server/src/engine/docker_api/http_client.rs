//! A small HTTP client of one engine, for calls whose bodies and answers are read as they are.
//!
//! It shares its connector with bollard, which stays for the calls whose typed form loses nothing:
//! bollard's types refuse a word that a newer engine may say, its decoders hold a line or an answer of
//! any length, and one takes a terminal's bytes for frame headers.

use std::{fmt, sync::Arc, time::Duration};

use bollard::{BollardRequest, body_full, errors::Error};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future::BoxFuture, stream};
use http::{HeaderValue, Method, Request, Response, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Where engines have the login at a registry.
const LOGIN: &str = "x-registry-auth";

/// A call of the engine's API. What stands in the path is checked text; the query may be any.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Call {
    method: Method,
    path: String,
    body: Bytes,
    login: Option<HeaderValue>,
}

impl Call {
    pub(in crate::engine) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: Bytes::new(), login: None }
    }

    pub(in crate::engine) fn post(path: impl Into<String>, body: Bytes) -> Self {
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    pub(in crate::engine) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// The same with a login at a registry.
    pub(in crate::engine) fn with_login(self, login: Option<HeaderValue>) -> Self {
        Self { login, ..self }
    }

    /// The request of this call to an engine at this address.
    fn request(self, address: &str) -> Result<BollardRequest, http::Error> {
        let uri = format!("{address}{}", self.path);
        let mut request = Request::builder()
            .method(self.method)
            .uri(uri)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body_full(self.body))?;
        if let Some(login) = self.login {
            request.headers_mut().insert(LOGIN, login);
        }
        Ok(request)
    }
}

type Answer = BoxFuture<'static, Result<Response<Incoming>, Error>>;

/// The way to one engine.
#[derive(Clone)]
pub(in crate::engine) struct Connection {
    address: Arc<str>,
    // A function hides the type of the connector, so callers need not be generic over it.
    send: Arc<dyn Fn(BollardRequest) -> Answer + Send + Sync>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection to `address`, such as `http://docker`, that sends requests by `send`.
    pub(in crate::engine) fn new(
        address: &str,
        send: impl Fn(BollardRequest) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self { address: address.into(), send: Arc::new(send) }
    }

    /// Makes a call and reads the answer as it comes, which must begin within `limit`. The first piece is
    /// empty: it comes with the head of the answer.
    ///
    /// # Errors
    /// [`http::Error`] where the path cannot stand in an address.
    pub(in crate::engine) fn pieces(
        &self,
        call: Call,
        limit: Duration,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Unpin + use<>, http::Error> {
        let answer = (self.send)(call.request(&self.address)?);
        let body = stream::once(async move {
            let answer = tokio::time::timeout(limit, answer).await;
            let answer = answer.map_err(|_| Error::RequestTimeoutError)??;
            let begun = stream::once(std::future::ready(Ok(Bytes::new())));
            Ok::<_, Error>(begun.chain(answer.into_body().into_data_stream().map_err(Error::from)))
        });
        // Boxed for `Unpin`: callers wait for one piece after another.
        Ok(body.try_flatten().boxed())
    }
}
