//! Makes the body of a message: docket's JSON, or text for Slack.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::{
    Zone,
    allocation::{NotifyEvent, ReceiverKind},
    notification_decision::Failing,
};
use serde::Serialize;
use serde_json::json;

use super::{
    limits::Waiting,
    output_excerpt::last_lines,
    texts::{InZone, line, text},
};
use crate::{runner::StoreAccess, store::OutboxMessage};

/// The key of the text in JSON for Slack.
pub(super) const SLACK_TEXT: &str = "text";

/// How many characters a text for Slack has at most.
const LONGEST_SLACK_TEXT: usize = 40_000;

/// How many bytes the messages for a webhook have together: many receivers refuse more than 1 MB.
const LARGEST_WEBHOOK_BODY: usize = 900_000;

/// How many characters are left for what is around several messages.
const AROUND: usize = 200;

/// Makes bodies of messages.
#[derive(Debug, Clone)]
pub(super) struct Composer {
    pub(super) store: Arc<StoreAccess>,
    /// The zone of allocations without a `TimeZone`.
    pub(super) zone: Zone,
    /// The address of the server for people.
    pub(super) public_url: Option<String>,
    /// Where the files of `EnvFiles` are.
    pub(super) env_dir: Option<PathBuf>,
}

/// A message as a webhook gets it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    id: &'a str,
    event: NotifyEvent,
    allocation: &'a str,
    /// The name of the run.
    run: String,
    /// With the offset of the allocation's zone.
    instant: String,
    time_zone: &'a str,
    at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_instant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Failing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output: Vec<String>,
}

impl Composer {
    /// The body of one message.
    pub(super) async fn one(&self, kind: ReceiverKind, (id, message): &Waiting) -> Vec<u8> {
        let output = self.output(message).await;
        let body = self.body(id, message, output);
        match kind {
            ReceiverKind::Webhook => bytes(&body),
            ReceiverKind::Slack => {
                let mut text = escaped(&body.text);
                if !body.output.is_empty() {
                    let output = escaped(&body.output.join("\n"));
                    text = format!("{text}\nThe end of its output:\n```\n{output}\n```");
                }
                slack(&text)
            }
        }
    }

    /// The body of several messages in one.
    pub(super) fn together(&self, kind: ReceiverKind, id: &str, messages: &[Waiting]) -> Vec<u8> {
        let count = messages.len();
        let lines = messages.iter().map(|(_, message)| line(message, self.zone_of(message)));
        let text = format!("{count} notifications:\n{}", lines.collect::<Vec<_>>().join("\n"));
        match kind {
            ReceiverKind::Webhook => {
                let messages =
                    messages.iter().map(|(id, message)| self.body(id, message, Vec::new()));
                let messages: Vec<_> = messages.collect();
                bytes(&json!({"Id": id, "Event": "digest", "Text": text, "Messages": messages}))
            }
            ReceiverKind::Slack => slack(&escaped(&text)),
        }
    }

    /// How many of these messages fit in one.
    pub(super) fn fitting(&self, kind: ReceiverKind, messages: &[Waiting]) -> usize {
        let mut room = match kind {
            ReceiverKind::Webhook => LARGEST_WEBHOOK_BODY,
            ReceiverKind::Slack => LONGEST_SLACK_TEXT - AROUND,
        };
        let fits = |(id, message): &&Waiting| {
            let line = line(message, self.zone_of(message));
            let length = match kind {
                ReceiverKind::Webhook => {
                    bytes(&self.body(id, message, Vec::new())).len() + bytes(&line).len() + 1
                }
                ReceiverKind::Slack => escaped(&line).chars().count() + 1,
            };
            let does_fit = length <= room;
            room = room.saturating_sub(length);
            does_fit
        };
        messages.iter().take_while(fits).count()
    }

    fn zone_of(&self, message: &OutboxMessage) -> InZone {
        let own = message.time_zone.as_ref().and_then(|zone| zone.parse().ok());
        InZone(own.unwrap_or(self.zone))
    }

    async fn output(&self, message: &OutboxMessage) -> Vec<String> {
        if message.output == 0 {
            return Vec::new();
        }
        let (name, lines) = (message.allocation.as_str(), usize::from(message.output));
        let env_dir = self.env_dir.as_deref();
        let read = last_lines(&self.store, env_dir, name, message.instant, lines).await;
        // Without the values of its env files the output could show secrets.
        read.unwrap_or_else(|reason| vec![format!("[the output is left out: {reason}]")])
    }

    fn body<'a>(&self, id: &'a str, message: &'a OutboxMessage, output: Vec<String>) -> Body<'a> {
        let zone = self.zone_of(message);
        let in_zone = |at: DateTime<Utc>| {
            at.with_timezone(&zone.0).to_rfc3339_opts(SecondsFormat::AutoSi, true)
        };
        let run = message.instant.to_string();
        let link = self.public_url.as_ref();
        let link = link.map(|origin| format!("{origin}/#/a/{}/{run}", message.allocation));
        Body {
            id,
            event: message.event,
            allocation: message.allocation.as_str(),
            instant: in_zone(message.instant.moment()),
            time_zone: zone.0.name(),
            at: message.at,
            last_instant: message.span.map(|(last, _)| in_zone(last.moment())),
            count: message.span.map(|(_, count)| count),
            reason: message.reason.as_ref().map(ToString::to_string),
            reason_code: message.reason.as_ref().map(docket_model::run::Reason::code),
            last_success: message.succeeded.map(|instant| in_zone(instant.moment())),
            failing: message.failing,
            text: text(message, zone, link.as_deref()),
            link,
            output,
            run,
        }
    }
}

/// A text as JSON for Slack, cut if it is too long.
fn slack(text: &str) -> Vec<u8> {
    let mut cut: String = text.chars().take(LONGEST_SLACK_TEXT).collect();
    if cut.len() < text.len() {
        let note = "\n[cut]";
        cut = cut.chars().take(LONGEST_SLACK_TEXT - note.len()).collect();
        cut.push_str(note);
    }
    bytes(&json!({SLACK_TEXT: cut}))
}

/// A text in which Slack finds no link, mention or markup of its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// JSON.
pub(super) fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    // Texts, numbers and times: JSON can always hold them.
    serde_json::to_vec(value).unwrap_or_default()
}
