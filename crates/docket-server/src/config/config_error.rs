//! Why a configuration cannot be used.

use docket_model::EngineName;
use thiserror::Error;

use crate::{engine::docker, store::OpenError};

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// This build has no engine of kind `kubernetes`.
    #[error(
        "engine `{0}`: this build of docket has no engine of kind `kubernetes`: build it with \
         `--features cluster`"
    )]
    NoKubernetes(EngineName),
    /// An engine whose code is in another crate cannot be connected to, whatever its state.
    #[error("engine `{name}`: {error}")]
    NotConnected {
        /// The engine's name.
        name: EngineName,
        /// Why, and the remedy.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The environment selects an engine that cannot be used.
    #[error(transparent)]
    Engine(#[from] docker::ConnectError),
    /// The file cannot be used as a store.
    #[error(transparent)]
    Store(#[from] OpenError),
}
