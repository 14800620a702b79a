//! Where a store comes from: whether it is a copy, was moved, or had a server of another namespace; and
//! which lives of servers it lists. What is done about that is the runner's part.

use std::{collections::BTreeSet, path::PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::{Life, Zone, run::Reason};
use serde::{Deserialize, Serialize};

/// How a store that is opened differs from the one that was last served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// When it was copied, where it says that it is a copy that no server has taken over yet.
    pub copied_at: Option<DateTime<Utc>>,
    /// The namespace in which it was last served, where that is another one.
    pub namespace_before: Option<String>,
    /// The engines that it was last served with, where that was on another machine.
    pub engines_elsewhere: Option<NotedEngines>,
}

/// Where a store is served: on which machine, in which namespace, and under which path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Home {
    /// The id of the machine; nothing where it is not known, or means nothing, as in a container.
    pub(crate) machine: Option<String>,
    /// The namespace of the server.
    pub(crate) namespace: String,
    /// The file, without links.
    pub(crate) path: PathBuf,
    /// The device that the file is on.
    pub(crate) device: u64,
    /// Its number there.
    pub(crate) inode: u64,
    /// The engines that the store was last served with, as far as they have answered.
    pub(crate) engine: Option<NotedEngines>,
}

/// The engines that a store is served with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum NotedEngines {
    /// They have these ids. In the store they are separated by spaces.
    Identified(BTreeSet<String>),
    /// One of them has no lasting id. In the store it is an empty text.
    Unidentified,
}

impl NotedEngines {
    /// The engines with these ids; none of one without a lasting id.
    pub fn of<'i>(ids: impl IntoIterator<Item = Option<&'i str>>) -> Self {
        let ids: Option<BTreeSet<_>> = ids.into_iter().map(|id| id.map(str::to_owned)).collect();
        ids.filter(|ids| !ids.is_empty()).map_or(Self::Unidentified, Self::Identified)
    }
}

impl From<String> for NotedEngines {
    fn from(ids: String) -> Self {
        Self::of(ids.split_whitespace().map(Some))
    }
}

impl From<NotedEngines> for String {
    fn from(engines: NotedEngines) -> Self {
        match engines {
            NotedEngines::Identified(ids) => ids.into_iter().collect::<Vec<_>>().join(" "),
            NotedEngines::Unidentified => Self::new(),
        }
    }
}

impl Provenance {
    /// Why the store does not know what happened before it was opened, as far as its file says so.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let namespace = self.namespace_before.clone().map(Doubt::Namespace);
        namespace.or(self.copied_at.map(Doubt::Copy))
    }
}

/// What a store knows of the life that a container carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownLife {
    /// A server had this very store open.
    Listed,
    /// A server had a copy of it open; its containers were taken over then.
    Adopted(DateTime<Utc>),
    /// A server had a copy of it open, and that is all.
    Unlisted,
}

/// Why a store does not know what happened for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// It is a copy of another store, as that was then.
    Copy(DateTime<Utc>),
    /// It was served in another namespace, whose containers are not its server's.
    Namespace(String),
}

impl Doubt {
    /// The reason of what is recorded as missed because of it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Copy(copied_at) => Reason::StoreRestored { copied_at: *copied_at },
            Self::Namespace(from) => Reason::NamespaceChanged { from: from.as_str().into() },
        }
    }

    /// Why the store does not know, as a clause.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Copy(at) => {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                format!("the store was restored from a copy of {at}")
            }
            Self::Namespace(namespace) => {
                format!("the store was served in the namespace `{namespace}` before")
            }
        }
    }
}

/// Ends a doubt: what is due and not decided up to a moment is recorded as missed.
#[derive(Debug, Clone)]
pub struct Restoration {
    /// Why it is not known.
    pub doubt: Doubt,
    /// Up to when.
    pub at: DateTime<Utc>,
    /// The zone of allocations that name none.
    pub zone: Zone,
    /// Lives of servers with other copies, whose containers are taken over.
    pub lives: Vec<Life>,
}
