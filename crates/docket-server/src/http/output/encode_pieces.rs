//! Pieces of an output as a response has them.

use bytes::Bytes;
use docket_model::{
    output::Stream,
    wire::{FrameKind, output_frame},
};

use crate::outputs::Piece;

/// Pieces as bytes, or as frames.
pub(super) fn encoded(mut pieces: Vec<Piece>, in_frames: bool) -> Bytes {
    match pieces.pop() {
        // Most often there is one, which need not be copied.
        Some(piece) if pieces.is_empty() && !in_frames => piece.bytes,
        last => {
            let pieces = pieces.into_iter().chain(last);
            let bytes = pieces.map(|piece| if in_frames { frame_of(&piece) } else { piece.bytes });
            bytes.collect::<Vec<_>>().concat().into()
        }
    }
}

fn frame_of(Piece { bytes, stream, end, .. }: &Piece) -> Bytes {
    let kind = match stream {
        Stream::Out => FrameKind::Output,
        Stream::Error => FrameKind::Error,
    };
    output_frame(kind, *end, bytes).into()
}
