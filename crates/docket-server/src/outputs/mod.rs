//! What containers write: captured when they end, and streamed while they run.
//!
//! 1. A reader goes on behind the bytes that it has, whatever broke off: nothing is lost or doubled.
//! 2. Memory does not grow with an output, nor with the number of its readers.

mod active_readers;
mod find_last_lines;
mod memory_budget;
mod piece;
mod read_ended_output;
mod shared_log;
mod stream;

use std::sync::Arc;

pub(crate) use self::{
    active_readers::Readers,
    find_last_lines::{LineCount, of_stored as last_lines_of_stored},
    memory_budget::Reserved,
    piece::{Piece, pieces_of},
    read_ended_output::EndedOutput,
    stream::{LiveError, OutputEvent, Pieces, Written, broken_off},
};
use self::{memory_budget::OutputMemory, shared_log::SharedLogs};
use crate::runner::{Engines, StoreAccess};

/// Reads the outputs of containers.
#[derive(Debug)]
pub(crate) struct Outputs {
    store: Arc<StoreAccess>,
    engines: Arc<Engines>,
    // Shared with the cleanup, which waits for readers before it removes a container.
    readers: Arc<Readers>,
    logs: SharedLogs,
    memory: OutputMemory,
}

impl Outputs {
    /// The outputs of containers of these engines.
    pub(crate) fn new(store: Arc<StoreAccess>, engines: Arc<Engines>) -> Self {
        Self {
            store,
            engines,
            readers: Arc::default(),
            logs: SharedLogs::default(),
            memory: OutputMemory::default(),
        }
    }

    /// Who reads outputs at the moment.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }
}
