//! An output as events. The id of an event is the number of bytes up to its end, so that a client that
//! reconnects continues at the exact byte.

use actix_web::web::Data;
use bytes::Bytes;
use docket_model::{
    RunId,
    run::Instant,
    wire::{END, RunRecord},
};
use tracing::{Span, warn};

use super::{
    super::{
        Allocations,
        sse::{self, Came, Feed, Pulse},
    },
    followed::Followed,
    line_filter::LineFilter,
};
use crate::{
    outputs::{OutputEvent, Piece, Pieces},
    runner::run_span,
};

/// An output as events, to the end of its run.
pub(super) struct Live {
    allocations: Data<Allocations>,
    name: String,
    instant: Instant,
    pieces: Pieces,
    filter: LineFilter,
    pulse: Pulse,
    /// How many bytes the client has.
    seen: u64,
    /// The first bytes of an incomplete character.
    begun: Vec<u8>,
    stage: Stage,
    /// That of the run's log lines.
    span: Span,
}

enum Stage {
    Opening,
    Open,
    /// All pieces were sent.
    Read,
    Over,
}

impl Live {
    pub(super) fn new(
        allocations: &Data<Allocations>,
        run: &RunId,
        Followed { pieces, begin: seen, filter }: Followed,
        pulse: Pulse,
    ) -> Self {
        Self {
            pieces,
            filter,
            pulse,
            allocations: allocations.clone(),
            name: run.allocation.to_string(),
            instant: run.instant,
            seen,
            begun: Vec::new(),
            stage: Stage::Opening,
            span: run_span(run),
        }
    }

    /// The event of a piece; `None` if it has no complete character that is shown.
    fn event(&mut self, piece: Piece) -> Option<Bytes> {
        let end = piece.end;
        let mut text = std::mem::take(&mut self.begun);
        for piece in self.filter.take(piece) {
            text.extend_from_slice(&piece.bytes);
        }
        self.begun = text.split_off(text.len() - unfinished(&text));
        // Held bytes do not count, so a client that reconnects gets them again.
        self.seen = end.saturating_sub(self.begun.len() as u64);
        (!text.is_empty()).then(|| sse::event(None, self.seen, &String::from_utf8_lossy(&text)))
    }

    /// The rest of an incomplete character, and then the record.
    async fn end(&mut self) -> Option<Bytes> {
        if !self.begun.is_empty() {
            let rest = std::mem::take(&mut self.begun);
            self.seen += rest.len() as u64;
            return Some(sse::event(None, self.seen, &String::from_utf8_lossy(&rest)));
        }
        self.stage = Stage::Over;
        // If the server stops or the record is gone, the end of the run is unknown.
        let run = match self.allocations.store.run(&self.name, self.instant).await {
            Ok(run) => run?,
            Err(error) => {
                warn!(
                    parent: &self.span, %error,
                    "the end of the run could not be read; ending the stream, and the client reconnects"
                );
                return None;
            }
        };
        let is_over = run.state.is_over();
        is_over.then(|| sse::event(Some(END), self.seen, &RunRecord::from(run.as_ref())))
    }
}

impl Feed for Live {
    async fn next(&mut self) -> Option<Bytes> {
        // The next piece is requested once the previous one is on its way.
        self.pulse.beat();
        loop {
            match self.stage {
                Stage::Opening => {
                    self.stage = Stage::Open;
                    return Some([sse::opening(), sse::heartbeat(self.seen)].concat().into());
                }
                Stage::Read => return self.end().await,
                Stage::Over => return None,
                Stage::Open => {}
            }
            match self.pulse.wait(self.pieces.recv()).await {
                Came::Some(Some(Ok(OutputEvent::Record { .. }))) => {}
                Came::Some(Some(Ok(OutputEvent::Piece(piece)))) => {
                    if let Some(event) = self.event(piece) {
                        return Some(event);
                    }
                }
                Came::Some(Some(Err(error))) => {
                    warn!(
                        parent: &self.span, %error,
                        "the output could not be read; ending the stream, and the client reconnects"
                    );
                    self.stage = Stage::Over;
                }
                Came::Some(None) => self.stage = Stage::Read,
                Came::Nothing => return Some(sse::heartbeat(self.seen)),
                Came::TheEnd => self.stage = Stage::Over,
            }
        }
    }
}

/// How many bytes at the end begin a character of UTF-8 that is not complete.
fn unfinished(bytes: &[u8]) -> usize {
    // A character has at most four bytes, so at most three of an incomplete one.
    for (after, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            // A later byte of a character: the first one is further back.
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            // ASCII, or a byte that never begins a character and is not worth waiting for.
            _ => 0,
        };
        return if length > after + 1 { after + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_split() {
        let text = "aé€😀".as_bytes();
        let begun: Vec<_> = (0..=text.len()).map(|end| unfinished(&text[..end])).collect();
        assert_eq!(begun, [0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0]);
        assert_eq!([unfinished(b"\xff"), unfinished(b"a\x80\x80\x80\x80")], [0, 0]);
    }
}
