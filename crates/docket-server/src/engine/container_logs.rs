//! The types of container logs that all engines share: positions, chunks, and how a log is followed.

use bytes::Bytes;
use docket_model::{Output, output};
use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::EngineError;

/// A position in the log of a container. What it is made of is the engine's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogCursor(u64);

impl LogCursor {
    /// The position behind so many bytes of output.
    #[must_use]
    pub fn behind(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes of output come before it.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// The position so many bytes further on.
    #[must_use]
    pub fn advanced_by(self, bytes: u64) -> Self {
        // A client may ask for any position, also for the largest number.
        Self(self.0.saturating_add(bytes))
    }
}

impl LogCursor {
    /// Places chunks that follow each other behind this position.
    pub(super) fn place(
        self,
        chunks: impl Stream<Item = Result<Chunk, EngineError>>,
    ) -> impl Stream<Item = Result<(Self, Chunk), EngineError>> {
        chunks.scan(self, |cursor, chunk| {
            let placed = chunk.map(|chunk| {
                *cursor = cursor.advanced_by(chunk.bytes.len() as u64);
                (*cursor, chunk)
            });
            std::future::ready(Some(placed))
        })
    }
}

/// How far a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// To the end of the container's run.
    ToEnd,
    /// To what the container has written by now, also where it was never started.
    UpToNow,
}

/// What a container wrote next to one of its streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The stream.
    pub stream: output::Stream,
    /// The bytes.
    pub bytes: Bytes,
    /// When they were written, with positions counted from the first of them; empty if the engine does not
    /// report it.
    pub times: output::Times,
}

/// Pieces of a log, each with the position behind it.
pub type Log = BoxStream<'static, Result<(LogCursor, Chunk), EngineError>>;

/// What could be read of what a container wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The output; empty where the engine keeps none that can be read.
    pub output: Output,
    /// Why there is no output, or less than there was.
    pub remark: Option<String>,
}
