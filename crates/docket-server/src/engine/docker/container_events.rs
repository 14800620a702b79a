//! What happened to a container, from the engine's events: those it remembers, then new ones.
//!
//! Whether a container ever ran cannot be seen once it is gone. Its events still say so.
//!
//! An engine writes a container's labels among the details of its events, and a label named `exitCode`
//! hides the exit code. It shows in the events that have no exit code of their own.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use docket_model::run::ContainerId;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde::Deserialize;
use serde_json::json;

use crate::engine::EngineError;
use crate::engine::docker_api::engine_client::Client;

/// What happened to a container, as the engine's events report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LifeEvent {
    /// The engine has begun its answer: what it remembers comes at once from here on.
    Begun,
    /// It was created.
    Created,
    /// It was started.
    Started {
        /// When, by the engine's clock.
        at: Option<DateTime<Utc>>,
    },
    /// Its main process ended.
    Exited {
        /// The exit code, where the event has it.
        code: Option<i64>,
        /// When, by the engine's clock.
        at: Option<DateTime<Utc>>,
    },
    /// It was removed.
    Removed,
}

/// The events of one container: first those that the engine remembers, then new ones as they come.
///
/// An engine remembers a bounded number of events of all its containers, and none over its own restart,
/// so that a start is missing proves nothing unless the creation is there.
pub(super) type LifeEvents = BoxStream<'static, Result<LifeEvent, EngineError>>;

/// The longest event that is read, in bytes: its labels are part of it.
const LONGEST_EVENT: usize = 1 << 20;

/// The oldest moment that an engine takes for one: it then reports all events that it remembers.
const FROM_THE_BEGINNING: &str = "1";

/// An event, as the engine writes it. What docket does not need is not read.
#[derive(Deserialize)]
struct Written {
    #[serde(default, rename = "Action")]
    action: String,
    #[serde(default, rename = "Actor")]
    actor: Actor,
    #[serde(rename = "timeNano")]
    time: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Actor {
    #[serde(default, rename = "Attributes")]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "exitCode")]
    exit_code: Option<String>,
}

/// The events of one container.
pub(super) fn of(client: &Client, id: &ContainerId) -> LifeEvents {
    let filters = json!({"container": [&*id.0]}).to_string();
    let query = [("since", FROM_THE_BEGINNING), ("filters", &filters)];
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    match client.get(format!("/events?{query}")) {
        Ok(pieces) => read(pieces.boxed()),
        Err(error) => stream::iter([Err(error)]).boxed(),
    }
}

/// Takes events out of the bytes as they come, one JSON object after another.
fn read(pieces: BoxStream<'static, Result<Bytes, EngineError>>) -> LifeEvents {
    let state = Some((pieces, Vec::new(), false));
    let batches = stream::unfold(state, |state| async {
        let (mut pieces, mut bytes, mut is_hidden) = state?;
        match pieces.next().await? {
            // The head of the answer.
            Ok(piece) if piece.is_empty() => {
                let begun = stream::iter(vec![Ok(LifeEvent::Begun)]);
                Some((begun, Some((pieces, bytes, is_hidden))))
            }
            Ok(piece) => {
                bytes.extend_from_slice(&piece);
                let (events, is_readable) = take_events(&mut bytes, &mut is_hidden);
                // Otherwise the stream ends, which counts as broken off: a later event would prove
                // nothing.
                let goes_on = is_readable && bytes.len() <= LONGEST_EVENT;
                let rest = goes_on.then_some((pieces, bytes, is_hidden));
                let events: Vec<_> = events.into_iter().map(Ok).collect();
                Some((stream::iter(events), rest))
            }
            Err(error) => Some((stream::iter(vec![Err(error)]), None)),
        }
    });
    batches.flatten().boxed()
}

/// Takes the complete events from the beginning of `bytes`; what is incomplete stays. False where
/// something else than events follows them. `is_hidden` becomes true where a label hides the exit code.
fn take_events(bytes: &mut Vec<u8>, is_hidden: &mut bool) -> (Vec<LifeEvent>, bool) {
    let mut written = serde_json::Deserializer::from_slice(bytes).into_iter::<Written>();
    let mut events = Vec::new();
    let mut end = 0;
    let is_readable = loop {
        match written.next() {
            Some(Ok(event)) => {
                end = written.byte_offset();
                events.extend(event.life_event(is_hidden));
            }
            // An event that is cut continues in the next piece.
            Some(Err(error)) => break error.is_eof(),
            None => break true,
        }
    };
    bytes.drain(..end);
    (events, is_readable)
}

impl Written {
    fn life_event(self, is_hidden: &mut bool) -> Option<LifeEvent> {
        let at = self.time.map(DateTime::<Utc>::from_timestamp_nanos);
        let exit_code = self.actor.attributes.exit_code;
        *is_hidden |= matches!(&*self.action, "create" | "start") && exit_code.is_some();
        match self.action.as_str() {
            "create" => Some(LifeEvent::Created),
            "start" => Some(LifeEvent::Started { at }),
            // Podman has words of its own for the end and the removal.
            "die" | "died" => {
                let code = exit_code.filter(|_| !*is_hidden).and_then(|code| code.parse().ok());
                Some(LifeEvent::Exited { code, at })
            }
            "destroy" | "remove" => Some(LifeEvent::Removed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub},
        *,
    };

    #[tokio::test]
    async fn the_events_of_a_container_are_read_however_they_are_cut() {
        let event = |action: &str, attributes: serde_json::Value| {
            json!({
                "Type": "container", "Action": action, "status": action,
                "Actor": {"ID": "c1", "Attributes": attributes}, "timeNano": 1_000_000_000,
            })
        };
        let lines = [
            event("create", json!({"image": "busybox"})),
            event("exec_create: sh -c \"}\"", json!({})),
            event("start", json!({})),
            event("die", json!({"exitCode": "3"})),
            event("destroy", json!({})),
        ];
        let text = lines.map(|line| line.to_string()).join("\n");
        let stub = Stub::start(move |_| Reply::Bytes(text.clone().into_bytes()));

        let events: Vec<_> = of(&stub.client(), &ContainerId("c1".into())).collect().await;

        let at = DateTime::from_timestamp(1, 0);
        let expected = [
            LifeEvent::Begun,
            LifeEvent::Created,
            LifeEvent::Started { at },
            LifeEvent::Exited { code: Some(3), at },
            LifeEvent::Removed,
        ];
        assert_eq!(events, expected.map(Ok));
        let asked = "GET /events?since=1&filters=%7B%22container%22%3A%5B%22c1%22%5D%7D";
        assert_eq!(stub.count(asked), 1);
    }

    #[test]
    fn an_event_that_is_not_complete_waits_for_its_rest() {
        let text = br#"{"Action":"start","timeNano":1}{"Action":"die""#;
        let mut bytes = text.to_vec();

        let (events, is_readable) = take_events(&mut bytes, &mut false);

        assert_eq!((events.len(), is_readable), (1, true));
        assert_eq!(bytes, br#"{"Action":"die""#);
        bytes.extend_from_slice(b"}");
        let (events, _) = take_events(&mut bytes, &mut false);
        assert_eq!(events, [LifeEvent::Exited { code: None, at: None }]);
        assert!(!take_events(&mut b"no such page".to_vec(), &mut false).1);
    }

    #[test]
    fn a_label_is_not_taken_for_the_exit_code_that_it_hides() {
        let event = |action| {
            format!(r#"{{"Action":"{action}","Actor":{{"Attributes":{{"exitCode":"0"}}}}}}"#)
        };
        let mut bytes = ["start", "die"].map(event).concat().into_bytes();

        let (events, _) = take_events(&mut bytes, &mut false);

        let (at, code) = (None, None);
        assert_eq!(events, [LifeEvent::Started { at }, LifeEvent::Exited { code, at }]);
    }
}
