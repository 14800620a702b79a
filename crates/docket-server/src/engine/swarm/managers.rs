//! The managers of a Swarm: calls go to one of them, and to the next one where it does not answer.
//!
//! 1. A manager without a leader counts as one that does not answer: it can neither read nor write.
//! 2. Each call is one attempt at one manager; the ping alone asks one after another.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::engine::{
    EngineError, Refusal,
    docker_api::{engine_client::Client, http_client::Call},
};

/// How long a manager may take to say that it is part of a Swarm with a leader.
// Without a quorum it takes 20 s to fail, while it answers a plain ping at once.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// The managers of one Swarm.
#[derive(Debug)]
pub(super) struct Managers {
    clients: Vec<Client>,
    /// The one that calls go to.
    current: AtomicUsize,
}

impl Managers {
    pub(super) fn new(clients: Vec<Client>) -> Self {
        Self { clients, current: AtomicUsize::new(0) }
    }

    /// Where they are, in words.
    pub(super) fn endpoints(&self) -> String {
        let endpoints: Vec<_> = self.clients.iter().map(|client| &*client.endpoint).collect();
        endpoints.join(", ")
    }

    /// True where a connection to one of them takes a process of its own.
    pub(super) fn are_by_process(&self) -> bool {
        self.clients.iter().any(|client| client.is_by_process)
    }

    /// Asks the managers in turn, from the one in use, until one has a leader.
    pub(super) async fn ping(&self) -> Result<(), EngineError> {
        let mut reasons = Vec::new();
        for _ in 0..self.clients.len() {
            let (index, client) = self.current()?;
            // Its own limit would only say that there was no answer.
            let asking = client.carry_out(Call::get("/swarm"), PING_LIMIT * 2);
            let asked = timeout(PING_LIMIT, asking).await.unwrap_or_else(|_| {
                Err(EngineError::Unreachable(format!(
                    "{}: no answer about its Swarm within {} s: without more than half of the managers there is \
                     no leader",
                    client.endpoint,
                    PING_LIMIT.as_secs()
                )))
            });
            let Err(error) = self.judged(index, client, asked) else { return Ok(()) };
            reasons.push(error);
        }
        // Each says where it is, so all of them are of use.
        let unreachable = |error: EngineError| match error {
            EngineError::Unreachable(reason) => reason,
            error => error.to_string(),
        };
        let reasons: Vec<_> = reasons.into_iter().map(unreachable).collect();
        Err(EngineError::Unreachable(reasons.join("; ")))
    }

    /// Reads a JSON answer; `filters` are those of Docker's lists.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, EngineError> {
        self.json(Call::get(path)).await
    }

    /// Reads a list of what has all of these.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filters: &Value,
    ) -> Result<Vec<T>, EngineError> {
        let (index, client) = self.current()?;
        let filters = filters.to_string();
        let query = [("filters", filters.as_str()), ("status", "true")];
        let answer = client.get_json(path, &query).await;
        self.judged(index, client, answer)
    }

    /// Makes a call and reads its JSON answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, EngineError> {
        let (index, client) = self.current()?;
        let answer = client.json(call).await;
        self.judged(index, client, answer)
    }

    /// Makes a call that changes something within so long.
    pub(super) async fn carry_out(&self, call: Call, limit: Duration) -> Result<(), EngineError> {
        let (index, client) = self.current()?;
        let answer = client.carry_out(call, limit).await;
        self.judged(index, client, answer)
    }

    /// Reads what a manager answers, as it comes.
    pub(super) fn pieces(
        &self,
        path: String,
    ) -> Result<BoxStream<'static, Result<Bytes, EngineError>>, EngineError> {
        let (_, client) = self.current()?;
        let pieces: std::pin::Pin<Box<dyn Stream<Item = _> + Send>> = client.get(path)?.boxed();
        Ok(pieces)
    }

    fn current(&self) -> Result<(usize, &Client), EngineError> {
        let index = self.current.load(Ordering::Relaxed);
        let client = self.clients.get(index % self.clients.len().max(1));
        let no_manager = || EngineError::Unreachable("no manager is configured".to_owned());
        Ok((index, client.ok_or_else(no_manager)?))
    }

    /// Moves on to the next manager where this one gave no answer of the Swarm's.
    fn judged<T>(
        &self,
        index: usize,
        client: &Client,
        answer: Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let answer = match answer {
            Err(EngineError::Refused { kind, message }) if is_without_leader(kind, &message) => {
                Err(EngineError::Unreachable(format!("{}: {message}", client.endpoint)))
            }
            answer => answer,
        };
        if matches!(answer, Err(EngineError::Unreachable(_))) {
            let next = index.wrapping_add(1);
            // Where another call has moved on already, its choice stands.
            let _ =
                self.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        answer
    }
}

/// True where the refusal is about the manager and not about the call.
fn is_without_leader(kind: Refusal, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // Docker has only one status, 500, for these and for a call that the Swarm refuses. While the leader
    // changes, the words are `lost leader status`.
    let words = ["leader", "deadlineexceeded", "deadline exceeded", "code = unavailable"];
    kind == Refusal::Unavailable
        || kind == Refusal::Failed && words.iter().any(|words| message.contains(words))
}

/// Filters of a list: each object must have this label.
pub(super) fn labelled(labels: &[String]) -> Value {
    json!({"label": labels})
}

/// Turns a refusal of a call that only reads into a missing answer: it says nothing about the object.
pub(super) fn or_no_answer(error: EngineError, call: &str) -> EngineError {
    match error {
        EngineError::Refused { message, .. } => {
            EngineError::Unreachable(format!("{call} failed: {message}"))
        }
        error => error,
    }
}

/// The same for a call about one object, which is gone where the manager does not find it.
pub(super) fn gone_or_no_answer(error: EngineError, call: &str) -> EngineError {
    match error {
        EngineError::Refused { kind: Refusal::NotFound, .. } => EngineError::Gone,
        error => or_no_answer(error, call),
    }
}
