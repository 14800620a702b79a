//! What was read of a log and is not handed out yet.

use std::collections::VecDeque;

use docket_model::output::Stream;

use crate::engine::Chunk;

/// Bytes of both streams, in order.
#[derive(Debug, Default)]
pub(in crate::engine) struct Chunks(VecDeque<(Stream, Vec<u8>)>);

impl Chunks {
    /// Adds what was written next; messages of one stream in a row are one chunk.
    pub(in crate::engine) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        match self.0.back_mut() {
            _ if bytes.is_empty() => {}
            // Each chunk costs its readers more than the bytes of a short line.
            Some((last, chunk)) if *last == stream => chunk.extend_from_slice(bytes),
            _ => self.0.push_back((stream, bytes.to_vec())),
        }
    }

    /// Takes the first chunk.
    pub(in crate::engine) fn pop(&mut self) -> Option<Chunk> {
        let (stream, bytes) = self.0.pop_front()?;
        Some(Chunk { stream, bytes: bytes.into() })
    }

    /// True where nothing waits.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
