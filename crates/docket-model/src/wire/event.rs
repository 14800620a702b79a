//! Events as they are told.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RunRecord;
use crate::name::AllocationName;

/// What an event of `GET /-/events` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A record of a run was made or changed; its data is a [`RunEvent`].
    Run,
    /// Something happened to an allocation; its data is an entry of the journal.
    Allocation,
    /// Something happened to the server; its data is an entry of the journal.
    Server,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Run, Self::Allocation, Self::Server];

    /// All words that [`EventKind::word`] may be.
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

/// The type of the event that tells a reader that it missed others; its data is a [`Gap`].
pub const GAP: &str = "gap";

/// The type of the event that ends a followed output; its data is the run's record.
pub const END: &str = "end";

/// The data of an event about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct RunEvent {
    /// When the record was made or changed. Servers of older versions do not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// The allocation.
    pub allocation: AllocationName,
    /// The record as it is now.
    pub run: RunRecord,
}

/// The data of an event that tells of others that are not to be had: what is known is to be loaded
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Gap {
    /// Why, in words.
    pub reason: String,
}
