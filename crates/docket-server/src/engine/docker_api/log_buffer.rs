//! What was read of a log and is not handed out yet.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use docket_model::output::{Stream, Times};

use crate::engine::Chunk;

/// Bytes of both streams, in order.
#[derive(Debug, Default)]
pub(in crate::engine) struct Chunks(VecDeque<(Stream, Vec<u8>, Times)>);

impl Chunks {
    /// Adds what was written next, and when, if that is known; messages of one stream in a row are one chunk.
    pub(in crate::engine) fn push(
        &mut self,
        stream: Stream,
        at: Option<DateTime<Utc>>,
        bytes: &[u8],
    ) {
        if bytes.is_empty() {
            return;
        }
        // Each chunk costs its readers more than the bytes of a short line.
        if self.0.back().is_none_or(|(last, ..)| *last != stream) {
            self.0.push_back((stream, Vec::new(), Times::default()));
        }
        if let Some((_, chunk, times)) = self.0.back_mut() {
            if let Some(at) = at {
                times.note(chunk.len() as u64, at);
            }
            chunk.extend_from_slice(bytes);
        }
    }

    /// Takes the first chunk.
    pub(in crate::engine) fn pop(&mut self) -> Option<Chunk> {
        let (stream, bytes, times) = self.0.pop_front()?;
        Some(Chunk { stream, bytes: bytes.into(), times })
    }

    /// True where nothing waits.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
