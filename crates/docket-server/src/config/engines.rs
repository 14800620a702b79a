//! The engines of a server: how they are written, and the one place that connects one by its kind.

mod connect;
mod engine_address;
mod engine_label;
mod engines_file;
mod merge;

use std::{collections::BTreeMap, path::PathBuf};

use docket_model::EngineName;

pub(crate) use self::connect::{
    ConnectedEngine, PullLimits, connect, connect_default, warn_of_unread_variables,
};
pub use self::{
    connect::ConnectEngine,
    engine_address::{EngineAddress, InvalidEngineAddress},
    engine_label::{EngineLabel, InvalidEngineLabel},
    engines_file::{EnginesFileError, read_engines_file},
    merge::{InvalidEngines, engines_of},
};

/// An engine, as the options and the file of engines configure it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Its name, which records refer to.
    pub name: EngineName,
    /// Which program it is.
    pub kind: EngineKind,
    /// Where it is: one URL, or those of all managers where its kind has managers.
    pub urls: Vec<String>,
    /// Labels for `Placement`.
    pub labels: BTreeMap<String, String>,
    /// The folder with `ca.pem`, `cert.pem` and `key.pem`, for TLS.
    pub certificates: Option<PathBuf>,
}

impl EngineConfig {
    /// Its first URL.
    pub(crate) fn url(&self) -> &str {
        self.urls.first().map_or("", String::as_str)
    }
}

/// Which program an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// One Docker engine, or Podman's API for Docker.
    Docker,
    /// A Docker Swarm, reached at any of its managers.
    Swarm,
    /// A Kubernetes cluster.
    Kubernetes,
}

impl EngineKind {
    const ALL: [Self; 3] = [Self::Docker, Self::Swarm, Self::Kubernetes];

    /// The kind as users write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Swarm => "swarm",
            Self::Kubernetes => "kubernetes",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// True where an engine of this kind is reached at several addresses.
    const fn has_managers(self) -> bool {
        matches!(self, Self::Swarm)
    }
}
