//! Entries of the journal as sentences.

use docket_model::{
    journal::{Entry, Event, Suspension},
    wire::Sentence,
};

use super::{
    Facts,
    phrasing::{ClockTimes, full_stop, listed},
};

pub(super) fn sentence(facts: &Facts<'_>, entry: &Entry) -> Sentence {
    let times = facts.times();
    let text = match &entry.event {
        Event::Paused(pause) => {
            format!(
                "{} to {}: {}.",
                times.time(pause.from),
                times.time(pause.to),
                pause.cause.clause()
            )
        }
        event => {
            let when = times.time(entry.at);
            format!("{when}: {}", full_stop(&describe(&times, event, &by(entry))))
        }
    };
    Sentence { at: Some(entry.at), text }
}

/// ` by ann`, or nothing.
pub(super) fn by(entry: &Entry) -> String {
    entry.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default()
}

fn describe(times: &ClockTimes, event: &Event, by: &str) -> String {
    match event {
        Event::Updated { keys } => format!("changed{by}: {}", quoted(keys)),
        Event::Suspended(suspension) => suspended(times, "suspended", suspension),
        Event::ServerPaused(pause) => suspended(times, "docket was paused", pause),
        Event::Reset { from } => {
            format!("reset{by}: it had been decided up to {}", times.time(*from))
        }
        // One by one, so that a new event has to decide whether its text names the author.
        Event::Started { .. }
        | Event::Paused(_)
        | Event::ServerZoneChanged { .. }
        | Event::ZoneDataChanged { .. }
        | Event::Restored { .. }
        | Event::NamespaceChanged { .. }
        | Event::TwinFound { .. }
        | Event::FileRejected { .. }
        | Event::FileLoaded { .. }
        | Event::NotificationsDropped { .. } => event.to_string(),
        Event::Created
        | Event::Deleted
        | Event::Resumed
        | Event::ServerUnpaused
        | Event::Stopped => format!("{event}{by}"),
    }
}

fn suspended(times: &ClockTimes, what: &str, suspension: &Suspension) -> String {
    let until = suspension.until.map(|until| format!(" until {}", times.time(until)));
    format!("{what} by {}{}{}", suspension.by, until.unwrap_or_default(), reason(suspension))
}

/// `: the database moves`, or nothing.
pub(super) fn reason(suspension: &Suspension) -> String {
    suspension.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// Keys of a specification.
pub(super) fn quoted(keys: &[String]) -> String {
    listed(&keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>())
}
