//! What a container writes, live: its log is followed until the container has ended.
//!
//! 1. Each byte is handed out once and in the order of the log: a read begins at the log's beginning
//!    and skips what was handed out before. A read that breaks off ends the follow with an error; who
//!    follows again says how many bytes to skip.
//! 2. The end of a follow proves nothing, because it comes too when an engine goes down. What was
//!    written is complete once the log was read to its end after the container had ended.
//! 3. A log that the engine's driver rotates is not followed, but read part after part (`rotated_log`).
//! 4. A log that the engine cannot be trusted to follow is read as a whole, time and again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::run::ContainerId;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::Instant;

use super::{
    container_log_cache::Notes,
    inspect::Inspected,
    log_decoder::{Messages, broken},
    read_log,
    rotated_log::{Part, Rounds},
};
use crate::engine::docker_api::{engine_client::Client, log_buffer::Chunks};
use crate::{
    backoff::Backoff,
    engine::{Chunk, EngineError, Follow, Refusal},
};

/// How long a log may be silent before it is looked whether the container runs at all.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// The first pause and the longest before a log that ended is read on, while its container runs.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long after a read that did not follow the log the next one begins: that often the engine is asked,
/// and a read that took long takes no more than a fifth of the time.
const REREAD_PAUSE: (Duration, u32) = (Duration::from_millis(200), 4);
/// How long a container runs before the engine is asked whether its log driver drops old output: many end
/// sooner, and need no such request.
const COUNTED_AFTER: Duration = Duration::from_millis(50);

/// Hands out what the container writes, as far as it is wanted, without the first `skip` bytes.
pub(super) fn output(
    client: Client,
    notes: Arc<Notes>,
    id: ContainerId,
    skip: u64,
    follow: Follow,
) -> BoxStream<'static, Result<Chunk, EngineError>> {
    let live = Live::new(client, notes, id, skip, follow);
    let steps = stream::unfold(Some((live, None)), move |state| async move {
        let (mut live, mut read) = state?;
        let next = match live.next(&mut read).await {
            Err(error) => Err(live.client.or_unreachable(error).await),
            next => next,
        };
        match next {
            Ok(Some(chunk)) => Some((Ok(chunk), Some((live, read)))),
            Ok(None) => None,
            Err(error) if follow == Follow::UpToNow && error.is_unreadable_log() => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    steps.boxed()
}

/// Reads along the log of a container whose log driver drops old output, so that it is known in the
/// end how much was dropped. Does not return.
pub(super) async fn count(client: Client, notes: Arc<Notes>, id: ContainerId) -> Infallible {
    tokio::time::sleep(COUNTED_AFTER).await;
    // Where it is not known, the next watch of the container asks again.
    let inspected = client.inspect(&id.0).await;
    if inspected.is_ok_and(|inspected| inspected.drops_old_output()) {
        // All output is skipped: the read only fills the index of message positions.
        let mut live = Live::new(client, notes, id, u64::MAX, Follow::ToEnd);
        let mut read = None;
        // An error costs only the count; the watch itself notices an engine that is away.
        while let Ok(Some(_)) = live.next(&mut read).await {}
    }
    // The watch alone decides when it ends.
    std::future::pending().await
}

/// A log, as far as it was handed out.
struct Live {
    client: Client,
    notes: Arc<Notes>,
    id: ContainerId,
    follow: Follow,
    /// The bytes that were handed out, or were not wanted.
    handed_out: u64,
    /// The pauses between reads that bring nothing new.
    backoff: Backoff,
    /// True for the next read, which needs no pause.
    is_first: bool,
    /// Of a log that is rotated: how it is read.
    rounds: Option<Rounds>,
    /// What was read and is not handed out yet; it counts as handed out.
    chunks: Chunks,
    /// When the next read may begin.
    not_before: Instant,
}

/// One read of the log.
struct Read {
    pieces: BoxStream<'static, Result<Bytes, EngineError>>,
    form: Form,
    began: Instant,
    /// True for the last read: the container had ended before it began.
    is_last: bool,
}

/// What is read, and how far.
enum Form {
    /// The whole log, from its beginning.
    Whole {
        messages: Messages,
        /// How many bytes of the log it has gone through.
        position: u64,
    },
    /// A part of a log that is rotated.
    // Boxed, because it is far larger than the other form.
    Part(Box<Part>),
}

impl Live {
    fn new(client: Client, notes: Arc<Notes>, id: ContainerId, skip: u64, follow: Follow) -> Self {
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let chunks = Chunks::default();
        let (is_first, rounds, not_before) = (true, None, Instant::now());
        let handed_out = skip;
        Self {
            client,
            notes,
            id,
            follow,
            handed_out,
            backoff,
            is_first,
            rounds,
            chunks,
            not_before,
        }
    }

    /// What was written next; nothing once the container has ended and its log was read to the end.
    async fn next(&mut self, under_way: &mut Option<Read>) -> Result<Option<Chunk>, EngineError> {
        loop {
            if let Some(chunk) = self.chunks.pop() {
                self.has_news();
                return Ok(Some(chunk));
            }
            let read = match under_way {
                Some(read) => read,
                None => under_way.insert(self.begin().await?),
            };
            if !self.piece(read).await?
                && let Some(read) = under_way.take()
                && self.end_of(read).await
            {
                return Ok(None);
            }
        }
    }

    /// Begins a read of the log: the last one, if the container has ended.
    async fn begin(&mut self) -> Result<Read, EngineError> {
        let inspected = loop {
            let inspected = self.client.inspect(&self.id.0).await?;
            if inspected.is_going() {
                return Err(EngineError::Gone);
            }
            if self.follow == Follow::UpToNow || inspected.runs() || inspected.was_started() {
                break inspected;
            }
            if let Some(error) = inspected.error().or_else(|| self.notes.failed_start(&self.id)) {
                return Err(EngineError::NotStartable(error));
            }
            // A follow of what does not run yet would end at once.
            self.rest().await;
        };
        let is_last = self.follow == Follow::UpToNow || !inspected.runs();
        // An engine that ends each follow at once would otherwise be asked without a pause.
        if !is_last {
            self.rest().await;
        }
        if inspected.drops_old_output() {
            return self.begin_part(&inspected, is_last).await;
        }
        let is_reread = !is_last && !inspected.is_followed_completely();
        if is_reread {
            tokio::time::sleep_until(self.not_before).await;
        }
        let mode = if is_last || is_reread { "" } else { "&follow=1" };
        let began = Instant::now();
        let messages = Messages::new(&inspected.log_form());
        let path = format!("{}{mode}{}", read_log::path(&self.id), messages.query());
        let pieces = self.client.get(path)?.boxed();
        Ok(Read { pieces, form: Form::Whole { messages, position: 0 }, began, is_last })
    }

    /// Begins to read a part of a log that is rotated.
    async fn begin_part(
        &mut self,
        inspected: &Inspected,
        is_last: bool,
    ) -> Result<Read, EngineError> {
        let rounds = self.rounds.get_or_insert_with(|| {
            Rounds::new(self.notes.index(&self.id), inspected.has_terminal())
        });
        let (query, part) = rounds.begin().await;
        let pieces = self.client.get(format!("{}{query}", read_log::path(&self.id)))?.boxed();
        let began = Instant::now();
        Ok(Read { pieces, form: Form::Part(Box::new(part)), began, is_last })
    }

    /// Takes note of the end of a read; true where nothing is left to read.
    async fn end_of(&mut self, Read { form, began, is_last, .. }: Read) -> bool {
        let (shortest, times) = REREAD_PAUSE;
        self.not_before = Instant::now() + shortest.max(began.elapsed() * times);
        let (Some(rounds), Form::Part(part)) = (&mut self.rounds, form) else { return is_last };
        if !rounds.end(&part) {
            return false;
        }
        if !is_last && (rounds.news(&self.client, &self.id).await || part.has_news()) {
            self.has_news();
        }
        is_last
    }

    /// Reads the next piece, without what was handed out before; false at the end of the read.
    async fn piece(&mut self, read: &mut Read) -> Result<bool, EngineError> {
        if read.is_cut_short() {
            return Ok(false);
        }
        match tokio::time::timeout(SILENCE_LIMIT, read.pieces.next()).await {
            Ok(Some(piece)) => self.unseen(read, &piece.map_err(read_log::gone_or)?).map(|()| true),
            Ok(None) => read.end().map(|()| false),
            Err(_) if read.is_last => Err(self.client.no_answer(SILENCE_LIMIT)),
            // The program may be silent, or the way to the engine broken without a word.
            Err(_) => Ok(self.client.inspect(&self.id.0).await?.runs()),
        }
    }

    /// Takes the frames off, and what was handed out before.
    fn unseen(&mut self, read: &mut Read, piece: &[u8]) -> Result<(), EngineError> {
        let Self { handed_out, chunks, .. } = self;
        let (messages, position) = match &mut read.form {
            Form::Part(part) => return part.unseen(piece, handed_out, chunks),
            Form::Whole { messages, position } => (messages, position),
        };
        messages.push(piece, &mut |stream, at, written| {
            // Where it is more than these bytes, `get` returns none of them: all were handed out
            // before.
            let known = usize::try_from(handed_out.saturating_sub(*position)).unwrap_or(usize::MAX);
            let unseen = written.get(known..).unwrap_or_default();
            *position += written.len() as u64;
            *handed_out += unseen.len() as u64;
            chunks.push(stream, at, unseen);
        })
    }

    /// The next read needs no pause.
    fn has_news(&mut self) {
        self.is_first = true;
        self.backoff.reset();
    }

    /// Waits before the next read, longer each time until there is something new.
    async fn rest(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.backoff.wait().await;
        }
    }
}

impl Read {
    /// Whether the end of the read is one of the log too.
    fn end(&self) -> Result<(), EngineError> {
        let (message, is_complete) = match &self.form {
            Form::Part(part) => (part.message(), part.is_complete()),
            Form::Whole { messages, .. } => (messages.message(), messages.are_complete()),
        };
        match message {
            // A follow may do better the next time.
            Some(message) if self.is_last => {
                let message = read_log::ends_too_soon(&message);
                Err(EngineError::Refused { kind: Refusal::Failed, message })
            }
            _ if is_complete => Ok(()),
            _ => Err(broken("it ends within a frame")),
        }
    }

    /// True where the rest of the read is of no use.
    fn is_cut_short(&self) -> bool {
        matches!(&self.form, Form::Part(part) if part.is_cut_short())
    }
}

#[cfg(test)]
mod tests;
