//! The configuration of a server, and the one place that chooses its store.

mod config_error;
pub mod engines;
mod listen;
mod machine_id;
mod notify_file;
mod store;
mod token_and_tls;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use docket_model::{Zone, container::UnknownOptions};
use thiserror::Error;

use self::engines::{ConnectEngine, EngineConfig};
pub use self::{
    config_error::ConfigError,
    listen::{Listen, ListenError, Listener},
    notify_file::{NotifyFileError, NotifySettings, SigningKey, Target, read_notify_file},
    store::{InvalidStore, StoreChoice},
    token_and_tls::{Access, InvalidToken, SHORTEST_TOKEN, TlsFiles, Token},
};
use crate::{
    clock::{Clock, SystemClock},
    store::{Backend, MemoryBackend, Opener, SqliteBackend},
};

/// The configuration of a server. It is valid: errors are found when it is made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Access to the API.
    pub access: Access,
    /// The default time zone of allocations.
    pub time_zone: Zone,
    /// Separates several servers on one engine.
    pub namespace: Namespace,
    /// The engines, the default first; if there are none, the one that Docker's environment selects.
    pub engines: Vec<EngineConfig>,
    /// Connects engines of kind `kubernetes`, if the program was built with them.
    pub connect_kubernetes: Option<ConnectEngine>,
    /// How many containers to create and start at once; twice the engine's cores if absent.
    pub max_starting: Option<usize>,
    /// How many containers to run at once.
    pub max_running: usize,
    /// How many runs may wait for a free slot.
    pub queue: usize,
    /// The directory of `EnvFiles`.
    pub env_dir: Option<PathBuf>,
    /// True if the store was moved from another machine, whose server no longer uses it.
    pub restored: bool,
    /// True if the containers are stopped with the server.
    pub stop_runs: bool,
    /// True if the server starts paused.
    pub paused: bool,
    /// How many images to pull at once.
    pub max_pulling: usize,
    /// The time limit of a pull.
    pub pull_timeout: Duration,
    /// How many allocations have metrics of their own.
    pub metrics_allocations: usize,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// The store of allocations and runs.
    pub store: StoreChoice,
    /// The memory for records and outputs of the memory store, in bytes.
    pub memory: usize,
    /// A file or a directory of files with allocations that the API cannot change.
    pub file: Option<PathBuf>,
    /// Where notifications go.
    pub notify: Arc<NotifySettings>,
    /// Whether to accept options that the Engine API does not know.
    pub unknown_options: UnknownOptions,
}

impl Config {
    /// Opens the backend of the configured store. This blocks while a file is opened.
    pub(crate) fn backend(&self) -> Result<Arc<dyn Backend>, ConfigError> {
        Ok(match &self.store {
            StoreChoice::Memory => {
                // Revisions and events that an earlier server gave to clients must not come again.
                // Revisions and event ids continue above those of an earlier server, so that a
                // client with an old one does not match a new one by accident.
                let now = SystemClock.now().timestamp_millis().unsigned_abs();
                Arc::new(MemoryBackend::new(self.memory).counting_from(now))
            }
            StoreChoice::Sqlite(path) => {
                // Before any part of the server exists that would hold a clock.
                let (namespace, at) = (self.namespace.shared(), SystemClock.now());
                let opener = Opener { namespace, machine: machine_id::id(), at };
                Arc::new(SqliteBackend::open(path, &opener)?)
            }
        })
    }
}

/// The default of the address to listen on.
// Loopback, because whoever reaches the API is root on the host. The port is that of the original.
pub const LISTEN: &str = "127.0.0.1:3000";
/// The default of [`Config::namespace`].
pub const NAMESPACE: &str = "docket";

/// A namespace: `[a-z0-9-]{1,20}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Arc<str>);

/// A text that is not a valid namespace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a valid namespace: use 1 to 20 of a-z, 0-9 and -, beginning with a letter or a digit"
)]
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
        // Docker requires that a container's name begins with a letter or a digit.
        if text.is_empty() || text.len() > 20 || text.starts_with('-') || !text.chars().all(allowed)
        {
            return Err(InvalidNamespace(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}
