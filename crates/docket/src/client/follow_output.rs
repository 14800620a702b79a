//! Follows the output of a run to its end, across lost connections and restarts of the server.
//!
//! 1. Each byte is passed on once: after a reconnection the output continues after the received bytes.
//! 2. A stream also ends when the server stops, so its end proves nothing: the record decides whether the
//!    run is over, and the rest of the output is requested.

use anyhow::{Context, Error, Result};
use docket_model::{
    RunId,
    output::Stream,
    run::AttemptKey,
    wire::{FrameKind, RunRecord},
};

use super::{Client, Lines, reconnect::Link, response, runs::FramedOutput};

/// What can happen while a run is followed.
pub(crate) enum Event {
    /// The run wrote these bytes to one of its streams.
    Bytes(Stream, Vec<u8>),
    /// The run changed its state and is not over; servers of earlier versions do not report it.
    State(Box<RunRecord>),
    /// The connection is lost, for this reason; the client keeps trying.
    Lost(Error),
    /// The connection is restored.
    Back,
    /// The run is over, and all its output has been passed on.
    Over(Box<RunRecord>),
}

/// A run that is being followed.
pub(crate) struct Follow<'a> {
    client: &'a Client,
    run: RunId,
    /// The part to follow; all parts where it is absent.
    part: Option<u32>,
    lines: Lines,
    stage: Stage<'a>,
    seen: u64,
    link: Link,
}

enum Stage<'a> {
    /// The output must be requested; for the last time if the run is known to be over.
    Closed(Option<Box<RunRecord>>),
    /// The output is being read.
    Open(FramedOutput<'a>, Option<Box<RunRecord>>),
    /// The stream ended; the record decides whether the run did.
    Ended,
}

impl<'a> Follow<'a> {
    /// Follows a run from the beginning of its output.
    ///
    /// Unless `is_known`, a missing run is an error at once, and so is a server that cannot be reached: the
    /// caller may have mistyped the name or the address.
    pub(crate) fn new(client: &'a Client, run: RunId, is_known: bool) -> Self {
        let (link, lines) = (Link::new(is_known), Lines::default());
        Self { client, run, part: None, lines, stage: Stage::Closed(None), seen: 0, link }
    }

    /// Requests some lines of the output alone.
    pub(crate) fn of_lines(self, lines: Lines) -> Self {
        Self { lines, ..self }
    }

    /// Follows one part of the run from the beginning, as the whole run would be.
    pub(crate) fn part(&self, part: u32) -> Self {
        let whole = Self::new(self.client, self.run.clone(), self.link.is_known);
        whole.of_part(Some(part)).of_lines(self.lines.clone())
    }

    /// The run.
    pub(crate) fn run(&self) -> &RunId {
        &self.run
    }

    /// Follows one part of the run alone.
    pub(crate) fn of_part(self, part: Option<u32>) -> Self {
        Self { part, ..self }
    }

    /// The client that sends the requests.
    pub(crate) fn client(&self) -> &'a Client {
        self.client
    }

    /// Waits for the next event; [`Event::Over`] is the last.
    ///
    /// # Errors
    /// The server rejects the request, or no longer has the run.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            let happened = match self.step().await {
                Ok(happened) => happened,
                Err(error) => self.after(error)?,
            };
            if let Some(event) = happened {
                return Ok(event);
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Event>> {
        match &mut self.stage {
            Stage::Closed(_) => self.open().await,
            Stage::Open(output, over) => {
                let Some(piece) = output.piece().await? else {
                    let over = over.take();
                    self.stage = Stage::Ended;
                    // The run was over before this stream was requested, so its end is the end of
                    // the output.
                    return Ok(over.map(Event::Over));
                };
                // The position comes from the server, since notes about missing output take no
                // position in the output.
                self.seen = piece.end;
                self.lines.are_begun();
                self.link.reset_delay();
                if matches!(piece.kind, FrameKind::Output | FrameKind::Error) {
                    self.lines.have_arrived();
                }
                Ok(match piece.kind {
                    FrameKind::Output => Some(Event::Bytes(Stream::Out, piece.bytes)),
                    FrameKind::Error => Some(Event::Bytes(Stream::Error, piece.bytes)),
                    // A record that this version cannot parse does not affect the output.
                    FrameKind::Record => {
                        serde_json::from_slice(&piece.bytes).ok().map(Event::State)
                    }
                    FrameKind::Unknown => None,
                })
            }
            Stage::Ended => self.end().await,
        }
    }

    async fn open(&mut self) -> Result<Option<Event>> {
        self.link.wait().await;
        let Self { client, run, part, lines, .. } = self;
        let output = client.live_output(run, *part, self.seen, lines).await?;
        // The record is moved only after the request has succeeded: a failed request needs it
        // again.
        let Stage::Closed(over) = &mut self.stage else { return Ok(None) };
        self.stage = Stage::Open(output, over.take());
        Ok(self.reached())
    }

    async fn end(&mut self) -> Result<Option<Event>> {
        let record = self.client.record(&self.run).await?;
        let is_back = self.reached();
        if !record.is_over() {
            self.stage = Stage::Closed(None);
            // The stream ended before the run: the server stops, or a proxy limits the length of a
            // request. Neither may cause requests without a pause.
            self.link.increase_delay();
        // The output may have been stored after this stream ended. A request with `skip` returns
        // only the rest, often nothing.
        } else if written(&record, self.part).is_some_and(|written| written <= self.seen) {
            return Ok(Some(Event::Over(record.into())));
        } else {
            self.stage = Stage::Closed(Some(record.into()));
        }
        Ok(is_back)
    }

    /// Notes that the server responded.
    fn reached(&mut self) -> Option<Event> {
        self.link.responded().then_some(Event::Back)
    }

    /// Decides whether to reconnect after an error, and what to report.
    fn after(&mut self, error: Error) -> Result<Option<Event>> {
        // Before the first response a 404 is a mistyped name, and the server's own message suits it
        // better.
        if self.link.is_known && response::is_not_found(&error) {
            let run = &self.run;
            let context =
                format!("the server no longer has `{run}`: was it restarted with a memory store?");
            return Err(error).context(context);
        }
        // A run may write nothing for a long time.
        let lost = self.link.failed(error, true)?;
        let over = match &mut self.stage {
            // A run that is over stays over, so the rest of its output is requested for the last
            // time.
            Stage::Closed(over) | Stage::Open(_, over) => over.take(),
            Stage::Ended => None,
        };
        self.stage = Stage::Closed(over);
        Ok(lost.map(Event::Lost))
    }
}

/// The length of the output of a run that is over, or of one part of it, if its record has it.
fn written(record: &RunRecord, part: Option<u32>) -> Option<u64> {
    // An attempt without a container has no output, and servers that do not report sizes leave the
    // sum undecided.
    let is_of_part =
        |of: Option<u32>| part.is_none_or(|part| part == of.unwrap_or(AttemptKey::FIRST.part));
    let attempts = record.attempts.iter().filter(|attempt| is_of_part(attempt.part));
    let attempts = attempts.filter(|attempt| attempt.container.is_some());
    attempts.map(|attempt| attempt.output_bytes).sum()
}
