//! Engines run a container to its end. Stores, schedules and HTTP are not known here.
//!
//! 1. Creating is idempotent by name: a second call joins the container that the first one made.
//! 2. Starting is not: an engine runs an ended container again, so whoever got no answer inspects.
//! 3. A container that does not carry every label of ours is never touched.

pub mod docker;
#[cfg(test)]
pub(crate) mod scripted;

use async_trait::async_trait;
use docket_model::{
    AllocationName, Container, Output,
    run::{ContainerId, Exit, Instant},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc};
use thiserror::Error;
use uuid::Uuid;

/// What is known of an engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The id that the engine gave itself.
    pub id: String,
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The newest version of the API that it speaks, such as `1.41`.
    pub api_version: String,
    /// How many processor cores it has.
    pub cores: usize,
}

/// Whose container it is: everything that its name and its labels are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Tells servers on one engine apart; `[a-z0-9-]{1,20}`.
    pub namespace: Arc<str>,
    /// The id that the store made once.
    pub store: Uuid,
    /// The allocation's name.
    pub allocation: AllocationName,
    /// New whenever the name is created anew.
    pub uid: Uuid,
    /// The instant it runs for.
    pub instant: Instant,
    /// Counted from 1.
    pub attempt: u32,
}

impl Identity {
    /// The labels that tell the container from all others.
    #[must_use]
    pub fn labels(&self) -> [(&'static str, String); 6] {
        [
            ("io.docket.namespace", self.namespace.to_string()),
            ("io.docket.store", self.store.to_string()),
            ("io.docket.allocation", self.allocation.to_string()),
            ("io.docket.uid", self.uid.to_string()),
            ("io.docket.instant", self.instant.to_string()),
            ("io.docket.attempt", self.attempt.to_string()),
        ]
    }

    /// What the program inside the container is told.
    #[must_use]
    pub fn environment(&self) -> [String; 4] {
        let moment = self.instant.moment().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        [
            format!("DOCKET_ALLOCATION={}", self.allocation),
            format!("DOCKET_INSTANT={moment}"),
            format!("DOCKET_RUN={}/{}", self.allocation, self.instant),
            format!("DOCKET_ATTEMPT={}", self.attempt),
        ]
    }
}

/// A container to be created: whose it is, and what was asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose it is.
    pub identity: Identity,
    /// Labels of the allocation, put on the container beside its own.
    pub labels: BTreeMap<String, String>,
    /// The container as it was posted.
    pub container: Container,
}

impl Plan {
    /// The options as posted, with docket's labels and variables, and without what docket does itself.
    ///
    /// `AutoRemove` is docket's part: the engine could drop output and exit code with the container.
    #[must_use]
    pub fn body(&self) -> Map<String, Value> {
        let parts = self.container.parts();
        let mut body = parts.config;
        let labels = entry_or_replace(&mut body, "Labels", Value::Object(Map::new()));
        if let Value::Object(labels) = labels {
            labels
                .extend(self.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())));
            let own = self.identity.labels();
            labels.extend(own.map(|(key, value)| (key.to_owned(), value.into())));
        }
        let environment = entry_or_replace(&mut body, "Env", Value::Array(Vec::new()));
        if let Value::Array(environment) = environment {
            environment.extend(self.identity.environment().map(Value::String));
        }
        if let Some(mut host_config) = parts.host_config {
            host_config.shift_remove("AutoRemove");
            body.insert("HostConfig".to_owned(), Value::Object(host_config));
        }
        if let Some(networking_config) = parts.networking_config {
            body.insert("NetworkingConfig".to_owned(), Value::Object(networking_config));
        }
        body
    }
}

/// The value under `key`; `default` where there is none or null.
fn entry_or_replace<'a>(
    object: &'a mut Map<String, Value>,
    key: &str,
    default: Value,
) -> &'a mut Value {
    let value = object.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = default;
    }
    value
}

/// An image that is there to make containers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The image's repository, as it was written.
    pub repository: String,
    /// Its tag or digest; `latest` where none was written.
    pub tag: String,
    /// Why the image could not be pulled, where an older one on the engine serves in its place.
    pub stale: Option<String>,
}

/// A container that an engine made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: ContainerId,
    /// The id of its image, where the engine tells it.
    pub image: Option<Arc<str>>,
    /// What the engine had to say about the options.
    pub warnings: Vec<String>,
}

/// What could be read of what a container wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The output; empty where the engine keeps none that can be read.
    pub output: Output,
    /// Why there is no output, or less than there was.
    pub remark: Option<String>,
}

/// Runs containers. The order of calls for one container is the order of the methods.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync {
    /// Asks whether the engine answers, and what it is.
    async fn info(&self) -> Result<EngineInfo, EngineError>;

    /// Makes sure that the image is there, newest version first.
    ///
    /// Callers that want one image at the same moment share one pull. Where the registry cannot be
    /// reached or refuses and the image is on the engine already, that one serves.
    async fn pull(&self, image: &str) -> Result<Pulled, EngineError>;

    /// Creates the container, or joins the one of this name if its labels are all the plan's.
    async fn create(&self, plan: &Plan) -> Result<Made, EngineError>;

    /// Starts the container once; after a start without an answer it inspects before anything else.
    async fn start(&self, container: &ContainerId) -> Result<(), EngineError>;

    /// Waits until a started container has ended, however often the engine goes away meanwhile.
    ///
    /// One that was never started is [`EngineError::NotStartable`].
    async fn follow(&self, container: &ContainerId) -> Result<Exit, EngineError>;

    /// Reads what the container has written so far, from the beginning; keeps at most `limit` bytes.
    async fn output(&self, container: &ContainerId, limit: usize) -> Result<Captured, EngineError>;

    /// Removes an ended container by id, with its anonymous volumes. One that is gone already is fine.
    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError>;
}

/// What can go wrong at an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The engine does not answer: nothing was refused, and it may be back.
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    /// No such image, neither at a registry nor on the engine.
    #[error("image {image} not found")]
    NoSuchImage {
        /// As it was written.
        image: String,
        /// What the registry or the engine said.
        reason: String,
    },
    /// Another container has the name.
    #[error("the name is held by {holder}")]
    NameHeld {
        /// The holder, by id and what it is.
        holder: String,
    },
    /// The container is not there any more, and docket did not remove it.
    #[error("removed from outside")]
    Gone,
    /// The container was created, and the engine says that it cannot run.
    #[error("{0}")]
    NotStartable(String),
    /// The engine refused, in its own words.
    #[error("{message}")]
    Refused {
        /// The engine's HTTP status.
        status: u16,
        /// The engine's message.
        message: String,
    },
}
