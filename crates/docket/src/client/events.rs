//! Follows what happens on a server, also through its going away and coming back.
//!
//! 1. Each event is passed on once: after a break the server is asked for what came after the last.
//! 2. What a server that was started anew cannot tell is passed on as a gap.

use anyhow::{Error, Result};
use docket_model::AllocationName;
use reqwest::{Method, Response, header::ACCEPT};

use super::{
    Client,
    answer::{Declined, Unreachable},
    pauses::Pauses,
};

/// An event longer than this is none that docket sends, in bytes.
const LONGEST: usize = 16 << 20;

/// Which events are wanted; all where nothing is said.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Only those of one of these allocations, and of the server.
    pub(crate) allocations: Vec<AllocationName>,
    /// Only those of allocations that have all these labels, and of the server.
    pub(crate) labels: Vec<String>,
    /// Only those of one of these kinds.
    pub(crate) kinds: Vec<String>,
    /// Only those of runs that are in one of these states since.
    pub(crate) states: Vec<&'static str>,
}

/// An event as the server sent it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerEvent {
    /// Names it.
    pub(crate) id: String,
    /// What it is about.
    pub(crate) kind: String,
    /// What happened, in JSON.
    pub(crate) data: String,
}

/// Something that happens while events are followed.
pub(crate) enum Happened {
    /// The server sent an event.
    Event(ServerEvent),
    /// The server is away, for this reason; it is asked again and again.
    Lost(Error),
    /// The server is back.
    Back,
}

/// Events that are being followed.
pub(crate) struct Events<'a> {
    client: &'a Client,
    wanted: Wanted,
    response: Option<Response>,
    lines: Lines,
    pauses: Pauses,
    last_id: String,
    is_known: bool,
    is_away: bool,
}

impl<'a> Events<'a> {
    /// Follows from now on.
    pub(crate) fn new(client: &'a Client, wanted: Wanted) -> Self {
        Self {
            client,
            wanted,
            response: None,
            lines: Lines::default(),
            pauses: Pauses::default(),
            last_id: String::new(),
            is_known: false,
            is_away: false,
        }
    }

    /// Begins to listen, if it has not begun; events from then on are not missed.
    ///
    /// # Errors
    /// Where the server refuses, or is not there.
    pub(crate) async fn open_now(&mut self) -> Result<()> {
        if self.response.is_none() {
            self.open().await?;
        }
        Ok(())
    }

    /// What happens next.
    ///
    /// # Errors
    /// Where the server refuses, or was never there.
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
            self.pauses.begin_anew();
            return Ok(Some(Happened::Event(event)));
        }
        let Some(response) = &mut self.response else { return self.open().await };
        let chunk = response.chunk().await;
        match chunk.map_err(|error| Unreachable::new(&self.client.shown, &error))? {
            Some(bytes) => self.lines.add(&bytes)?,
            // The server stops, or lets a slow reader go.
            None => self.close(),
        }
        Ok(None)
    }

    async fn open(&mut self) -> Result<Option<Happened>> {
        self.pauses.wait().await;
        let mut request =
            self.client.request(Method::GET, "/-/events").header(ACCEPT, "text/event-stream");
        let Wanted { allocations, labels, kinds, states } = &self.wanted;
        request = request
            .query(
                &allocations.iter().map(|name| ("allocation", name.as_str())).collect::<Vec<_>>(),
            )
            .query(&labels.iter().map(|label| ("label", label)).collect::<Vec<_>>())
            .query(&kinds.iter().map(|kind| ("kind", kind)).collect::<Vec<_>>())
            .query(&states.iter().map(|state| ("state", state)).collect::<Vec<_>>());
        if !self.last_id.is_empty() {
            request = request.header("last-event-id", &self.last_id);
        }
        self.response = Some(self.client.send(request).await?);
        self.is_known = true;
        Ok(std::mem::take(&mut self.is_away).then_some(Happened::Back))
    }

    fn close(&mut self) {
        self.response = None;
        self.lines = Lines::default();
        self.pauses.lengthen();
    }

    /// Whether it goes on after an error, and what to tell of it.
    fn after(&mut self, error: Error) -> Result<Option<Happened>> {
        let declined = error.downcast_ref::<Declined>();
        let is_away = error.is::<Unreachable>() || declined.is_some_and(Declined::is_passing);
        if !self.is_known || !is_away {
            return Err(error);
        }
        self.close();
        let is_news = !std::mem::replace(&mut self.is_away, true);
        Ok(is_news.then_some(Happened::Lost(error)))
    }
}

/// Bytes of a stream of events, up to the end of what came.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        anyhow::ensure!(
            self.bytes.len() + bytes.len() <= LONGEST,
            "the server sends events that do not end: is it docket?"
        );
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the next event that came whole; notes the ids on the way to it.
    fn event(&mut self, last_id: &mut String) -> Option<ServerEvent> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let event = read(&String::from_utf8_lossy(&block), last_id);
            if event.is_some() {
                return event;
            }
        }
    }
}

/// Reads the lines of one event; nothing where they are a sign of life.
fn read(block: &str, last_id: &mut String) -> Option<ServerEvent> {
    let mut event = ServerEvent::default();
    let mut has_data = false;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
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
