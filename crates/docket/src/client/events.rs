//! Follows the events of a server, across lost connections and restarts.
//!
//! 1. Each event is passed on once: after a reconnection only later events are requested.
//! 2. Events that the server no longer has are passed on as a gap.

use anyhow::{Error, Result};
use docket_model::{AllocationName, run::StateWord};
use reqwest::{Method, header::ACCEPT};

use super::{Client, Pieces, reconnect::Link};

/// The largest event, in bytes; docket sends none that is larger.
// The limit protects this process from a server that is not docket and never ends an event.
const LONGEST: usize = 16 << 20;

/// A filter of events; an empty one matches all.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    /// Only events of these allocations and of the server.
    pub(crate) allocations: Vec<AllocationName>,
    /// Only events of allocations that have all these labels, and of the server.
    pub(crate) labels: Vec<String>,
    /// Only events of these kinds.
    pub(crate) kinds: Vec<String>,
    /// Only events of runs that entered one of these states.
    pub(crate) states: Vec<StateWord>,
}

/// An event as the server sent it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerEvent {
    /// Its id.
    pub(crate) id: String,
    /// Its kind.
    pub(crate) kind: String,
    /// Its data, in JSON.
    pub(crate) data: String,
}

/// What can happen while events are followed.
pub(crate) enum Happened {
    /// The server sent an event.
    Event(ServerEvent),
    /// The connection is lost, for this reason; the client keeps trying.
    Lost(Error),
    /// The connection is restored.
    Back,
}

/// A stream of events that survives lost connections.
pub(crate) struct Events<'a> {
    client: &'a Client,
    filter: EventFilter,
    stream: Option<Pieces<'a>>,
    lines: Lines,
    link: Link,
    last_id: String,
}

impl<'a> Events<'a> {
    /// Follows events from now on.
    pub(crate) fn new(client: &'a Client, filter: EventFilter) -> Self {
        Self {
            client,
            filter,
            stream: None,
            lines: Lines::default(),
            link: Link::new(false),
            last_id: String::new(),
        }
    }

    /// Opens the stream if it is not open; no later event is missed.
    ///
    /// # Errors
    /// The server rejects the request or cannot be reached.
    pub(crate) async fn open_now(&mut self) -> Result<()> {
        if self.stream.is_none() {
            self.open().await?;
        }
        Ok(())
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// The server rejects the request, or could never be reached.
    pub(crate) async fn next(&mut self) -> Result<Happened> {
        loop {
            let happened = match self.step().await {
                Ok(happened) => happened,
                Err(error) => self.after(error)?,
            };
            if let Some(happened) = happened {
                return Ok(happened);
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Happened>> {
        if let Some(event) = self.lines.event(&mut self.last_id) {
            // Only an event proves that the stream works: a proxy may accept every connection and
            // close it at once, and must not be asked without a delay.
            self.link.reset_delay();
            return Ok(Some(Happened::Event(event)));
        }
        let Some(stream) = &mut self.stream else { return self.open().await };
        if let Some(bytes) = stream.next().await? {
            self.lines.add(bytes.as_ref())?;
        } else {
            // The server is stopping, or it disconnected a slow reader.
            self.close();
            self.link.increase_delay();
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<Option<Happened>> {
        // The wait is part of opening, so that the caller reports the loss before it.
        self.link.wait().await;
        let mut request =
            self.client.request(Method::GET, "/-/events").header(ACCEPT, "text/event-stream");
        let EventFilter { allocations, labels, kinds, states } = &self.filter;
        request = request
            .query(
                &allocations.iter().map(|name| ("allocation", name.as_str())).collect::<Vec<_>>(),
            )
            .query(&labels.iter().map(|label| ("label", label)).collect::<Vec<_>>())
            .query(&kinds.iter().map(|kind| ("kind", kind)).collect::<Vec<_>>())
            .query(&states.iter().map(|state| ("state", state)).collect::<Vec<_>>());
        // Without an id the server begins with the newest event. Its first heartbeat has an id, so
        // a connection that is lost before the first event misses none either.
        if !self.last_id.is_empty() {
            request = request.header("last-event-id", &self.last_id);
        }
        self.stream = Some(self.client.stream(request).await?);
        Ok(self.link.responded().then_some(Happened::Back))
    }

    fn close(&mut self) {
        self.stream = None;
        // The server sends an event whole again, so half an event of the old stream must not
        // precede it.
        self.lines = Lines::default();
    }

    /// Decides whether to reconnect after an error, and what to report.
    fn after(&mut self, error: Error) -> Result<Option<Happened>> {
        // Silence is a loss here, because the server sends a heartbeat every 15 s.
        let lost = self.link.failed(error, false)?;
        self.close();
        Ok(lost.map(Happened::Lost))
    }
}

/// The received bytes of an event stream.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        anyhow::ensure!(
            self.bytes.len() + bytes.len() <= LONGEST,
            "an event of the server is too large: is it a docket server?"
        );
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the next complete event; notes its id, and those of keep-alive messages.
    fn event(&mut self, last_id: &mut String) -> Option<ServerEvent> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            // A whole event is decoded at once, so no character is cut by the borders of network
            // packets.
            let event = read(&String::from_utf8_lossy(&block), last_id);
            if event.is_some() {
                return event;
            }
        }
    }
}

/// Reads the lines of one event; `None` if they are a sign of life.
fn read(block: &str, last_id: &mut String) -> Option<ServerEvent> {
    let mut event = ServerEvent::default();
    let mut has_data = false;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // The format allows one space after the colon, which is not part of the value.
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            // A heartbeat has an id too: events that the filter omits must not be looked for again
            // after a reconnection.
            "id" => value.clone_into(last_id),
            "event" => value.clone_into(&mut event.kind),
            "data" => {
                if std::mem::replace(&mut has_data, true) {
                    event.data.push('\n');
                }
                event.data.push_str(value);
            }
            _ => {}
        }
    }
    last_id.clone_into(&mut event.id);
    has_data.then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_from_pieces_of_any_length() {
        let stream = "retry: 2000\n\n:\nid: a-0\n\nid: a-1\nevent: run\ndata: {}\n\n\
                      :\nid: a-2\n\nid: a-3\ndata: 1\ndata: 2\n\nid: a-4\ndata: 3";
        for length in 1..stream.len() {
            let (mut lines, mut last_id, mut seen) = (Lines::default(), String::new(), Vec::new());
            for piece in stream.as_bytes().chunks(length) {
                lines.add(piece).unwrap();
                while let Some(ServerEvent { id, kind, data }) = lines.event(&mut last_id) {
                    seen.push(format!("{id} {kind} {data}"));
                }
            }
            assert_eq!(seen, ["a-1 run {}", "a-3  1\n2"], "{length}");
            assert_eq!(last_id, "a-3");
        }
    }
}
