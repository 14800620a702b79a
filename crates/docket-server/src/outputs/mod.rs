//! What containers write: captured when they end, and streamed while they run.
//!
//! 1. A reader goes on behind the bytes that it has, whatever broke off: nothing is lost or doubled.
//! 2. Memory does not grow with an output, nor with the number of its readers.

mod capture;
mod memory;
mod readers;
mod shared_log;
mod stream;

use std::sync::Arc;

use tokio::runtime::Handle;

use self::{memory::OutputMemory, shared_log::SharedLogs};
pub(crate) use self::{
    memory::Reserved,
    readers::Readers,
    stream::{LiveError, OutputEvent, Piece, Pieces, Written, pieces_of},
};
use crate::{runner::EngineAccess, store::Store};

/// Reads the outputs of containers.
#[derive(Debug)]
pub(crate) struct Outputs {
    store: Arc<Store>,
    engine: Arc<EngineAccess>,
    readers: Arc<Readers>,
    logs: SharedLogs,
    memory: OutputMemory,
    /// Where the engine's connections are: threads that answer requests end before they do.
    runtime: Handle,
}

impl Outputs {
    /// The outputs of containers of this engine.
    pub(crate) fn new(store: Arc<Store>, engine: Arc<EngineAccess>) -> Self {
        Self {
            store,
            engine,
            readers: Arc::default(),
            logs: SharedLogs::default(),
            memory: OutputMemory::default(),
            runtime: Handle::current(),
        }
    }

    /// Who reads outputs at the moment.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }
}
