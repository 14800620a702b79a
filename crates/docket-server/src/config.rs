//! What a server is told when it starts, and the one place that chooses its store and its engine.

mod access;
mod listen;
mod machine;
mod store;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use docket_model::{Zone, container::UnknownOptions};
use thiserror::Error;
use tracing::info;

pub use self::{
    access::{Access, InvalidToken, SHORTEST_TOKEN, TlsFiles, Token},
    listen::{Listen, ListenError, Listener},
    store::{InvalidStore, StoreChoice},
};
use crate::{
    clock::{Clock, SystemClock},
    engine::{Engine, docker},
    store::{MemoryStore, OpenError, Opener, SqliteStore, Store},
};

/// What a server needs to know. Everything that can be wrong with it was found when it was made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may do what.
    pub access: Access,
    /// The zone of allocations that name none.
    pub time_zone: Zone,
    /// Tells servers on one engine apart.
    pub namespace: Namespace,
    /// How many containers may be in creation or start at once; twice the engine's cores if absent.
    pub max_starting: Option<usize>,
    /// How many containers may be alive at once.
    pub max_running: usize,
    /// How many runs may wait for one of those to end.
    pub queue: usize,
    /// Where the files of `EnvFiles` are.
    pub env_dir: Option<PathBuf>,
    /// True where the store was moved from another machine, whose server does not use it any more.
    pub restored: bool,
    /// True where the containers are stopped with the server.
    pub stop_runs: bool,
    /// True where the server is paused when it starts, if it is not already.
    pub paused: bool,
    /// How many images may be pulled at once.
    pub max_pulling: usize,
    /// After which time a pull is given up.
    pub pull_timeout: Duration,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// Where allocations and runs are kept.
    pub store: StoreChoice,
    /// How many bytes records and outputs may take in memory together, where they are kept there.
    pub memory: usize,
    /// A file or a directory of files with allocations that only it can change.
    pub file: Option<PathBuf>,
    /// What becomes of options that the Engine API does not know.
    pub unknown_options: UnknownOptions,
}

impl Config {
    /// The store that was chosen. This blocks while a file is opened.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, ConfigError> {
        Ok(match &self.store {
            StoreChoice::Memory => {
                let now = SystemClock.now().timestamp_millis().unsigned_abs();
                Arc::new(MemoryStore::new(self.memory).counting_from(now))
            }
            StoreChoice::Sqlite(path) => {
                let (namespace, at) = (self.namespace.shared(), SystemClock.now());
                let opener = Opener { namespace, machine: machine::id(), at };
                Arc::new(SqliteStore::open(path, &opener)?)
            }
        })
    }

    /// The engine that the environment names, as Docker's own client finds it.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>, ConfigError> {
        let config = docker::config_folder();
        let variable = |name: &str| std::env::var(name).ok();
        let endpoint = docker::Endpoint::choose(&variable, config.as_deref())?;
        let platform = docker::default_platform(&variable)?;
        if let Some(platform) = &platform {
            info!(platform, "`DOCKER_DEFAULT_PLATFORM` is the platform of images by default");
        }
        let settings = docker::Settings {
            config,
            max_pulling: self.max_pulling,
            pull_timeout: self.pull_timeout,
            platform,
        };
        let engine = docker::connect(&endpoint, settings)?;
        info!(engine = engine.endpoint(), "runs go to this engine");
        Ok(Arc::new(engine))
    }
}

/// What a server was told that cannot be.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The environment names an engine that cannot be used.
    #[error(transparent)]
    Engine(#[from] docker::ConnectError),
    /// The file that was named cannot be the store.
    #[error(transparent)]
    Store(#[from] OpenError),
}

/// The default for where the server listens.
pub const LISTEN: &str = "127.0.0.1:3000";
/// The default for [`Config::namespace`].
pub const NAMESPACE: &str = "docket";

/// A namespace: `[a-z0-9-]{1,20}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Arc<str>);

/// A text that is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no namespace: use 1 to 20 of a-z, 0-9 and -, beginning with a letter or a digit")]
pub struct InvalidNamespace(String);

impl Namespace {
    /// The namespace as text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Namespace {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // Docker wants a container's name to begin with a letter or a digit.
        if text.is_empty() || text.len() > 20 || text.starts_with('-') || !text.chars().all(allowed)
        {
            return Err(InvalidNamespace(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}
