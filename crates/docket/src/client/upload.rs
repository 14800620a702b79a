//! Sends a large body in pieces, with a progress bar.

use std::io;

use futures_util::stream;
use reqwest::Body;

use crate::print;

/// The size from which a progress bar is shown; smaller bodies are sent too fast for it.
const LARGE: usize = 1 << 20;

/// The bytes to send between two updates of the bar.
const PIECE: usize = 64 << 10;

/// The body of a request, with a progress bar if it is large and standard error is a terminal.
pub(super) fn body(bytes: Vec<u8>) -> Body {
    let bar = (bytes.len() >= LARGE).then(|| print::progress_bar(bytes.len())).flatten();
    // Without a bar the body stays whole, so that its length is known.
    let Some(bar) = bar else { return Body::from(bytes) };
    Body::wrap_stream(stream::unfold((bytes, 0), move |(bytes, sent)| {
        bar.set_position(sent as u64);
        let end = bytes.len().min(sent + PIECE);
        let piece = bytes.get(sent..end).filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec);
        async move { Some((Ok::<_, io::Error>(piece?), (bytes, end))) }
    }))
}
