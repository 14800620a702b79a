//! A piece of an output on its way to a reader.

use bytes::Bytes;
use docket_model::output::{Excerpt, Stream, Times};

use crate::engine::EngineError;

/// A piece of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What was written.
    pub(crate) bytes: Bytes,
    /// To which stream.
    pub(crate) stream: Stream,
    /// When, with positions counted from the first byte; empty if that is not known.
    pub(crate) times: Times,
    /// True of what docket writes in the place of output that is missing.
    pub(crate) is_note: bool,
    /// How many bytes were written up to its end: who has it goes on behind so many.
    pub(crate) end: u64,
}

impl Piece {
    /// What docket writes itself, at a position.
    pub(crate) fn note(text: impl Into<Bytes>, end: u64) -> Self {
        let (stream, times) = (Stream::Error, Times::default());
        Self { bytes: text.into(), stream, times, is_note: true, end }
    }

    /// What a reader gets in the place of output that is missing.
    pub(super) fn missing(missing: &EngineError, end: u64) -> Self {
        Self::note(format!("\n[docket: {missing}]\n"), end)
    }

    /// How many bytes were written up to its beginning.
    pub(crate) fn begin(&self) -> u64 {
        // A note takes no position.
        let length = if self.is_note { 0 } else { self.bytes.len() as u64 };
        self.end.saturating_sub(length)
    }
}

/// The stored part of an attempt's output, in pieces of one stream each. Omitted output becomes a note on
/// standard error.
pub(crate) fn pieces_of(part: Excerpt) -> Vec<Piece> {
    let first = part.end - part.bytes.len() as u64;
    let mut position = first;
    let mut pieces = Vec::new();
    if part.omitted > 0 {
        let note = Excerpt { omitted: part.omitted, ..Excerpt::default() }.into_bytes();
        // The note is no output, so it moves no position: a reader that goes on there misses
        // nothing.
        pieces.push(Piece::note(note, position));
    }
    let mut bytes = Bytes::from(part.bytes);
    while !bytes.is_empty() {
        let (stream, end) = part.streams.at(position - first);
        let room = end.and_then(|end| usize::try_from(end + first - position).ok());
        let next = bytes.split_to(room.unwrap_or(usize::MAX).min(bytes.len()));
        let begin = position - first;
        position += next.len() as u64;
        let times = part.times.within(begin..position - first);
        pieces.push(Piece { bytes: next, stream, times, is_note: false, end: position });
    }
    pieces
}
