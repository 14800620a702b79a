//! The client of one engine, with what all calls share: errors in docket's words, limits, and plain reading.

use std::{sync::Arc, time::Duration};

use bollard::{Docker, errors::Error};
use bytes::Bytes;
use docket_model::error_causes::innermost;
use futures_util::{FutureExt, Stream, StreamExt};
use serde::de::DeserializeOwned;

use super::http_client::{Call, Connection};
use crate::engine::{EngineError, Refusal, bounded};

/// How long an answer may take to begin, and a short one to be there in full.
// bollard's own default.
pub(in crate::engine) const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How long an engine that is well may take to answer a ping.
const PING_LIMIT: Duration = Duration::from_secs(10);
/// The longest answer that is read as a whole, in bytes: a list has some 2 KiB for each container, and
/// there may be 10,000 of them. An inspection has some 10 KiB.
const LONGEST_ANSWER: usize = 32 << 20;
/// The longest answer to a ping, in bytes, which is `OK`.
const LONGEST_PONG: usize = 1 << 10;
/// A client of one engine.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Client {
    /// For calls whose typed form loses nothing.
    pub(in crate::engine) docker: Docker,
    /// For bodies and answers as they are; keeps its connections.
    pub(in crate::engine) keeping: Connection,
    /// The same, with a new connection for each request.
    pub(in crate::engine) afresh: Connection,
    /// Where the engine is, in words.
    pub(in crate::engine) endpoint: Arc<str>,
    /// True where the engine is reached by a socket of this machine.
    pub(in crate::engine) is_local: bool,
    /// True where a connection takes a process of its own.
    pub(in crate::engine) is_by_process: bool,
}

impl Client {
    /// Waits for an answer that should not take long.
    // Not an `async fn`, which would hold the answer twice: bollard's take 1.5 KB each.
    pub(in crate::engine) fn answer<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> impl Future<Output = Result<T, EngineError>> {
        tokio::time::timeout(limit, answer).map(move |answered| match answered {
            Ok(answer) => answer.map_err(|error| self.error(&error)),
            Err(_) => Err(self.no_answer(limit)),
        })
    }

    /// True where the engine takes new connections. One that goes down does not any more, while it
    /// still answers on those it has.
    pub(in crate::engine) async fn takes_connections(&self) -> bool {
        self.ping_over(&self.afresh).await.is_ok()
    }

    /// Asks whether the engine answers: over a new connection, where that costs little.
    pub(in crate::engine) async fn ping(&self) -> Result<(), EngineError> {
        // Over a network, and more so by SSH, a new connection costs much more than the ping.
        let connection = if self.is_local { &self.afresh } else { &self.keeping };
        self.ping_over(connection).await
    }

    async fn ping_over(&self, connection: &Connection) -> Result<(), EngineError> {
        let read = self.read(connection, Call::get("/_ping"), LONGEST_PONG);
        let answer = tokio::time::timeout(PING_LIMIT, read).await;
        answer.unwrap_or_else(|_| Err(self.no_answer(PING_LIMIT))).map(drop)
    }

    /// The refusal, unless it comes from an engine that goes down: that one may be back.
    pub(in crate::engine) async fn or_unreachable(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Refused { kind, message }
                // An engine that shuts down fails the calls under way after it has closed its
                // socket.
                if kind.is_failure() && !self.takes_connections().await =>
            {
                EngineError::Unreachable(format!("{}: it goes down: {message}", self.endpoint))
            }
            error => error,
        }
    }

    /// Turns a refusal of a call that only reads into a missing answer.
    pub(in crate::engine) fn refusal_as_no_answer(
        &self,
        call: &str,
        error: EngineError,
    ) -> EngineError {
        match error {
            EngineError::Refused { message, .. } => {
                let endpoint = &self.endpoint;
                EngineError::Unreachable(format!("{endpoint}: {call} failed: {message}"))
            }
            error => error,
        }
    }

    /// Reads a JSON answer. What stands in the path is checked text; the query may be any.
    pub(in crate::engine) async fn get_json<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, EngineError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| self.unreadable(&error))?;
        let mark = if query.is_empty() { "" } else { "?" };
        self.json(Call::get(format!("{path}{mark}{query}"))).await
    }

    /// Reads a JSON answer to a call.
    pub(in crate::engine) async fn json<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<T, EngineError> {
        let read = self.read(&self.keeping, call, LONGEST_ANSWER);
        let answer = tokio::time::timeout(ANSWER_LIMIT, read).await;
        let bytes = answer.unwrap_or_else(|_| Err(self.no_answer(ANSWER_LIMIT)))?;
        serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error))
    }

    /// Makes a call whose answer says nothing but that it was carried out.
    pub(in crate::engine) async fn carry_out(
        &self,
        call: Call,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let read = self.read(&self.keeping, call, LONGEST_ANSWER);
        let answer = tokio::time::timeout(limit, read).await;
        answer.unwrap_or_else(|_| Err(self.no_answer(limit))).map(drop)
    }

    /// Reads an answer as a whole, unless it is too long.
    async fn read(
        &self,
        connection: &Connection,
        call: Call,
        longest: usize,
    ) -> Result<Vec<u8>, EngineError> {
        let mut pieces = self.pieces(connection, call, ANSWER_LIMIT)?;
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > longest {
                return Err(self.unreadable(&format_args!("over {longest} bytes")));
            }
        }
        Ok(bytes)
    }

    /// Reads what the engine answers, as it comes.
    pub(in crate::engine) fn get(
        &self,
        path: String,
    ) -> Result<impl Stream<Item = Result<Bytes, EngineError>> + Unpin + use<>, EngineError> {
        self.pieces(&self.keeping, Call::get(path), ANSWER_LIMIT)
    }

    /// Makes a call and reads the answer as it comes, which must begin within `limit`.
    pub(in crate::engine) fn pieces(
        &self,
        connection: &Connection,
        call: Call,
        limit: Duration,
    ) -> Result<impl Stream<Item = Result<Bytes, EngineError>> + Unpin + use<>, EngineError> {
        let pieces = connection.pieces(call, limit).map_err(|error| EngineError::Refused {
            kind: Refusal::Invalid,
            message: format!("the name cannot stand in an address: {error}"),
        })?;
        let client = self.clone();
        Ok(pieces.map(move |piece| {
            piece.map_err(|error| match error {
                Error::RequestTimeoutError => client.no_answer(limit),
                error => client.error(&error),
            })
        }))
    }

    /// The engine's error in docket's words: it refused, or there was no answer.
    pub(in crate::engine) fn error(&self, error: &Error) -> EngineError {
        match error {
            Error::DockerResponseServerError { status_code, message } => EngineError::Refused {
                kind: kind_of(*status_code),
                message: match message.trim() {
                    // A proxy may answer without a body.
                    "" => format!("the engine answered with status {status_code}"),
                    message => bounded(message),
                },
            },
            Error::RequestTimeoutError => self.no_answer(ANSWER_LIMIT),
            Error::JsonDataError { message, .. } => self.unreadable(message),
            Error::JsonSerdeError { err } => self.unreadable(err),
            other => EngineError::Unreachable(format!(
                "{}: {}",
                self.endpoint,
                bounded(innermost(other).to_string())
            )),
        }
    }

    /// The engine did not answer in time, which is no refusal.
    pub(in crate::engine) fn no_answer(&self, limit: Duration) -> EngineError {
        let seconds = limit.as_secs();
        EngineError::Unreachable(format!("{}: no answer within {seconds} s", self.endpoint))
    }

    /// What answered is no Docker engine, or broke off in the middle.
    pub(in crate::engine) fn unreadable(&self, reason: &dyn std::fmt::Display) -> EngineError {
        let (endpoint, reason) = (&self.endpoint, bounded(reason.to_string()));
        EngineError::Unreachable(format!("{endpoint}: its answer cannot be read: {reason}"))
    }
}

/// What a status of Docker's API says about a refusal.
fn kind_of(status: u16) -> Refusal {
    match status {
        401 | 403 => Refusal::Denied,
        404 => Refusal::NotFound,
        409 => Refusal::Conflict,
        // Docker's answer where a log driver keeps nothing that can be read.
        501 => Refusal::Unsupported,
        // 503 may come from an engine that starts or stops, 502 and 504 only from a proxy.
        502..=504 => Refusal::Unavailable,
        500.. => Refusal::Failed,
        _ => Refusal::Invalid,
    }
}
