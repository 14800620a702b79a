//! What an allocation, or the default of the server, says about notifications: who gets which of them.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{
    key_table::NOTIFICATIONS, notification_url::NotificationUrl, reader::Reader,
    value_types::notifications, word_enums::words,
};
use crate::{
    container::UnknownOptions,
    duration::Duration,
    finding::{FieldPath, Finding, Place, shortened},
};

/// How many entries `Notify` can have.
// Each end of a run goes through all of them.
pub const MOST_NOTIFICATIONS: usize = 20;

/// How many of the last lines of an output a message can have.
pub const MOST_OUTPUT_LINES: u16 = 1000;

/// The shortest `Repeat`, in seconds.
// An allocation gets one message of its own in 10 minutes.
pub(super) const SHORTEST_REPEAT: u64 = 600;

/// The length of the longest name of a target, in bytes.
const LONGEST_NAME: usize = 63;

/// Who gets a message about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Who gets it.
    pub receiver: Receiver,
    /// About what, in the order of [`NotifyEvent::ALL`], each once.
    pub on: Vec<NotifyEvent>,
    /// How often it is sent again while the condition lasts; never if absent.
    pub repeat: Option<Duration>,
    /// How many of the last lines of the output it has; at most [`MOST_OUTPUT_LINES`].
    pub output: u16,
}

/// An entry while it is read.
#[derive(Debug, Default)]
pub(super) struct NotificationDraft {
    pub(super) receiver: Option<Receiver>,
    pub(super) on: Vec<NotifyEvent>,
    pub(super) repeat: Option<Duration>,
    pub(super) output: u16,
}

impl NotificationDraft {
    /// The entry, if its receiver could be read.
    pub(super) fn finish(self) -> Option<Notification> {
        let Self { receiver, on, repeat, output } = self;
        Some(Notification { receiver: receiver?, on, repeat, output })
    }
}

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// A target of the server's file.
    Target(TargetName),
    /// A URL.
    Url(ReceiverKind, NotificationUrl),
}

words! {
    /// How a message is posted to a URL.
    #[derive(Hash, PartialOrd, Ord, Serialize, Deserialize)]
    ReceiverKind {
        /// As docket's own JSON.
        Webhook,
        /// As JSON for Slack and what is compatible with it.
        Slack,
    }
}

impl fmt::Display for ReceiverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A run failed, timed out or was lost.
    Failed,
    /// A run succeeded after one that failed.
    Recovered,
    /// An instant was missed.
    Missed,
    /// A policy or a limit did not let a run start.
    Skipped,
}

impl NotifyEvent {
    /// All events.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Recovered, Self::Missed, Self::Skipped];
    /// The events of an entry that names none.
    pub const DEFAULT: [Self; 3] = [Self::Failed, Self::Recovered, Self::Missed];

    /// The event as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }
}

impl super::value_types::Word for NotifyEvent {
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// Names a target of the server's file: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(Arc<str>);

/// A text that is not a valid name of a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a valid name of a target: use 1 to {LONGEST_NAME} letters, digits, `_`, `.` and `-`, \
     beginning with a letter or a digit"
)]
pub struct InvalidTargetName(String);

impl TargetName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TargetName {
    type Err = InvalidTargetName;

    fn from_str(text: &str) -> Result<Self, InvalidTargetName> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || text.len() > LONGEST_NAME || !text.chars().all(is_allowed) {
            return Err(InvalidTargetName(shortened(text)));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_for_serde!(TargetName, InvalidTargetName);

impl Notification {
    /// Reads the value of `Notify`, or of `Default` in the server's file; `at` is its place.
    ///
    /// # Errors
    /// All errors, each with the path of its field.
    pub fn read_list(value: Value, at: &FieldPath) -> Result<Vec<Self>, Vec<Finding>> {
        let mut reader = Reader::new(UnknownOptions::Refuse);
        let form = notifications(&*NOTIFICATIONS, MOST_NOTIFICATIONS);
        let read = (form.read)(&mut reader, Place::Start(at), value).flatten();
        match read {
            Some(read) if reader.errors.is_empty() => Ok(read),
            _ => Err(reader.errors),
        }
    }

    /// The same with the mask of its URL.
    #[must_use]
    pub fn masked(&self) -> Self {
        let receiver = match &self.receiver {
            Receiver::Url(kind, url) => Receiver::Url(*kind, url.masked()),
            target @ Receiver::Target(_) => target.clone(),
        };
        Self { receiver, ..self.clone() }
    }

    /// The URL, if it has one.
    #[must_use]
    pub fn url(&self) -> Option<&NotificationUrl> {
        match &self.receiver {
            Receiver::Url(_, url) => Some(url),
            Receiver::Target(_) => None,
        }
    }

    /// The key that names its receiver.
    #[must_use]
    pub fn receiver_key(&self) -> &'static str {
        match &self.receiver {
            Receiver::Target(_) => "To",
            Receiver::Url(kind, _) => kind.as_str(),
        }
    }
}
