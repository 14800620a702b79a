//! The log of a pod as the API server hands it out, stdout and stderr in one.
//!
//! 1. A node writes what went wrong into the log itself: [`LogErrors`] finds that at its end.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use docket_model::run::ContainerId;
use docket_server::engine::EngineError;
use futures_util::{StreamExt, stream::BoxStream};

use crate::{
    api::{CallError, Pod},
    log_file::LogStart,
    pod_state::{PodState, state_of},
    pod_watch::PodWatch,
    shared_engine_state::{Pods, name_and_uid, unread},
};

/// The beginnings of what a node writes into a log that it cannot read to its end.
const NODE_ERRORS: [&[u8]; 3] = [
    b"failed to try resolving symlinks in path ",
    b"rpc error: code = ",
    b"unable to retrieve container logs for ",
];
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

/// How the log begins that the node still has, to notice that it rotated the log.
pub(crate) async fn log_start(pods: &Pods, id: &ContainerId) -> Result<LogStart, EngineError> {
    let line = line(pods, id, &[("limitBytes", "64")]).await?;
    if line.is_empty() {
        return Ok(LogStart::Empty);
    }
    Ok(stamp_and_text(&line).map_or(LogStart::Unknown, |(stamp, _)| LogStart::At(stamp)))
}

/// The stamp and the text of the last line that the node has, of a long one the beginning; nothing where it has
/// none.
pub(crate) async fn last_line(
    pods: &Pods,
    id: &ContainerId,
) -> Result<Option<(String, Vec<u8>)>, EngineError> {
    let line = line(pods, id, &[("tailLines", "1"), ("limitBytes", "1024")]).await?;
    Ok(stamp_and_text(&line))
}

/// A line, with its stamp.
async fn line(
    pods: &Pods,
    id: &ContainerId,
    which: &[(&str, &str)],
) -> Result<Vec<u8>, EngineError> {
    let (name, _) = name_and_uid(id)?;
    let query = [&[("timestamps", "true")], which].concat();
    let mut chunks = pods.cluster.log(name, &query).await.map_err(unread)?.boxed();
    let mut line = Vec::new();
    while let Some(chunk) = chunks.next().await {
        line.extend_from_slice(&chunk?);
    }
    Ok(line)
}

/// The stamp of a line and its text; nothing of one without a stamp.
fn stamp_and_text(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let stamp = String::from_utf8_lossy(&line[..end]).into_owned();
    let text = line.get(end + 1..).unwrap_or_default().to_vec();
    DateTime::parse_from_rfc3339(&stamp).is_ok().then_some((stamp, text))
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
