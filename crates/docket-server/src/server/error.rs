//! Why a server does not start, or stops by itself.

use thiserror::Error;

use crate::{
    config::ConfigError, engine::EngineError, file_source::FileError, http::ServeError,
    store::StoreError,
};

/// Why a server did not start, or stopped by itself.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of allocations cannot be loaded.
    #[error("the allocations were not loaded")]
    File(#[from] FileError),
    /// The store cannot be opened, or its runs cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store was moved or copied from another machine that used the same engine.
    #[error(
        "the store {0} was last used on another machine with the same engine: make sure that no server \
         on that machine uses it any more, and start this server with `--restored` once"
    )]
    OtherMachine(String),
    /// The store comes from another machine, and the engine, then or now, has no lasting id.
    #[error(
        "the store {0} was last used on another machine, perhaps with the same engine: an engine without \
         a lasting id, such as Podman, cannot be identified. Make sure that no server on the other \
         machine uses the store any more, and start this server with `--restored` once"
    )]
    UnidentifiedEngine(String),
    /// The store comes from another machine, and the engine does not answer.
    #[error(
        "the store {0} was last used on another machine, perhaps with the same engine, which does not \
         answer: start this server when the engine answers, or with `--restored` once if no server on \
         the other machine uses the store any more"
    )]
    UnknownEngine(String, #[source] EngineError),
    /// The API cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
