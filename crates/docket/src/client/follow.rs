//! Follows the output of a run to its end, also through a server that goes away and comes back.
//!
//! 1. Each byte is passed on once: after a break the output goes on behind the bytes that came.
//! 2. A stream may also end because the server stops, so its end proves nothing: the record says
//!    whether the run is over, and what was written in between is asked for.

use anyhow::{Context, Error, Result};
use docket_model::{
    RunId,
    output::Stream,
    wire::{FrameKind, RunRecord},
};

use super::{
    Client,
    answer::{Declined, Unreachable},
    pauses::Pauses,
    runs::LiveOutput,
};

/// Something that happens while a run is followed.
pub(crate) enum Event {
    /// It wrote this to one of its streams.
    Bytes(Stream, Vec<u8>),
    /// It is in another state, and goes on; servers of earlier versions do not say so.
    State(Box<RunRecord>),
    /// The server is away, for this reason; it is asked again and again.
    Lost(Error),
    /// The server is back.
    Back,
    /// It is over, and all that it wrote has been told.
    Over(Box<RunRecord>),
}

/// A run that is being followed.
pub(crate) struct Follow<'a> {
    client: &'a Client,
    run: RunId,
    stage: Stage<'a>,
    seen: u64,
    pauses: Pauses,
    is_known: bool,
    is_away: bool,
}

enum Stage<'a> {
    /// The output is to be asked for; where the run is known to be over, for the last time.
    Closed(Option<Box<RunRecord>>),
    /// The output is read.
    Open(LiveOutput<'a>, Option<Box<RunRecord>>),
    /// The stream ended; whether the run did, the record says.
    Ended,
}

impl<'a> Follow<'a> {
    /// Follows a run from the beginning of its output.
    ///
    /// A run of which the server is not `is_known` to know may be a mistake of the caller, who is
    /// told at once; so is one who asks a server that was never there.
    pub(crate) fn new(client: &'a Client, run: RunId, is_known: bool) -> Self {
        let stage = Stage::Closed(None);
        Self { client, run, stage, seen: 0, pauses: Pauses::default(), is_known, is_away: false }
    }

    /// What happens next; after [`Event::Over`] nothing does.
    ///
    /// # Errors
    /// Where the server refuses, or does not know the run any more.
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
                    return Ok(over.map(Event::Over));
                };
                self.seen = piece.end;
                self.pauses.begin_anew();
                Ok(match piece.kind {
                    FrameKind::Output => Some(Event::Bytes(Stream::Out, piece.bytes)),
                    FrameKind::Error => Some(Event::Bytes(Stream::Error, piece.bytes)),
                    // What another version of the server says is of no importance for the output.
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
        self.pauses.wait().await;
        let output = self.client.live_output(&self.run, self.seen).await?;
        let Stage::Closed(over) = &mut self.stage else { return Ok(None) };
        self.stage = Stage::Open(output, over.take());
        Ok(self.reached())
    }

    async fn end(&mut self) -> Result<Option<Event>> {
        let record = self.client.record(&self.run).await?;
        let is_back = self.reached();
        if !record.is_over() {
            self.stage = Stage::Closed(None);
            self.pauses.lengthen();
        } else if written(&record).is_some_and(|written| written <= self.seen) {
            return Ok(Some(Event::Over(record.into())));
        } else {
            self.stage = Stage::Closed(Some(record.into()));
        }
        Ok(is_back)
    }

    /// The server answered.
    fn reached(&mut self) -> Option<Event> {
        self.is_known = true;
        std::mem::take(&mut self.is_away).then_some(Event::Back)
    }

    /// Whether it goes on after an error, and what to tell of it.
    fn after(&mut self, error: Error) -> Result<Option<Event>> {
        let declined = error.downcast_ref::<Declined>();
        let unreachable = error.downcast_ref::<Unreachable>();
        if self.is_known && declined.is_some_and(Declined::is_not_found) {
            let run = &self.run;
            let context = format!("the server knows nothing of {run} any more, was it restarted?");
            return Err(error).context(context);
        }
        let is_away = unreachable.is_some() || declined.is_some_and(Declined::is_passing);
        if !self.is_known || !is_away {
            return Err(error);
        }
        // A run that writes nothing for long is no reason to worry anybody.
        let is_silence = unreachable.is_some_and(Unreachable::is_silence);
        self.pauses.lengthen();
        let over = match &mut self.stage {
            Stage::Closed(over) | Stage::Open(_, over) => over.take(),
            Stage::Ended => None,
        };
        self.stage = Stage::Closed(over);
        let is_news = !is_silence && !std::mem::replace(&mut self.is_away, true);
        Ok(is_news.then_some(Event::Lost(error)))
    }
}

/// How many bytes a run wrote that is over, if its record tells.
fn written(record: &RunRecord) -> Option<u64> {
    let attempts = record.attempts.iter().filter(|attempt| attempt.container.is_some());
    attempts.map(|attempt| attempt.output_bytes).sum()
}
