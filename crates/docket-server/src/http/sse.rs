//! Server-Sent Events as bytes, and responses that continue until the server stops.

use std::{fmt, pin::pin, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The content type of events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// The maximum time without a byte: proxies close idle connections.
const QUIET: Duration = Duration::from_secs(15);

/// The shortest time between two pieces. Events within it are sent together, which costs less with many
/// clients and events.
const PACE: Duration = Duration::from_millis(10);

/// How long clients wait before they reconnect, in milliseconds.
// Long enough for most restarts of the server.
const RETRY: u64 = 2000;

/// The first bytes of a stream.
pub(super) fn opening() -> Bytes {
    Bytes::from(format!("retry: {RETRY}\n\n"))
}

/// An event; one without a type is a `message`. JSON has no line breaks.
pub(super) fn event(kind: Option<&str>, id: impl fmt::Display, data: &impl Serialize) -> Bytes {
    let kind = kind.map(|kind| format!("event: {kind}\n")).unwrap_or_default();
    let mut bytes = format!("id: {id}\n{kind}data: ").into_bytes();
    // Structs and texts can always be written as JSON.
    let _: Result<(), _> = serde_json::to_writer(&mut bytes, data);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

/// A comment that keeps the connection alive, and the id of the last event.
pub(super) fn heartbeat(id: impl fmt::Display) -> Bytes {
    Bytes::from(format!(":\nid: {id}\n\n"))
}

/// The result of [`Pulse::wait`].
pub(super) enum Came<T> {
    /// The value.
    Some(T),
    /// It is time for a heartbeat.
    Nothing,
    /// The server stops, or the session of the client has ended.
    TheEnd,
}

/// When something was last sent, and when the stream must end.
#[derive(Debug)]
pub(super) struct Pulse {
    stopping: CancellationToken,
    sent: Instant,
}

impl Pulse {
    pub(super) fn new(stopping: CancellationToken) -> Self {
        Self { stopping, sent: Instant::now() }
    }

    /// Notes that something was sent.
    pub(super) fn beat(&mut self) {
        self.sent = Instant::now();
    }

    /// Waits for [`PACE`] after the last bytes, unless the server stops.
    pub(super) async fn pace(&self) {
        let stopped = self.stopping.run_until_cancelled(sleep_until(self.sent + PACE));
        let _: Option<()> = stopped.await;
    }

    /// Waits for a future that may be dropped.
    pub(super) async fn wait<T>(&self, next: impl Future<Output = T>) -> Came<T> {
        let next = pin!(next);
        tokio::select! {
            // In this order: under constant events the stream must still end when the server stops.
            biased;
            () = self.stopping.cancelled() => Came::TheEnd,
            came = next => Came::Some(came),
            () = sleep_until(self.sent + QUIET) => Came::Nothing,
        }
    }
}

/// The pieces of a stream.
pub(super) trait Feed: 'static {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes>;
}

/// Responds with a stream.
pub(super) fn answer(feed: impl Feed) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer
        .content_type(EVENT_STREAM)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A proxy that buffers would delay events.
        .insert_header(("x-accel-buffering", "no"));
    answer.streaming(stream::unfold(feed, async |mut feed| {
        let bytes = feed.next().await?;
        Some((Ok::<_, actix_web::Error>(bytes), feed))
    }))
}

/// The id of the last event that the client got, if any.
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
