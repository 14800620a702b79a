//! One event of a container, and how the engine writes it. Which ones are kept is `event_log`'s part.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::container::Container;

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Start,
    Pause,
    Unpause,
    /// A signal was sent, whether or not it ended the program.
    Kill {
        signal: i64,
    },
    Die {
        exit_code: i64,
    },
    /// A request to stop is done.
    Stop,
    Destroy,
}

impl Action {
    /// The engine's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Kill { .. } => "kill",
            Self::Die { .. } => "die",
            Self::Stop => "stop",
            Self::Destroy => "destroy",
        }
    }

    /// What the engine says about it beside the name, the image and the labels.
    fn detail(self) -> Option<(&'static str, i64)> {
        match self {
            Self::Kill { signal } => Some(("signal", signal)),
            Self::Die { exit_code } => Some(("exitCode", exit_code)),
            _ => None,
        }
    }
}

/// Something that happened to a container, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) action: Action,
    pub(crate) at: DateTime<Utc>,
}

impl Event {
    /// What is said about the container: details of the event, its labels, its image and its name.
    ///
    /// As with the real engine, a label hides a detail of the same name.
    pub(crate) fn attributes(&self, container: &Container) -> BTreeMap<String, String> {
        let detail = self.action.detail().into_iter();
        let mut attributes: BTreeMap<_, _> =
            detail.map(|(key, value)| (key.to_owned(), value.to_string())).collect();
        attributes.extend(container.labels());
        // The image and the name are set after the labels, as the engine does.
        attributes.insert("image".to_owned(), container.image.to_string());
        attributes.insert("name".to_owned(), container.name.to_string());
        attributes
    }
}

/// An event as the Engine API writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    status: &'a str,
    id: &'a str,
    from: &'a str,
    #[serde(rename = "Type")]
    kind: &'a str,
    #[serde(rename = "Action")]
    action: &'a str,
    #[serde(rename = "Actor")]
    actor: Actor<'a>,
    scope: &'a str,
    time: i64,
    #[serde(rename = "timeNano")]
    nanos: i64,
}

#[derive(Debug, Serialize)]
struct Actor<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "Attributes")]
    attributes: &'a BTreeMap<String, String>,
}

impl<'a> Message<'a> {
    pub(crate) fn new(
        event: Event,
        container: &'a Container,
        attributes: &'a BTreeMap<String, String>,
    ) -> Self {
        let action = event.action.word();
        Self {
            status: action,
            id: &container.id,
            from: &container.image,
            kind: "container",
            action,
            actor: Actor { id: &container.id, attributes },
            scope: "local",
            time: event.at.timestamp(),
            nanos: event.at.timestamp_nanos_opt().unwrap_or_default(),
        }
    }

    /// Writes it as a line.
    pub(crate) fn push_line(&self, lines: &mut Vec<u8>) {
        // Texts and numbers are always JSON, and a buffer takes all.
        let _ = serde_json::to_writer(&mut *lines, self);
        lines.push(b'\n');
    }
}
