//! What the journal has, as sentences.

use docket_model::{
    journal::{Entry, Event, Suspension},
    wire::Sentence,
};

use super::{
    Question,
    tale::{Tale, listed, stop},
};

/// An entry of the journal as a sentence.
pub(super) fn told(question: &Question<'_>, entry: &Entry) -> Sentence {
    let tale = question.tale();
    let by = entry.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let text = if let Event::Paused(pause) = &entry.event {
        let cause = pause.cause.clause();
        format!("{} to {}: {cause}.", tale.time(pause.from), tale.time(pause.to))
    } else {
        let when = tale.time(entry.at);
        format!("{when}: {}", stop(&what(&tale, &entry.event, &by)))
    };
    Sentence { at: Some(entry.at), text }
}

fn what(tale: &Tale, event: &Event, by: &str) -> String {
    match event {
        Event::Updated { keys } => format!("changed{by}: {}", named(keys)),
        Event::Suspended(suspension) => suspended(tale, "suspended", suspension),
        Event::ServerPaused(pause) => suspended(tale, "docket was paused", pause),
        Event::Reset { from } => {
            format!("reset{by}: it had been decided up to {}", tale.time(*from))
        }
        Event::Stopped if by.is_empty() => event.to_string(),
        Event::Started { .. }
        | Event::Paused(_)
        | Event::ServerZoneChanged { .. }
        | Event::ZoneDataChanged { .. }
        | Event::Restored { .. }
        | Event::NamespaceChanged { .. }
        | Event::TwinFound { .. }
        | Event::FileRejected { .. }
        | Event::FileLoaded { .. } => event.to_string(),
        Event::Created
        | Event::Deleted
        | Event::Resumed
        | Event::ServerUnpaused
        | Event::Stopped => format!("{event}{by}"),
    }
}

/// A suspension by hand, or a pause: by whom, until when and why.
fn suspended(tale: &Tale, what: &str, suspension: &Suspension) -> String {
    let Suspension { by, reason, until, .. } = suspension;
    let until = until.map(|until| format!(" until {}", tale.time(until))).unwrap_or_default();
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{what} by {by}{until}{reason}")
}

/// Keys as they are written in a specification.
pub(super) fn named(keys: &[String]) -> String {
    listed(&keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>())
}
