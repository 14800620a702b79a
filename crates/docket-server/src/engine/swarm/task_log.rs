//! The log of a task, as a manager collects it from the task's node.
//!
//! 1. A frame of the engine's own says that a node could not be read, so such a log is not complete.
//! 2. While the node is away a manager answers and then sends nothing, so a silent log is bounded.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use docket_model::{Output, output::Stream, run::ContainerId};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::timeout;

use super::{
    managers::Managers,
    observe::{Notes, Sight, look, look_at},
};
use crate::{
    backoff::Backoff,
    engine::{
        Captured, Chunk, EngineError, Follow, Refusal,
        docker_api::{log_buffer::Chunks, log_frames::Frames},
    },
};

/// How long a log may be silent before it is looked whether its task still runs.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// How long a log that is read to its end may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);
/// The first pause and the longest before a log is read on, while its task runs.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A read of a log, from its beginning.
struct Read {
    pieces: BoxStream<'static, Result<Bytes, EngineError>>,
    frames: Frames,
    /// How many bytes of the log it has gone through.
    position: u64,
    /// True for the last read: the task had ended before it began, or no more is asked for.
    is_last: bool,
}

impl Read {
    /// Why the end of the read is not the end of the log.
    fn end(&self) -> Result<(), EngineError> {
        match self.frames.message() {
            Some(message) if message.contains("does not support reading") => {
                Err(EngineError::Refused { kind: Refusal::Unsupported, message })
            }
            // It can be read later: once the node is back, or has reported to its manager.
            Some(message) => Err(EngineError::Unreachable(message)),
            None if self.frames.are_complete() => Ok(()),
            None => Err(broken("it ends within a frame")),
        }
    }
}

/// Opens the log of a service's own task; nothing where it has none.
async fn open(
    managers: &Managers,
    id: &ContainerId,
    is_last: bool,
) -> Result<Option<Read>, EngineError> {
    let service = managers.service(&id.0).await?;
    let Some(task) = managers.own_task(&service).await? else { return Ok(None) };
    let follow = if is_last { "" } else { "&follow=1" };
    let path = format!("/tasks/{}/logs?stdout=1&stderr=1{follow}", task.id);
    let pieces = managers.pieces(path)?;
    let frames = Frames::new(service.has_terminal());
    Ok(Some(Read { pieces, frames, position: 0, is_last }))
}

/// Reads the whole log of a task that has ended; see [`crate::engine::Containers::read_log`].
pub(super) async fn read(
    managers: &Managers,
    id: &ContainerId,
    limit: usize,
) -> Result<Captured, EngineError> {
    let mut output = Output::bounded(limit);
    let Some(mut read) = open(managers, id, true).await? else { return Ok(Captured::default()) };
    while let Ok(piece) = timeout(SILENCE_LIMIT, read.pieces.next()).await {
        let Some(piece) = piece else {
            return match read.end() {
                Ok(()) => Ok(Captured { output, remark: None }),
                Err(error) if error.is_unreadable_log() => {
                    Ok(Captured { output, remark: Some(format!("no output: {error}")) })
                }
                Err(error) => Err(error),
            };
        };
        let piece = piece.map_err(gone_or)?;
        let mut keep = |stream, bytes: &[u8]| output.push_to(stream, bytes);
        read.frames.push(&piece, &mut keep).map_err(|_| broken("it is not in frames"))?;
    }
    Err(silent())
}

/// Hands out what the task writes behind a position; see [`crate::engine::Containers::logs`].
pub(super) fn output(
    managers: Arc<Managers>,
    notes: Arc<Notes>,
    id: ContainerId,
    skip: u64,
    follow: Follow,
) -> BoxStream<'static, Result<Chunk, EngineError>> {
    let backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let chunks = Chunks::default();
    let live =
        Live { managers, notes, id, follow, handed_out: skip, chunks, backoff, is_first: true };
    let steps = stream::unfold(Some((live, None)), move |state| async move {
        let (mut live, mut read) = state?;
        match live.next(&mut read).await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some((live, read)))),
            Ok(None) => None,
            Err(error) if follow == Follow::UpToNow && error.is_unreadable_log() => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    steps.boxed()
}

/// A log, as far as it was handed out.
struct Live {
    managers: Arc<Managers>,
    notes: Arc<Notes>,
    id: ContainerId,
    follow: Follow,
    /// The bytes that were handed out, or were not asked for.
    handed_out: u64,
    chunks: Chunks,
    /// The pauses between reads that bring nothing new.
    backoff: Backoff,
    /// True for the next read, which needs no pause.
    is_first: bool,
}

impl Live {
    /// What was written next; nothing once the task has ended and its log was read to the end.
    async fn next(&mut self, under_way: &mut Option<Read>) -> Result<Option<Chunk>, EngineError> {
        loop {
            if let Some(chunk) = self.chunks.pop() {
                self.is_first = true;
                self.backoff.reset();
                return Ok(Some(chunk));
            }
            let read = match under_way {
                Some(read) => read,
                None => match self.begin().await? {
                    Some(read) => under_way.insert(read),
                    None => return Ok(None),
                },
            };
            if self.piece(read).await? {
                continue;
            }
            if let Some(read) = under_way.take()
                && read.is_last
            {
                return Ok(None);
            }
        }
    }

    /// Begins a read: the last one, if the task has ended. None where there is nothing to read.
    async fn begin(&mut self) -> Result<Option<Read>, EngineError> {
        loop {
            let has_ended = match look(&self.managers, &self.notes, &self.id).await? {
                Sight::Gone | Sight::Orphaned(_) => return Err(EngineError::Gone),
                Sight::Ended(_) => true,
                Sight::Running { .. } => false,
                _ if self.follow == Follow::UpToNow => return Ok(None),
                Sight::CannotStart(reason) | Sight::NoImage { reason, .. } => {
                    return Err(EngineError::NotStartable(reason));
                }
                Sight::NodeAway { node, .. } => return Err(away(&node)),
                Sight::NotStarted | Sight::Waiting(_) => {
                    self.rest().await;
                    continue;
                }
            };
            let is_last = has_ended || self.follow == Follow::UpToNow;
            if !is_last {
                self.rest().await;
            }
            return open(&self.managers, &self.id, is_last).await;
        }
    }

    /// Reads the next piece, without what was handed out before; false at the end of the read.
    async fn piece(&mut self, read: &mut Read) -> Result<bool, EngineError> {
        let limit = if read.is_last { SILENCE_LIMIT } else { LOOK_AFTER };
        match timeout(limit, read.pieces.next()).await {
            Ok(Some(piece)) => self.unseen(read, &piece.map_err(gone_or)?).map(|()| true),
            Ok(None) => match read.end() {
                // A follow may do better the next time.
                Err(EngineError::Unreachable(_)) | Ok(()) if !read.is_last => Ok(false),
                end => end.map(|()| false),
            },
            Err(_) if read.is_last => Err(silent()),
            Err(_) => self.still_runs().await,
        }
    }

    /// Whether the task still runs: a follow does not end with it.
    async fn still_runs(&self) -> Result<bool, EngineError> {
        let service = self.managers.service(&self.id.0).await?;
        let sight = look_at(&self.managers, &self.notes, &service).await?;
        Ok(matches!(sight, Sight::Running { .. }))
    }

    /// Takes the frames off, and what was handed out before.
    fn unseen(&mut self, read: &mut Read, piece: &[u8]) -> Result<(), EngineError> {
        let Self { handed_out, chunks, .. } = self;
        let position = &mut read.position;
        let mut sink = |stream: Stream, written: &[u8]| {
            // Where it is more than these bytes, `get` returns none of them.
            let known = usize::try_from(handed_out.saturating_sub(*position)).unwrap_or(usize::MAX);
            let unseen = written.get(known..).unwrap_or_default();
            *position += written.len() as u64;
            *handed_out += unseen.len() as u64;
            chunks.push(stream, unseen);
        };
        read.frames.push(piece, &mut sink).map_err(|_| broken("it is not in frames"))
    }

    /// Waits before the next read, longer each time until there is something new.
    async fn rest(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.backoff.wait().await;
        }
    }
}

fn gone_or(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused { kind: Refusal::NotFound, .. } => EngineError::Gone,
        EngineError::Refused { kind: Refusal::Failed, message } => {
            EngineError::Unreachable(message)
        }
        error => error,
    }
}

fn broken(reason: &str) -> EngineError {
    EngineError::Unreachable(format!("the log cannot be read: {reason}"))
}

fn away(node: &str) -> EngineError {
    EngineError::Unreachable(format!("the log cannot be read: its node `{node}` is away"))
}

fn silent() -> EngineError {
    let seconds = SILENCE_LIMIT.as_secs();
    EngineError::Unreachable(format!(
        "the log cannot be read: its node sent nothing for {seconds} s"
    ))
}
