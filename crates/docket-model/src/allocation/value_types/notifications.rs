//! The values of `Notify`: a list of mappings, each with one receiver.

use serde_json::{Value, json};

use super::{
    super::{
        json_schema,
        key_definition::Key,
        notifications::{Notification, NotificationDraft, NotifyEvent, Receiver, ReceiverKind},
        writer::{Written, written},
    },
    Form, Word as _, item, string,
};
use crate::{
    allocation::{
        notification_url::{InvalidNotificationUrl, NotificationUrl},
        notifications::InvalidTargetName,
    },
    finding::{Place, expected, listed, unknown_word},
    one_line::without_urls,
};

/// The keys of an entry.
type NotificationKeys = &'static [&'static dyn Key<NotificationDraft, Notification>];

/// The keys of which an entry has exactly one.
const RECEIVERS: [&str; 3] = ["To", "Webhook", "Slack"];

/// A list of at most so many entries of these keys; an empty one is a value, too.
pub(in crate::allocation) fn notifications(
    keys: NotificationKeys,
    most: usize,
) -> Form<Option<Vec<Notification>>> {
    let schema = json!({"type": "array", "items": json_schema::mapping(keys), "maxItems": most});
    let names: Vec<_> = keys.iter().map(|key| key.name()).collect();
    let words = format!("list of at most {most}, each a mapping of {}", listed(&names, " and "));
    let form = Form::new(
        schema,
        words,
        move |reader, at, value| {
            let Value::Array(items) = value else {
                let kind = "a list of mappings; `[]` is no notification";
                return reader.reject(at, without_urls(&expected(kind, &value)));
            };
            if items.len() > most {
                let message = format!("{} entries are more than the limit of {most}", items.len());
                return reader.reject(at, message);
            }
            let mut read = Vec::with_capacity(items.len());
            for (index, posted) in items.into_iter().enumerate() {
                let at = Place::Index(&at, index);
                let Value::Object(posted) = posted else {
                    reader.errors.push(at.wrong(without_urls(&expected("a mapping", &posted))));
                    continue;
                };
                let mut fields = reader.fields_within(at, posted, &names);
                if RECEIVERS.iter().filter(|key| fields.has(key)).count() != 1 {
                    let message = format!("give exactly one of {}", listed(&RECEIVERS, " and "));
                    reader.errors.push(at.wrong(message));
                    continue;
                }
                let mut draft = NotificationDraft::default();
                reader.keys(at, &mut fields, keys, &mut draft);
                read.extend(draft.finish());
            }
            Some(Some(read))
        },
        move |entries: &Option<Vec<Notification>>| {
            let entries = entries.as_ref()?;
            Some(Written::Mappings(entries.iter().map(|entry| written(keys, entry)).collect()))
        },
    );
    Form { keys: keys.iter().flat_map(|key| key.describe()).collect(), ..form }
}

/// The name of a target.
pub(in crate::allocation) fn target() -> Form<Receiver> {
    let read = |value: &Value| {
        let name = string(value)?.parse();
        let wrong = |error: InvalidTargetName| without_urls(&error.to_string());
        name.map(Receiver::Target).map_err(wrong)
    };
    let schema = json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"});
    Form::of_value(schema, "name of a target", read, |receiver| match receiver {
        Receiver::Target(name) => Some(Written::Text(name.as_str().into())),
        Receiver::Url(..) => None,
    })
}

/// A URL to which messages are posted in this way.
pub(in crate::allocation) fn receiver_url(kind: ReceiverKind) -> Form<Receiver> {
    let read = move |value: &Value| {
        // The text may be a secret, so no message quotes it.
        let Value::String(text) = value else {
            return Err("expected a URL: write https://HOST/PATH".to_owned());
        };
        let url: Result<NotificationUrl, _> = text.parse();
        url.map(|url| Receiver::Url(kind, url))
            .map_err(|error: InvalidNotificationUrl| format!("the value {error}"))
    };
    let schema = json!({"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+"});
    Form::of_value(schema, "URL", read, move |receiver| match receiver {
        Receiver::Url(of, url) if *of == kind => Some(Written::Text(url.secret().into())),
        _ => None,
    })
}

/// Events, or one of them.
pub(in crate::allocation) fn events() -> Form<Vec<NotifyEvent>> {
    let all = NotifyEvent::ALL.map(NotifyEvent::as_str);
    let word = json!({"type": "string", "enum": all});
    let schema = json!({"anyOf": [word, {"type": "array", "items": word, "minItems": 1}]});
    Form::new(
        schema,
        format!("list of {}", listed(&all, ", ")),
        move |reader, at, value| {
            if !matches!(&value, Value::String(_)) && value.as_array().is_none_or(Vec::is_empty) {
                let kind = format!("one or several of {}", listed(&all, " and "));
                return reader.reject(at, expected(&kind, &value));
            }
            let read = |value: &Value| {
                let text = item(value, "an event")?;
                let event =
                    NotifyEvent::ALL.into_iter().find(|it| it.word().eq_ignore_ascii_case(text));
                event.ok_or_else(|| unknown_word(text, &all))
            };
            let mut events = reader.list(at, &value, all.len(), read);
            events.sort_unstable();
            events.dedup();
            Some(events)
        },
        |events| Some(Written::Words(events.iter().map(|event| event.as_str()).collect())),
    )
}
