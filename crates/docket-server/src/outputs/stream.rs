//! The output of a run as it comes: from its beginning to its end, over all its attempts.

use std::{sync::Arc, time::Duration};

use docket_model::{
    AllocationName, Output, Run,
    output::Excerpt,
    run::{Attempt, AttemptKey, ContainerId, Instant as RunInstant, RunId, RunState},
    wire::RunRecord,
};
use futures_util::StreamExt;
use tokio::{sync::mpsc, time::Instant};
use tracing::{Instrument, Span};

use super::{
    Outputs,
    piece::{Piece, pieces_of},
    shared_log::Next,
};
use crate::{
    engine::{Chunk, EngineError, Follow, LogCursor},
    runner::{EngineAccess, Retry, attempt_span, run_span},
    store::StoreError,
    term_tasks::Stopped,
};

/// How many pieces wait for a slow reader: few, because each reader has its own.
const PIECES: usize = 2;
/// A follow that breaks off after so long did not break off at once, however silent it was.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Why an output breaks off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LiveError {
    /// The record cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not hand it out.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It, or the record of its run, was removed while it was read.
    #[error("the output was removed while it was read")]
    Removed,
}

/// The term has ended in which an engine was read.
pub(crate) fn broken_off() -> EngineError {
    EngineError::Unreachable("the server is stopping, or is reconnecting to its engines".to_owned())
}

/// An event of an output, for who follows it.
#[derive(Debug)]
pub(crate) enum OutputEvent {
    /// Something was written.
    Piece(Piece),
    /// The run is in another state, and goes on.
    Record {
        /// The record.
        record: Box<RunRecord>,
        /// How many bytes the follower has.
        end: u64,
    },
}

/// Pieces of an output and states of its run, in order.
pub(crate) type Pieces = mpsc::Receiver<Result<OutputEvent, LiveError>>;

/// What a container wrote by now, in order, and then `None`. An output that ends without it has broken off.
pub(crate) type Written = mpsc::Receiver<Result<Option<Piece>, EngineError>>;

impl Outputs {
    /// Hands out what the container of an attempt wrote by now, without its first `skip` bytes.
    pub(crate) fn written_by_now(
        self: &Arc<Self>,
        run: &RunId,
        attempt: &Attempt,
        skip: u64,
    ) -> Written {
        let (pieces, received) = mpsc::channel(PIECES);
        let engine = match self.engines.of_attempt(Some(attempt)) {
            Ok(engine) => Arc::clone(engine),
            Err(unknown) => {
                // The channel is empty, so there is room.
                let error = EngineError::Unreachable(unknown.to_string());
                let _: Result<(), _> = pieces.try_send(Err(error));
                return received;
            }
        };
        let Some(container) = attempt.container.clone() else {
            let _: Result<(), _> = pieces.try_send(Ok(None));
            return received;
        };
        // Before the task begins, so that the container is not removed in between.
        let reading = self.readers.enter(&container);
        let span = attempt_span(&run_span(run), attempt.key);
        self.spawn(span, async move {
            let _reading = reading;
            let mut position = skip;
            let written_from = |position| {
                let from = LogCursor::behind(position);
                engine.engine.logs(&(&container).into(), from, Follow::UpToNow)
            };
            let mut written = written_from(position);
            let mut retry = Retry::bounded("the request for the log").of_follow();
            while let Some(piece) = written.next().await {
                let piece = match piece {
                    Err(EngineError::Unreachable(reason)) => {
                        match engine.wait_before_retry(&mut retry, &reason).await {
                            Ok(()) => {
                                written = written_from(position);
                                continue;
                            }
                            Err(given_up) => Err(given_up),
                        }
                    }
                    Err(missing @ EngineError::OutputMissing { bytes, .. }) => {
                        // Missing bytes count as read, so that positions stay those of what the
                        // container wrote.
                        position += bytes;
                        written = written_from(position);
                        Ok(Piece::missing(&missing, position))
                    }
                    piece => piece.map(|(_, Chunk { bytes, stream, times })| {
                        retry.made_progress();
                        position += bytes.len() as u64;
                        Piece { bytes, stream, times, is_note: false, end: position }
                    }),
                };
                let is_end = piece.is_err();
                if pieces.send(piece.map(Some)).await.is_err() || is_end {
                    // The reader has left, or knows that there is no more.
                    return;
                }
            }
            let _: Result<(), _> = pieces.send(Ok(None)).await;
        });
        received
    }

    /// Follows the output of a run, or of one part of it, without its first `skip` bytes, until the run is
    /// over. Of several parts each is followed to the end of its attempt, one after another.
    ///
    /// The pieces end early with the term, with the run's end still to come.
    pub(crate) fn follow(
        self: &Arc<Self>,
        name: &str,
        instant: RunInstant,
        part: Option<u32>,
        skip: u64,
    ) -> Pieces {
        let (pieces, received) = mpsc::channel(PIECES);
        // There is no run of such a name, so there is nothing to read.
        let Ok(allocation) = AllocationName::parse(name) else { return received };
        let run = RunId { allocation, instant };
        let follower = Follower {
            outputs: Arc::clone(self),
            pieces,
            part,
            state: None,
            skip,
            before: 0,
            done: 0,
            is_begun: false,
            is_unreadable: false,
        };
        self.spawn(run_span(&run), async move {
            let pieces = follower.pieces.clone();
            let ended = tokio::select! {
                biased;
                ended = follower.follow(run) => ended,
                // The reader has left.
                () = pieces.closed() => return,
            };
            if let Err(error) = ended {
                let _: Result<(), _> = pieces.send(Err(error)).await;
            }
        });
        received
    }

    /// Reads in a task of the term, where the engine's connections are: each piece of a log would cross
    /// threads twice elsewhere.
    fn spawn(&self, span: Span, reading: impl Future<Output = ()> + Send + 'static) {
        let term = self.engines.term.clone();
        let reading = async move {
            // A reader whose term has ended asks again.
            let _: Result<(), Stopped> = term.unless_ended(reading).await;
        };
        self.engines.term.spawn(reading.instrument(span));
    }
}

/// A reader of one output.
struct Follower {
    outputs: Arc<Outputs>,
    pieces: mpsc::Sender<Result<OutputEvent, LiveError>>,
    /// The part that is read; all where it is absent.
    part: Option<u32>,
    /// The state that was handed out last.
    state: Option<RunState>,
    /// How many bytes of the attempts to come were handed out before, or are not wanted.
    skip: u64,
    /// How many bytes were written by the attempts that were read to their ends.
    before: u64,
    /// How many attempts were read to their ends.
    done: usize,
    /// True where some of the next attempt was handed out as it was written.
    is_begun: bool,
    /// True where the engine cannot read the log of the next attempt.
    is_unreadable: bool,
}

impl Follower {
    async fn follow(mut self, id: RunId) -> Result<(), LiveError> {
        let changes = self.outputs.store.subscribe().run(&id);
        let (name, instant) = (id.allocation.as_str(), id.instant);
        loop {
            // What changes from here on is seen in the next turn.
            let next = changes.next();
            let run = self.outputs.store.run(name, instant).await?.ok_or(LiveError::Removed)?;
            self.hand_out_state(&run).await;
            let is_read =
                |attempt: &&Attempt| self.part.is_none_or(|part| part == attempt.key.part);
            let attempts: Vec<_> = run.attempts.iter().filter(is_read).collect();
            while let Some(attempt) = attempts.get(self.done) {
                let part = attempt.key.part;
                // A part has one attempt under way at most, so all its attempts before the newest
                // have ended.
                let is_newest = run.newest_of_part(part) == Some(attempt);
                let is_over = run.part_state(part).is_over();
                let is_ended = attempt.exit.is_some() || is_over || !is_newest;
                if !self.read(&run, attempt, is_ended).await? {
                    break;
                }
                self.done += 1;
                (self.is_begun, self.is_unreadable) = (false, false);
            }
            if run.state.is_over() && self.done >= attempts.len() {
                return Ok(());
            }
            next.await;
        }
    }

    /// Reads an attempt to its end; false where there may be more to read later.
    async fn read(
        &mut self,
        run: &Run,
        attempt: &Attempt,
        is_ended: bool,
    ) -> Result<bool, LiveError> {
        if let Some(sized) = &attempt.output {
            return self.read_kept(&run.id, attempt.key, sized).await.map(|()| true);
        }
        if is_ended {
            // What was handed out of it counts, though no record tells of it.
            if self.is_begun {
                self.before += self.skip;
                self.skip = 0;
            }
            return Ok(true);
        }
        // Until its start is on record, the container may still be replaced by another one.
        let is_readable = attempt.started_at.is_some() && !self.is_unreadable;
        let engine = self.outputs.engines.of_attempt(Some(attempt)).ok().cloned();
        match attempt.container.as_ref().zip(engine).filter(|_| is_readable) {
            Some((container, engine)) => {
                let span = attempt_span(&Span::current(), attempt.key);
                self.read_live(&engine, container).instrument(span).await
            }
            None => Ok(false),
        }
    }

    /// Reads what the store keeps of an attempt that has ended.
    async fn read_kept(
        &mut self,
        id: &RunId,
        attempt: AttemptKey,
        sized: &Output,
    ) -> Result<(), LiveError> {
        let (name, written) = (id.allocation.as_str(), sized.written());
        while self.skip < written {
            let piece = self.outputs.store.output(name, id.instant, attempt, self.skip).await?;
            // Breaks off: without the rest the output would look complete.
            let piece = piece.filter(|piece| !piece.is_empty()).ok_or(LiveError::Removed)?;
            self.hand_out_kept(piece).await;
        }
        self.before += written;
        // A reader may have more than this attempt wrote; the rest belongs to the next attempts.
        self.skip -= written;
        Ok(())
    }

    /// Follows the log of a container to its end; false where there may be more to read later.
    async fn read_live(
        &mut self,
        engine: &EngineAccess,
        container: &ContainerId,
    ) -> Result<bool, LiveError> {
        let outputs = Arc::clone(&self.outputs);
        let _reading = outputs.readers.enter(container);
        let follow =
            |position| outputs.logs.follow(&engine.engine, container, position, &engine.term);
        let mut log = follow(self.skip);
        let mut retry = Retry::bounded("the follow of the log").of_follow();
        let mut began_at = Instant::now();
        loop {
            match log.next(self.skip).await {
                Next::Piece(Chunk { stream, bytes, times }) => {
                    retry.made_progress();
                    self.is_begun = true;
                    self.skip += bytes.len() as u64;
                    let (is_note, end) = (false, self.skip);
                    self.hand_out(Piece { bytes, stream, times, is_note, end }).await;
                }
                Next::End(Ok(())) => break,
                Next::End(Err(missing @ EngineError::OutputMissing { bytes, .. })) => {
                    // The missing bytes move the position, even if no output follows.
                    self.is_begun = true;
                    self.skip += bytes;
                    self.hand_out(Piece::missing(&missing, self.skip)).await;
                    log = follow(self.skip);
                }
                Next::End(Err(EngineError::Unreachable(reason))) => {
                    // A proxy may cut a follow that is silent: that is no failure in a row.
                    if began_at.elapsed() > LONGEST_SILENCE {
                        retry.made_progress();
                    }
                    engine.wait_before_retry(&mut retry, &reason).await?;
                    log = follow(self.skip);
                    began_at = Instant::now();
                }
                // It was removed from outside, or in this moment after its end was noted.
                Next::End(Err(EngineError::Gone)) => return Ok(false),
                // Its log driver keeps nothing to read; its end is in the record.
                Next::End(Err(error)) if error.is_unreadable_log() => {
                    self.is_unreadable = true;
                    return Ok(false);
                }
                Next::End(Err(error)) => return Err(error.into()),
            }
        }
        self.before += self.skip;
        self.skip = 0;
        Ok(true)
    }

    /// Sends a part of the stored output of an attempt, in pieces of one stream each.
    async fn hand_out_kept(&mut self, part: Excerpt) {
        let end = part.end;
        for piece in pieces_of(part) {
            self.skip = piece.end;
            self.hand_out(piece).await;
        }
        self.skip = end;
    }

    /// Hands out the state of a run that goes on, where it is another one than before.
    async fn hand_out_state(&mut self, run: &Run) {
        if !run.state.is_over() && self.state.as_ref() != Some(&run.state) {
            self.state = Some(run.state.clone());
            let record = Box::new(RunRecord::from(run));
            let event = OutputEvent::Record { record, end: self.before + self.skip };
            let _: Result<(), _> = self.pieces.send(Ok(event)).await;
        }
    }

    /// Hands out a piece of the present attempt.
    async fn hand_out(&self, piece: Piece) {
        if !piece.bytes.is_empty() {
            let piece = Piece { end: self.before + piece.end, ..piece };
            // Once the reader has left, the whole task ends.
            let _: Result<(), _> = self.pieces.send(Ok(OutputEvent::Piece(piece))).await;
        }
    }
}
