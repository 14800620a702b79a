//! The outbox: notifications that are not delivered yet. A message is written in the commit of what it is
//! about, and removed in a commit after its delivery, so a crash loses none.
//!
//! 1. An item has no URL: a copy of the store sends nothing to a receiver that it does not name itself.
//! 2. There are at most [`MOST_MESSAGES`]. For a further one, the oldest of the receiver with
//!    the most is dropped, and counted.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use docket_model::{
    AllocationName,
    allocation::{NotificationUrl, NotifyEvent, Receiver, ReceiverKind, TargetName},
    notification_decision::Failing,
    run::{Instant, Reason},
};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// How many messages wait at most. All of them are in memory.
pub(super) const MOST_MESSAGES: usize = 10_000;

/// How many bytes of the hash of a URL identify it.
const FINGERPRINT: usize = 8;

/// Names a receiver without its URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReceiverId {
    /// A target of the server's file.
    Target(TargetName),
    /// A URL of an allocation, by a part of its SHA-256 in hex.
    #[serde(rename_all = "PascalCase")]
    Url {
        /// How messages are posted to it.
        kind: ReceiverKind,
        /// The part of its hash.
        fingerprint: String,
    },
}

impl From<&Receiver> for ReceiverId {
    fn from(receiver: &Receiver) -> Self {
        match receiver {
            Receiver::Target(name) => Self::Target(name.clone()),
            Receiver::Url(kind, url) => Self::Url { kind: *kind, fingerprint: fingerprint(url) },
        }
    }
}

/// A part of the hash of a URL, in hex.
fn fingerprint(url: &NotificationUrl) -> String {
    let hash = digest(&SHA256, url.secret().as_bytes());
    let bytes = hash.as_ref().iter().take(FINGERPRINT);
    let hex: Vec<_> = bytes.map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

/// A message for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutboxMessage {
    /// Who gets it.
    pub receiver: ReceiverId,
    /// The allocation.
    pub allocation: AllocationName,
    /// What happened.
    pub event: NotifyEvent,
    /// When the run ended, or its record was made.
    pub at: DateTime<Utc>,
    /// The instant of the run.
    pub instant: Instant,
    /// The last instant, and how many there are, if several were missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(Instant, u64)>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The `TimeZone` of the allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The greatest instant that had succeeded before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<Instant>,
    /// The failures in a row: up to this one, or up to the recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// How many of the last lines of the output it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(lines: &u16) -> bool {
    *lines == 0
}

/// Several messages that are sent as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Digest {
    /// Who gets it.
    pub receiver: ReceiverId,
    /// The ids of the messages.
    pub messages: Vec<String>,
}

/// An item of the outbox as it is stored, under its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Item {
    Message(Box<OutboxMessage>),
    Digest(Digest),
}

/// What waits, by id; ids sort by the time of the message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    pub(crate) messages: BTreeMap<String, Arc<OutboxMessage>>,
    pub(crate) digests: BTreeMap<String, Arc<Digest>>,
    /// How many messages were dropped since the server started.
    pub(crate) dropped: u64,
}

/// The size of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxFigures {
    /// How many messages wait.
    pub waiting: usize,
    /// When the oldest of them was made.
    pub oldest: Option<DateTime<Utc>>,
    /// How many were dropped since the server started.
    pub dropped: u64,
}

/// What a transaction changes of the outbox.
#[derive(Debug, Default)]
pub(super) struct StagedOutbox {
    pub(super) items: BTreeMap<String, Option<Item>>,
    /// How many messages are added.
    pub(super) added: usize,
    /// How many messages are dropped.
    pub(super) dropped: u64,
}

impl Outbox {
    /// Adds an item that was read, or removes one.
    pub(super) fn set(&mut self, id: &str, item: Option<Item>) {
        match item {
            Some(Item::Message(message)) => {
                self.messages.insert(id.to_owned(), message.into());
            }
            Some(Item::Digest(digest)) => {
                self.digests.insert(id.to_owned(), Arc::new(digest));
            }
            None => {
                self.messages.remove(id);
                self.digests.remove(id);
            }
        }
    }

    /// Accepts what was committed; true if something changed.
    pub(super) fn accept(&mut self, staged: StagedOutbox) -> bool {
        self.dropped += staged.dropped;
        let is_changed = staged.dropped > 0 || !staged.items.is_empty();
        for (id, item) in staged.items {
            self.set(&id, item);
        }
        is_changed
    }

    pub(super) fn figures(&self) -> OutboxFigures {
        OutboxFigures {
            waiting: self.messages.len(),
            oldest: self.messages.values().next().map(|message| message.at),
            dropped: self.dropped,
        }
    }
}
