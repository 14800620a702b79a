//! What a container writes, live: its log is followed until the container has ended.
//!
//! 1. Each byte is handed out once and in the order of the log: a read begins at the log's beginning
//!    and skips what was handed out before. A read that breaks off ends the follow with an error; who
//!    follows again says how many bytes to skip.
//! 2. The end of a follow proves nothing, because it comes too when an engine goes down. What was
//!    written is complete once the log was read to its end after the container had ended.
//! 3. A log that the engine's driver rotates is not followed, but read part after part (`rotated_log`).

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::{output::Stream, run::ContainerId};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{
    container_cache::Notes,
    inspect::Inspected,
    read_log,
    rotated_log::{Part, Rounds},
};
use crate::engine::docker_api::{call_results::Client, log_buffer::Chunks, log_frames::Frames};
use crate::{
    backoff::Backoff,
    engine::{Chunk, EngineError, Follow, Refusal},
};

/// How long a log may be silent before it is looked whether the container runs at all.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// The first pause and the longest before a log that ended is read on, while its container runs.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
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
}

/// One read of the log.
struct Read {
    pieces: BoxStream<'static, Result<Bytes, EngineError>>,
    form: Form,
    /// True for the last read: the container had ended before it began.
    is_last: bool,
}

/// What is read, and how far.
enum Form {
    /// The whole log, from its beginning.
    Whole {
        frames: Frames,
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
        let (is_first, rounds) = (true, None);
        Self { client, notes, id, follow, handed_out: skip, backoff, is_first, rounds, chunks }
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
            if let Some(error) = inspected.error() {
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
        let mode = if is_last { "" } else { "&follow=1" };
        let pieces = self.client.get(format!("{}{mode}", read_log::path(&self.id)))?.boxed();
        let frames = Frames::new(inspected.has_terminal());
        Ok(Read { pieces, form: Form::Whole { frames, position: 0 }, is_last })
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
        Ok(Read { pieces, form: Form::Part(Box::new(part)), is_last })
    }

    /// Takes note of the end of a read; true where nothing is left to read.
    async fn end_of(&mut self, Read { form, is_last, .. }: Read) -> bool {
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
        let (frames, position) = match &mut read.form {
            Form::Part(part) => return part.unseen(piece, handed_out, chunks),
            Form::Whole { frames, position } => (frames, position),
        };
        let mut sink = |stream: Stream, written: &[u8]| {
            // Where it is more than these bytes, `get` returns none of them: all were handed out
            // before.
            let known = usize::try_from(handed_out.saturating_sub(*position)).unwrap_or(usize::MAX);
            let unseen = written.get(known..).unwrap_or_default();
            *position += written.len() as u64;
            *handed_out += unseen.len() as u64;
            chunks.push(stream, unseen);
        };
        frames.push(piece, &mut sink).map_err(|_| read_log::broken("it is not in frames"))
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
            Form::Whole { frames, .. } => (frames.message(), frames.are_complete()),
        };
        match message {
            // A follow may do better the next time.
            Some(message) if self.is_last => {
                let message = read_log::ends_too_soon(&message);
                Err(EngineError::Refused { kind: Refusal::Failed, message })
            }
            _ if is_complete => Ok(()),
            _ => Err(read_log::broken("it ends within a frame")),
        }
    }

    /// True where the rest of the read is of no use.
    fn is_cut_short(&self) -> bool {
        matches!(&self.form, Form::Part(part) if part.is_cut_short())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub, inspection, inspection_with},
        *,
    };

    /// `out\nerr` in two frames.
    const LOG: &[u8] = b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x03err";

    /// Answers looks and reads of the log, each in its turn.
    fn stub<const N: usize, const M: usize>(looks: [&'static str; N], logs: [Reply; M]) -> Stub {
        let (mut looks, mut logs) = (looks.into_iter(), logs.into_iter());
        Stub::start(move |request| match request.split_once(' ') {
            Some((_, "/_ping")) => Reply::Json(200, "OK".to_owned()),
            Some((_, path)) if path.contains("/logs") => logs.next().unwrap(),
            _ => looks.next().map_or(Reply::Lost, inspection),
        })
    }

    fn log() -> Reply {
        Reply::Bytes(LOG.to_vec())
    }

    fn cut(length: usize) -> Reply {
        Reply::Broken(LOG.get(..length).unwrap().to_vec())
    }

    /// Follows the log to its end; one that breaks off is followed again behind what was read.
    async fn read(stub: &Stub, skip: u64) -> Result<Vec<u8>, EngineError> {
        let mut bytes = Vec::new();
        loop {
            let (client, id) = (stub.client(), ContainerId("c1".into()));
            let position = skip + bytes.len() as u64;
            let mut live = output(client, Arc::default(), id, position, Follow::ToEnd);
            let broken = loop {
                match live.next().await {
                    Some(Ok(chunk)) => bytes.extend_from_slice(&chunk.bytes),
                    Some(Err(EngineError::Unreachable(_))) => break true,
                    Some(Err(error)) => return Err(error),
                    None => break false,
                }
            };
            if !broken {
                return Ok(bytes);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_breaks_off_anywhere_is_followed_on_without_loss_or_doubling() {
        for length in 0..=LOG.len() {
            let stub = stub(["running", "running", "exited"], [cut(length), log(), log()]);

            assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr", "{length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_already_is_skipped() {
        for (skip, rest) in [(0, &b"out\nerr"[..]), (5, b"rr"), (7, b""), (100, b"")] {
            let stub = stub(["running", "exited"], [cut(LOG.len()), log()]);

            assert_eq!(read(&stub, skip).await.unwrap(), rest, "{skip}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_follow_that_ends_cleanly_is_no_end_while_the_container_runs() {
        let none = || Reply::Bytes(Vec::new());
        let stub =
            stub(["running", "running", "running", "exited"], [none(), none(), none(), log()]);

        assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr");
        assert_eq!(stub.count("GET /containers/c1/logs?stdout=1&stderr=1&follow=1"), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_follow_that_never_ends_is_left_once_the_container_has_ended() {
        let stub = stub(["running", "running", "exited", "exited"], [Reply::Silence, log()]);

        assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr");
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_is_gone_ends_the_stream() {
        let gone = || Reply::Json(404, r#"{"message":"No such container: c1"}"#.to_owned());
        let stub = Stub::start(move |_| gone());

        assert_eq!(read(&stub, 0).await, Err(EngineError::Gone));
    }

    #[tokio::test(start_paused = true)]
    async fn a_follow_that_breaks_off_ends_with_an_error_after_one_request() {
        let stub = stub(["exited"], [cut(10)]);
        let (client, id) = (stub.client(), ContainerId("c1".into()));

        let read: Vec<_> = output(client, Arc::default(), id, 0, Follow::ToEnd).collect().await;

        assert!(matches!(read[..], [.., Err(EngineError::Unreachable(_))]), "{read:?}");
        assert_eq!(stub.count("GET /containers/c1/logs"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminals_bytes_are_handed_out_as_they_are() {
        let stub = Stub::start(|request| {
            if request.contains("/logs") {
                log()
            } else {
                inspection_with("exited", &serde_json::json!({"Tty": true}))
            }
        });

        assert_eq!(read(&stub, 0).await.unwrap(), LOG);
    }
}
