//! What engines report about containers: handles, results of calls, and observations.

use std::{collections::HashMap, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    Life,
    run::{ContainerId, Exit},
};
use uuid::Uuid;

use super::{
    Identity,
    container_plan::{LIFE, labelled_parts},
};

/// A container at an engine: its id and, where the engine has one, the version in which it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    /// The id that the engine gave it.
    pub id: ContainerId,
    /// The version: a call on another version than the present one is refused.
    pub version: Option<Arc<str>>,
}

impl From<ContainerId> for Handle {
    fn from(id: ContainerId) -> Self {
        Self { id, version: None }
    }
}

impl From<&ContainerId> for Handle {
    fn from(id: &ContainerId) -> Self {
        Self::from(id.clone())
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// A container that is ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The container.
    pub handle: Handle,
    /// True where the container was there already under this name.
    pub joined: bool,
    /// True where preparing has started it: see [`super::Starts::WithPrepare`].
    pub started: bool,
    /// The id of its image, where the engine reports it.
    pub image: Option<Arc<str>>,
    /// What the engine had to say about the options.
    pub warnings: Vec<String>,
}

impl Prepared {
    /// A container that was made for this call and waits to be started.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        Self { handle, joined: false, started: false, image: None, warnings: Vec::new() }
    }
}

/// What came of a request to start a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launch {
    /// It was started by this request.
    Started,
    /// The request was accepted: the container starts once a node has room and its image.
    Accepted,
    /// The container has changed since it was seen; nothing was started. The handle as it is now.
    OutOfDate(Handle),
    /// It was started before, by another request.
    AlreadyRan,
    /// It is gone, and was not started: it may be prepared anew.
    NeverRan,
    /// It is gone, and whether it was started is not known.
    Gone,
    /// There was no answer: the request may still be carried out, also much later.
    Unknown(String),
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// It was not started; why not yet, where the engine says so.
    Pending(Option<String>),
    /// It was asked to start, and waits for a node or its image; why, where the engine says so.
    Waiting(Option<String>),
    /// It runs, or is paused.
    Running {
        /// Since when, by the engine's clock.
        since: Option<DateTime<Utc>>,
        /// On which node, where the engine spans several.
        node: Option<Arc<str>>,
    },
    /// Its node is not in reach, so it is not known whether it runs.
    NodeAway {
        /// The node.
        node: Arc<str>,
        /// Since when, by the engine's clock.
        since: Option<DateTime<Utc>>,
        /// True where the node has reported that it runs. Otherwise the node may have started it, or may still.
        was_running: bool,
    },
    /// It ran and has ended.
    Ended(Exit),
    /// It is not there any more, and docket did not remove it.
    Gone(Past),
}

impl Observation {
    /// True where only a node that is not in reach can say whether the container is started.
    #[must_use]
    pub fn is_start_unknown(&self) -> bool {
        matches!(self, Self::NodeAway { was_running: false, .. })
    }

    /// Since when it runs, by the engine's clock, where it runs and the engine reports that.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Running { since, .. } => *since,
            _ => None,
        }
    }
}

/// What is known of a container that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// It ran, and ended like this.
    Ran(Exit),
    /// It surely never ran, so its run may have another one.
    NeverRan,
    /// Nothing.
    Unknown,
}

/// Whose containers are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The namespace of the server.
    pub namespace: Arc<str>,
    /// The id of its store.
    pub store: Uuid,
}

impl Owner {
    /// True of what belongs to this namespace and this store.
    #[must_use]
    pub fn owns(&self, found: &Found) -> bool {
        found.identity.namespace == self.namespace && found.identity.store == self.store
    }

    /// True of what belongs to this namespace and another store.
    #[must_use]
    pub fn is_of_other_store(&self, found: &Found) -> bool {
        found.identity.namespace == self.namespace && found.identity.store != self.store
    }
}

/// A container that carries a server's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The container.
    pub handle: Handle,
    /// Whose it is, read from its labels.
    pub identity: Identity,
    /// How many parts its run has; older versions of docket did not note that, so there may be more.
    pub parts: u32,
    /// The life of the server that created it; older versions of docket did not note that.
    pub life: Option<Life>,
    /// When it was created, by the engine's clock, where the engine reports that.
    pub created_at: Option<DateTime<Utc>>,
}

impl Found {
    /// A container with these labels.
    ///
    /// # Errors
    /// The key of a label that does not say whose it is.
    pub fn of(
        handle: Handle,
        labels: &HashMap<String, String>,
        created_at: Option<DateTime<Utc>>,
    ) -> Result<Self, &'static str> {
        let life = labels.get(LIFE).and_then(|life| life.parse().ok());
        let (identity, parts) = (Identity::of(labels)?, labelled_parts(labels)?);
        Ok(Self { handle, parts: parts.max(identity.attempt.part), identity, life, created_at })
    }
}

/// On what condition a container is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It does not run. No engine ends a container to remove it.
    NotRunning,
    /// It does not run and has the version of the handle, where the engine has versions.
    Unchanged,
    /// Its run is lost, and no end of it is reported that could still be recorded.
    EndUnknown,
}
