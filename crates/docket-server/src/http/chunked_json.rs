//! Writes JSON in pieces of bounded size, so that a client that reads nothing keeps one of them in memory.

use std::io::{self, Write};

use actix_web::web::Bytes;
use serde::Serialize;

use super::{allocation_response::View, error::ApiError};

/// The maximum size of a piece, in bytes: a connection buffers as much before it writes to its socket.
pub(super) const PIECE: usize = 32 << 10;

/// The maximum size of a page of a list, in bytes; one item may be larger.
pub(super) const PAGE: usize = 512 << 10;

/// Keeps one piece of the written bytes: those after the first `skip` bytes, as far as they fit.
struct Window<'a> {
    piece: &'a mut Vec<u8>,
    skip: usize,
    written: usize,
}

impl Write for Window<'_> {
    // Takes everything, also what has no room: the length of the whole value counts.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.write_all(text)?;
        Ok(text.len())
    }

    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        let skipped = self.skip.saturating_sub(self.written).min(text.len());
        self.written += text.len();
        let room = PIECE.saturating_sub(self.piece.len());
        let rest = text.get(skipped..).unwrap_or_default();
        self.piece.extend_from_slice(rest.get(..room).unwrap_or(rest));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The size of a value as JSON, in bytes.
pub(super) fn length(value: &impl Serialize) -> Result<usize, ApiError> {
    // Skips all of it, so only the length is left.
    let mut window = Window { piece: &mut Vec::new(), skip: usize::MAX, written: 0 };
    serde_json::to_writer(&mut window, value).map_err(ApiError::internal)?;
    Ok(window.written)
}

/// An allocation that is written piece by piece. The JSON is written again for each piece: skipping the
/// container, which is most of a large allocation, costs nothing.
pub(super) struct AllocationPieces {
    // Has its own snapshot and time, so that it is the same text each time it is written.
    view: View,
    /// How many bytes are in the pieces so far.
    sent: usize,
}

impl AllocationPieces {
    pub(super) fn new(view: View) -> Self {
        Self { view, sent: 0 }
    }

    /// Fills a piece with the next bytes; true when the whole allocation was written.
    pub(super) fn fill(&mut self, piece: &mut Vec<u8>) -> Result<bool, ApiError> {
        let before = piece.len();
        let mut window = Window { piece, skip: self.sent, written: 0 };
        self.view.write_to(&mut window)?;
        let total = window.written;
        self.sent += piece.len() - before;
        Ok(self.sent >= total)
    }

    /// The next piece, and whether it is the last.
    pub(super) async fn next(&mut self) -> Result<(Bytes, bool), ApiError> {
        give_way().await;
        let mut piece = Vec::new();
        let is_whole = self.fill(&mut piece)?;
        Ok((piece.into(), is_whole))
    }
}

/// Lets other requests of this thread proceed: a fast client of a long list reads piece after piece.
pub(super) async fn give_way() {
    tokio::task::yield_now().await;
}
