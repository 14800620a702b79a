//! The stream of events of a watch: one JSON object a line.

use bytes::{Bytes, BytesMut};
use docket_server::engine::EngineError;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Pod;

/// The longest line: an object has at most 1.5 MiB.
const LONGEST_LINE: usize = 4 << 20;

/// What happened to a pod.
#[derive(Debug)]
pub(crate) enum PodEvent {
    /// It is like this now.
    Changed(Box<Pod>),
    /// It is gone.
    Deleted,
    /// What happened since is not known, so the pod has to be read again.
    Expired,
}

/// The events of one pod, in order.
pub(crate) struct PodEvents {
    chunks: BoxStream<'static, Result<Bytes, EngineError>>,
    rest: BytesMut,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl PodEvents {
    pub(super) fn new(
        chunks: impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static,
    ) -> Self {
        Self { chunks: chunks.boxed(), rest: BytesMut::new() }
    }

    /// The next event; [`PodEvent::Expired`] at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<PodEvent, EngineError> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(end + 1);
                if let Some(event) = event(&line)? {
                    return Ok(event);
                }
                continue;
            }
            if self.rest.len() > LONGEST_LINE {
                return Err(EngineError::Unreachable("an event without an end".to_owned()));
            }
            match self.chunks.next().await {
                Some(chunk) => self.rest.extend_from_slice(&chunk?),
                None => return Ok(PodEvent::Expired),
            }
        }
    }
}

/// Reads an event; nothing for one that says nothing about the pod.
fn event(line: &[u8]) -> Result<Option<PodEvent>, EngineError> {
    let odd = |error: serde_json::Error| EngineError::Unreachable(format!("odd event: {error}"));
    let line: Line<'_> = serde_json::from_slice(line).map_err(odd)?;
    Ok(match line.kind {
        "ADDED" | "MODIFIED" => {
            Some(PodEvent::Changed(serde_json::from_str(line.object.get()).map_err(odd)?))
        }
        "DELETED" => Some(PodEvent::Deleted),
        "ERROR" => Some(PodEvent::Expired),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn events_are_read_however_they_are_cut() {
        let text = concat!(
            r#"{"type":"BOOKMARK","object":{}}"#,
            "\n",
            r#"{"type":"MODIFIED","object":{"metadata":{"uid":"u1"}}}"#,
            "\n",
            r#"{"type":"ERROR","object":{"code":410,"reason":"Expired"}}"#,
            "\n",
        );
        for size in [1, 7, 1000] {
            let chunks: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
                .collect();
            let mut events = PodEvents::new(stream::iter(chunks));

            let PodEvent::Changed(pod) = events.next().await.unwrap() else { panic!() };
            assert_eq!(pod.metadata.uid, "u1");
            assert!(matches!(events.next().await, Ok(PodEvent::Expired)));
            assert!(matches!(events.next().await, Ok(PodEvent::Expired)));
        }
    }
}
