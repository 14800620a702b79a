//! Events on the wire.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RunRecord;
use crate::{journal::Entry, name::AllocationName};

/// What an event of `GET /-/events` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A record of a run is new or has changed; the data is a [`RunEvent`].
    Run,
    /// An entry of the journal about an allocation.
    Allocation,
    /// An entry of the journal about the server.
    Server,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Run, Self::Allocation, Self::Server];

    /// All words that [`EventKind::word`] returns.
    pub const WORDS: [&str; 3] = ["run", "allocation", "server"];

    /// The kind as one word, which is the type of the event.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Allocation => "allocation",
            Self::Server => "server",
        }
    }
}

/// The type of the event for a reader that missed other events; its data is a [`Gap`].
pub const GAP: &str = "gap";

/// The type of the event that ends a followed output; its data is the run's record.
pub const END: &str = "end";

/// The data of an event about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunEvent {
    /// When the record was made or changed. Servers of older versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The allocation.
    pub allocation: AllocationName,
    /// The record as it is now.
    pub run: RunRecord,
}

/// An entry of the journal, with what happened in words: `GET /-/journal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EntryInWords {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// What happened, as `docket journal` shows it.
    pub text: String,
}

impl From<Entry> for EntryInWords {
    fn from(entry: Entry) -> Self {
        Self { text: entry.event.to_string(), entry }
    }
}

/// The data of an event in place of others that the server no longer has: the client must load what it
/// shows again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Gap {
    /// Why the events are missing.
    pub reason: String,
}
