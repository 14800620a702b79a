//! The log of a pod as the API server hands it out, stdout and stderr in one.
//!
//! 1. A node writes what went wrong into the log itself: [`LogErrors`] finds that at its end.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use docket_model::{output::Stream as OutputStream, run::ContainerId};
use docket_server::engine::{Chunk, EngineError, Follow, Log, LogCursor};
use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::time::timeout;

use crate::{
    api::{CallError, Pod},
    pod_state::{PodState, state_of},
    pods::{Pods, gone_or, name_and_uid},
    watch_pod::PodWatch,
};

/// The beginnings of what a node writes into a log that it cannot read to its end.
const NODE_ERRORS: [&[u8]; 3] = [
    b"failed to try resolving symlinks in path ",
    b"rpc error: code = ",
    b"unable to retrieve container logs for ",
];
/// How long a node may take to report the end of a container whose log has ended.
const LONGEST_REPORT: Duration = Duration::from_secs(10);
/// The longest text of that kind.
const LONGEST_ERROR: usize = 1024;
/// So much of such a text may be the end of a piece; less is too likely to be output.
const SHORTEST_BEGINNING: usize = 4;

/// What a node wrote into a log at its end because the container is gone.
pub(crate) struct LogErrors {
    /// The id of the container at its runtime and the uid of the pod: a text without either is output.
    ids: [String; 2],
    held: BytesMut,
}

impl LogErrors {
    pub(crate) fn of(pod: &Pod) -> Self {
        let id = pod.container().and_then(|container| container.container_id.as_deref());
        let id = id.map(|id| id.split_once("://").map_or(id, |(_, id)| id));
        let ids = [id.unwrap_or_default().to_owned(), pod.metadata.uid.clone()];
        Self { ids, held: BytesMut::new() }
    }

    /// What of the log is surely output, after these bytes came.
    pub(crate) fn output(&mut self, bytes: &[u8]) -> Bytes {
        self.held.extend_from_slice(bytes);
        let held = self.beginning_of_error().unwrap_or(self.held.len());
        if self.held.len() - held > LONGEST_ERROR {
            return self.held.split().freeze();
        }
        self.held.split_to(held).freeze()
    }

    /// What is left at the end of the log, and whether the node says that the container is gone.
    pub(crate) fn end(&mut self) -> (Bytes, bool) {
        let rest = self.held.split().freeze();
        let text = String::from_utf8_lossy(&rest);
        let is_lost = self.ids.iter().any(|id| !id.is_empty() && text.contains(id.as_str()));
        if is_lost { (Bytes::new(), true) } else { (rest, false) }
    }

    /// Where what is held may be the text of a node.
    fn beginning_of_error(&self) -> Option<usize> {
        let held = &self.held[..];
        let is_beginning = |from: &usize| {
            let rest = &held[*from..];
            NODE_ERRORS.iter().any(|error| {
                rest.starts_with(error)
                    || (rest.len() >= SHORTEST_BEGINNING && error.starts_with(rest))
            })
        };
        (0..held.len()).filter(|from| matches!(held[*from], b'f' | b'r' | b'u')).find(is_beginning)
    }
}

/// A log that is being read.
pub(crate) struct OpenLog {
    chunks: BoxStream<'static, Result<Bytes, EngineError>>,
    errors: LogErrors,
    is_at_end: bool,
    /// True once the node has said that the container, and with it the rest of the log, is gone.
    pub(crate) is_lost: bool,
}

impl OpenLog {
    /// Opens the log of a pod whose container was started.
    pub(crate) async fn open(pods: &Pods, pod: &Pod, follow: bool) -> Result<Self, CallError> {
        let query: &[_] = if follow { &[("follow", "true")] } else { &[] };
        let chunks = pods.cluster.log(&pod.metadata.name, query).await?;
        let errors = LogErrors::of(pod);
        Ok(Self { chunks: chunks.boxed(), errors, is_at_end: false, is_lost: false })
    }

    /// The next bytes; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        while !self.is_at_end {
            let bytes = if let Some(bytes) = self.chunks.next().await {
                self.errors.output(&bytes?)
            } else {
                let (rest, is_lost) = self.errors.end();
                (self.is_at_end, self.is_lost) = (true, is_lost);
                rest
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// The stamp of the first line that the node still has, to notice that it rotated the log; nothing where it
/// has none.
pub(crate) async fn first_stamp(
    pods: &Pods,
    id: &ContainerId,
) -> Result<Option<String>, EngineError> {
    let (name, _) = name_and_uid(id)?;
    let query = [("timestamps", "true"), ("limitBytes", "64")];
    let mut chunks = pods.cluster.log(name, &query).await.map_err(gone_or)?.boxed();
    let mut line = Vec::new();
    while let Some(chunk) = chunks.next().await {
        line.extend_from_slice(&chunk?);
    }
    let stamp = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let stamp = String::from_utf8_lossy(stamp);
    Ok(DateTime::parse_from_rfc3339(&stamp).is_ok().then(|| stamp.into_owned()))
}

/// Waits until the container of a pod was started, so that it has a log.
pub(crate) async fn started(pods: &Arc<Pods>, id: &ContainerId) -> Result<Pod, EngineError> {
    let mut watch = PodWatch::new(Arc::clone(pods), id.clone());
    loop {
        let pod = watch.next().await?;
        match state_of(&pod) {
            PodState::Gated | PodState::Waiting(_) => {}
            PodState::CannotStart(reason) => return Err(EngineError::NotStartable(reason)),
            PodState::Running { .. } | PodState::NodeAway { .. } | PodState::Ended(_) => {
                return Ok(pod);
            }
        }
    }
}

/// Reads what a container wrote behind a position.
pub(crate) fn read(pods: &Arc<Pods>, id: &ContainerId, from: LogCursor, follow: Follow) -> Log {
    let reader = Reader {
        pods: Arc::clone(pods),
        id: id.clone(),
        follow,
        open: None,
        skip: from.bytes(),
        cursor: from,
    };
    stream::try_unfold(reader, |mut reader| async move {
        let Some(bytes) = reader.next().await? else { return Ok(None) };
        let cursor = reader.cursor.advanced_by(bytes.len() as u64);
        reader.cursor = cursor;
        Ok(Some(((cursor, Chunk { stream: OutputStream::Out, bytes }), reader)))
    })
    .boxed()
}

struct Reader {
    pods: Arc<Pods>,
    id: ContainerId,
    follow: Follow,
    open: Option<OpenLog>,
    /// How many bytes are still to be skipped.
    skip: u64,
    cursor: LogCursor,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        let Some(mut open) = self.take_open().await? else { return Ok(None) };
        while let Some(mut bytes) = open.next().await? {
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
            self.skip -= skipped as u64;
            let bytes = bytes.split_off(skipped);
            if !bytes.is_empty() {
                self.open = Some(open);
                return Ok(Some(bytes));
            }
        }
        self.check_end(open.is_lost).await
    }

    /// The log, once there is one; nothing where there is none by now.
    async fn take_open(&mut self) -> Result<Option<OpenLog>, EngineError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let pod = match self.follow {
            Follow::ToEnd => started(&self.pods, &self.id).await?,
            Follow::UpToNow => self.pods.look(&self.id).await?,
        };
        let has_log = matches!(
            state_of(&pod),
            PodState::Running { .. } | PodState::NodeAway { .. } | PodState::Ended(_)
        );
        if !has_log {
            return Ok(None);
        }
        let follow = self.follow == Follow::ToEnd;
        Ok(Some(OpenLog::open(&self.pods, &pod, follow).await.map_err(gone_or)?))
    }

    /// At the end of the log: that of the container, or what was kept of a log that is lost.
    async fn check_end(&mut self, is_lost: bool) -> Result<Option<Bytes>, EngineError> {
        if let Some(kept) = self.pods.kept_log(&self.id).filter(|_| is_lost) {
            let kept = kept.excerpt(self.cursor.bytes() + self.skip);
            self.skip = 0;
            self.follow = Follow::UpToNow;
            return Ok((!kept.is_empty()).then(|| kept.into()));
        }
        if self.follow == Follow::UpToNow {
            return Ok(None);
        }
        // The node reports the end of the container after the log has ended.
        match timeout(LONGEST_REPORT, ended(&self.pods, &self.id)).await {
            Ok(Ok(()) | Err(EngineError::Gone)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                Err(EngineError::Unreachable("the log ended before the container".to_owned()))
            }
        }
    }
}

/// Waits until a pod has ended.
async fn ended(pods: &Arc<Pods>, id: &ContainerId) -> Result<(), EngineError> {
    let mut watch = PodWatch::new(Arc::clone(pods), id.clone());
    loop {
        if let PodState::Ended(_) | PodState::CannotStart(_) = state_of(&watch.next().await?) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors() -> LogErrors {
        let status = json!({"containerID": "docker://abc123", "state": {}});
        let pod = json!({"status": {"containerStatuses": [status]}});
        LogErrors::of(&serde_json::from_value(pod).unwrap())
    }

    fn read(pieces: &[&str]) -> (String, bool) {
        let (mut errors, mut output) = (errors(), Vec::new());
        for piece in pieces {
            output.extend_from_slice(&errors.output(piece.as_bytes()));
        }
        let (rest, is_lost) = errors.end();
        output.extend_from_slice(&rest);
        (String::from_utf8(output).unwrap(), is_lost)
    }

    #[test]
    fn the_words_of_a_node_at_the_end_of_a_log_are_no_output() {
        let error = "rpc error: code = Unknown desc = Error: No such container: abc123";
        for cut in [0, 5, 20] {
            let (first, last) = error.split_at(cut);
            assert_eq!(read(&["up\n", first, last]), ("up\n".to_owned(), true), "{cut}");
        }
        let lost = "unable to retrieve container logs for docker://abc123";
        assert_eq!(read(&[lost]), (String::new(), true));
    }

    #[test]
    fn what_a_program_writes_like_that_is_output() {
        for text in ["rpc error: code = 5, abc", "run", "rpc ", "unable to retrieve"] {
            assert_eq!(read(&[text]), (text.to_owned(), false));
        }
        let long = format!("rpc error: code = {} abc123 and more", "x".repeat(2000));
        assert_eq!(read(&[&long, "\n"]), (format!("{long}\n"), false));
    }
}
