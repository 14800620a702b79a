//! Sends a large body in pieces, with a bar that shows how far it is.

use std::io;

use futures_util::stream;
use reqwest::Body;

use crate::output;

/// Smaller bodies are gone before a bar could be seen.
const LARGE: usize = 1 << 20;

/// How much is sent between two steps of the bar.
const PIECE: usize = 64 << 10;

/// The body of a request; a bar shows its way where it is large and a person looks.
pub(super) fn body(bytes: Vec<u8>) -> Body {
    let bar = (bytes.len() >= LARGE).then(|| output::progress_bar(bytes.len())).flatten();
    let Some(bar) = bar else { return Body::from(bytes) };
    Body::wrap_stream(stream::unfold((bytes, 0), move |(bytes, sent)| {
        bar.set_position(sent as u64);
        let end = bytes.len().min(sent + PIECE);
        let piece = bytes.get(sent..end).filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec);
        async move { Some((Ok::<_, io::Error>(piece?), (bytes, end))) }
    }))
}
