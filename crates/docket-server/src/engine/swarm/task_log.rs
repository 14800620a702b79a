//! The log of a task, as a manager collects it from the task's node.
//!
//! 1. A frame of the engine's own says that a node could not be read, so such a log is not complete.
//! 2. While the node is away a manager answers and then sends nothing, so a silent log is bounded.
//! 3. A node that is back may have no connection for logs, for seconds or until its next session: the leader
//!    can take the end of the old connection, which comes late, for that of the new one.

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
    observe::{Sight, look, look_at},
    service_cache::{Notes, OwnTask},
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

/// The task whose log is that of a service's run; none where it has none.
async fn own_task(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
) -> Result<Option<OwnTask>, EngineError> {
    if let Some(own) = notes.own(id) {
        return Ok(Some(own));
    }
    Ok(managers.own_task(id).await?.as_ref().and_then(OwnTask::of))
}

/// Opens the log of a task.
fn open(managers: &Managers, task: &OwnTask, is_last: bool) -> Result<Read, EngineError> {
    let follow = if is_last { "" } else { "&follow=1" };
    let path = format!("/tasks/{}/logs?stdout=1&stderr=1{follow}", task.id);
    let pieces = managers.pieces(path)?;
    Ok(Read { pieces, frames: Frames::new(task.has_terminal), position: 0, is_last })
}

/// Reads the whole log of a task that has ended; see [`crate::engine::Containers::read_log`].
pub(super) async fn read(
    managers: &Managers,
    notes: &Notes,
    id: &ContainerId,
    limit: usize,
) -> Result<Captured, EngineError> {
    let Some(task) = own_task(managers, notes, id).await? else { return Ok(Captured::default()) };
    // Asked first: the log of such a node is silent, and the caller has reserved memory for it.
    if let Ok(node) = managers.node(&task.node).await
        && node.is_away()
    {
        return Err(EngineError::NodeAway(node.hostname().into()));
    }
    match read_to_end(open(managers, &task, true)?, limit).await {
        Err(error) => Err(in_words(managers, &task.node, error).await),
        captured => captured,
    }
}

async fn read_to_end(mut read: Read, limit: usize) -> Result<Captured, EngineError> {
    let mut output = Output::bounded(limit);
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
            let task = own_task(&self.managers, &self.notes, &self.id).await?;
            return task.map(|task| open(&self.managers, &task, is_last)).transpose();
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
            // A Swarm's managers are not asked for times.
            chunks.push(stream, None, unseen);
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

/// Says what it means that a manager does not hand out the log of a node.
async fn in_words(managers: &Managers, node: &str, error: EngineError) -> EngineError {
    match (&error, managers.node(node).await) {
        (EngineError::Unreachable(_), Ok(node)) if node.is_away() => {
            EngineError::NodeAway(node.hostname().into())
        }
        (EngineError::Unreachable(message), Ok(node)) => {
            without_connection(message, node.hostname()).unwrap_or(error)
        }
        _ => error,
    }
}

/// The error where a manager says that it has no connection to a node, which is ready.
fn without_connection(message: &str, node: &str) -> Option<EngineError> {
    message.contains("is not available").then(|| {
        EngineError::Unreachable(format!(
            "the Swarm's leader has no connection for logs to its node `{node}`, which is ready: a restart \
             of Docker on the node, or another leader, brings it back"
        ))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_without_a_connection_for_logs_is_named_with_the_remedy() {
        let message = "Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log \
                       stream. some logs could not be retrieved for the following reasons: node pbfdx \
                       is not available";

        let error = without_connection(message, "node-1").unwrap();

        let expected = "the engine cannot be reached: the Swarm's leader has no connection for logs to \
                        its node `node-1`, which is ready: a restart of Docker on the node, or another \
                        leader, brings it back";
        assert_eq!(error.to_string(), expected);
        assert_eq!(without_connection("task t1 has not been scheduled", "node-1"), None);
    }
}
