//! What an engine is, and what it says about images.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};

/// What is known of an engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// The id that the engine gave itself; none where its answers do not agree on one.
    pub id: Option<Arc<str>>,
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The newest version of the API that it speaks, such as `1.41`.
    pub api_version: String,
    /// Its own labels, for `Placement`.
    pub labels: BTreeMap<String, String>,
    /// How many nodes run its containers; none where docket may not know.
    pub nodes: Option<usize>,
    /// How many processor cores it has.
    pub cores: usize,
    /// What its clock showed while it answered, where it reports that.
    pub time: Option<DateTime<Utc>>,
}

/// By what means an engine starts a container at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// By its id: each container gets one request, and one without an answer is replaced.
    ById,
    /// By its version: a request on another version than the present one is refused.
    Conditionally,
    /// Preparing a container starts it, so its name has to be held for as long as a request may be late.
    WithPrepare,
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
    /// True where a registry was asked and had it; false where the engine's own image serves.
    pub was_pulled: bool,
}
