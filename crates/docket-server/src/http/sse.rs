//! Server-Sent Events as bytes, and answers that go on until the server stops.

use std::{fmt, pin::pin, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The content type of events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// How long it may be quiet: those between would take a quiet connection for a dead one.
const QUIET: Duration = Duration::from_secs(15);

/// How soon one piece follows another: what happens within goes together, so that many readers of
/// much that happens cost less.
const PACE: Duration = Duration::from_millis(10);

/// How long readers shall wait before they ask again, in milliseconds.
const RETRY: u64 = 2000;

/// The first bytes of an answer.
pub(super) fn opening() -> Bytes {
    Bytes::from(format!("retry: {RETRY}\n\n"))
}

/// An event; one without a type is a `message`. JSON stands in one line.
pub(super) fn event(kind: Option<&str>, id: impl fmt::Display, data: &impl Serialize) -> Bytes {
    let kind = kind.map(|kind| format!("event: {kind}\n")).unwrap_or_default();
    let mut bytes = format!("id: {id}\n{kind}data: ").into_bytes();
    // What is written here are plain structs and texts, which JSON can always hold.
    let _: Result<(), _> = serde_json::to_writer(&mut bytes, data);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

/// A sign of life that no reader sees, and the place up to which it has read.
pub(super) fn heartbeat(id: impl fmt::Display) -> Bytes {
    Bytes::from(format!(":\nid: {id}\n\n"))
}

/// What the one who is waited for came up with.
pub(super) enum Came<T> {
    /// This.
    Some(T),
    /// Nothing for as long as it may be quiet.
    Nothing,
    /// The server stops, or the session of the reader is over.
    TheEnd,
}

/// When something was last sent, and whether it has to end.
#[derive(Debug)]
pub(super) struct Pulse {
    stopping: CancellationToken,
    sent: Instant,
}

impl Pulse {
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self { stopping, sent: Instant::now() }
    }

    /// Something was sent.
    pub(super) fn beat(&mut self) {
        self.sent = Instant::now();
    }

    /// Lets some time go by since something was last sent, unless the server stops.
    pub(super) async fn pace(&self) {
        let stopped = self.stopping.run_until_cancelled(sleep_until(self.sent + PACE));
        let _: Option<()> = stopped.await;
    }

    /// Waits for something that may be given up.
    pub(super) async fn wait<T>(&self, next: impl Future<Output = T>) -> Came<T> {
        let next = pin!(next);
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Came::TheEnd,
            came = next => Came::Some(came),
            () = sleep_until(self.sent + QUIET) => Came::Nothing,
        }
    }
}

/// Hands out what goes to a reader, piece by piece.
pub(super) trait Feed: 'static {
    /// The next bytes; nothing at the end.
    async fn next(&mut self) -> Option<Bytes>;
}

/// Answers with all that a feed hands out.
pub(super) fn answer(request: &HttpRequest, feed: impl Feed) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(EVENT_STREAM)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A proxy that collects before it passes on would hold events back.
        .insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return answer.finish();
    }
    answer.streaming(stream::unfold(feed, async |mut feed| {
        let bytes = feed.next().await?;
        Some((Ok::<_, actix_web::Error>(bytes), feed))
    }))
}

/// True where the sender takes events.
pub(super) fn is_wanted(request: &HttpRequest) -> bool {
    accepts(request, EVENT_STREAM)
}

/// True where the sender takes this media type.
pub(super) fn accepts(request: &HttpRequest, media_type: &str) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains(media_type))
}

/// The id of the last event that the sender got, where it got any.
pub(super) fn last_id(request: &HttpRequest) -> Option<&str> {
    let id = request.headers().get("last-event-id")?.to_str().unwrap_or("?").trim();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_lines_and_an_empty_one() {
        let named = event(Some("run"), "a-1", &"one\ntwo");
        let unnamed = event(None, 7, &1);

        assert_eq!(named, "id: a-1\nevent: run\ndata: \"one\\ntwo\"\n\n");
        assert_eq!(unnamed, "id: 7\ndata: 1\n\n");
        assert_eq!(heartbeat("a-1"), ":\nid: a-1\n\n");
    }
}
