//! Finds the URL of a receiver, which the outbox does not have.

use chrono::{DateTime, Utc};
use docket_model::allocation::{NotificationUrl, Receiver, ReceiverKind, TargetName};
use serde_json::json;

use super::{
    compose::{SLACK_TEXT, bytes},
    post::PostRequest,
};
use crate::{
    config::{NotifySettings, SigningKey, Target},
    random_ids::new_id,
    store::{OutboxMessage, ReceiverId, Store},
};

/// Where messages of a receiver go.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) kind: ReceiverKind,
    pub(super) url: NotificationUrl,
    pub(super) key: Option<SigningKey>,
}

impl From<&Target> for Endpoint {
    fn from(Target { kind, url, key }: &Target) -> Self {
        Self { kind: *kind, url: url.clone(), key: key.clone() }
    }
}

/// The receiver in words.
pub(super) fn in_words(receiver: &ReceiverId, first: &OutboxMessage) -> String {
    match receiver {
        ReceiverId::Target(name) => format!("the target `{name}`"),
        ReceiverId::Url { kind, .. } => format!("a {kind} URL of `{}`", first.allocation),
    }
}

/// The URL of a receiver, as the server's file or one of these allocations names it now.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn endpoint<'m>(
    settings: &NotifySettings,
    store: &Store,
    receiver: &ReceiverId,
    messages: impl Iterator<Item = &'m OutboxMessage>,
) -> Result<Endpoint, String> {
    match receiver {
        ReceiverId::Target(name) => {
            let target = settings.targets.get(name).map(Endpoint::from);
            target.ok_or_else(|| "the server's file has no such target any more".to_owned())
        }
        ReceiverId::Url { .. } => {
            let mut found = messages.filter_map(|message| url(store, receiver, message));
            let found = found.next().ok_or("its allocation does not name the URL any more")?;
            if settings.allows(&found.url) {
                Ok(found)
            } else {
                Err(format!("`{}` is not one of `AllowedHosts` any more", found.url.host()))
            }
        }
    }
}

/// The URL that the allocation of a message names now.
fn url(store: &Store, receiver: &ReceiverId, message: &OutboxMessage) -> Option<Endpoint> {
    let status = store.status(message.allocation.as_str())?;
    let entries = status.allocation.specification.policies.notify.as_deref()?;
    let entry = entries.iter().find(|entry| ReceiverId::from(&entry.receiver) == *receiver)?;
    match &entry.receiver {
        Receiver::Url(kind, url) => Some(Endpoint { kind: *kind, url: url.clone(), key: None }),
        Receiver::Target(_) => None,
    }
}

/// A message that shows that a target can be reached.
pub(crate) fn test_request(name: &TargetName, target: &Target, at: DateTime<Utc>) -> PostRequest {
    let id = format!("test-{}", new_id().simple());
    let text = format!("This is a test of the target `{name}`: docket can reach it.");
    let body = match target.kind {
        ReceiverKind::Webhook => json!({"Id": id, "Event": "test", "At": at, "Text": text}),
        ReceiverKind::Slack => json!({SLACK_TEXT: text}),
    };
    PostRequest { url: target.url.clone(), id, at, body: bytes(&body), key: target.key.clone() }
}
