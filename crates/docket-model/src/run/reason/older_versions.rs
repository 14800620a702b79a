//! Reads the words that older versions stored as reasons. What is read has the same words again, but
//! for those of [`CHANGED`]; all else stays as it is, as [`Reason::Text`].

use chrono::{DateTime, Utc};

use super::{Edit, Edited, Hold, ImageError, NoAnswer, Reason};
use crate::{
    journal::{Cause, Outage},
    run::Instant,
};

/// Reasons without values that older versions worded in another way.
// Their old words no longer fit the `Display` of any reason, so they need a list.
const CHANGED: [(&str, Reason); 3] = [
    ("removed from outside", Reason::ContainerRemoved),
    ("removed from outside before it was started", Reason::RemovedBeforeStart),
    (
        "its container is gone, removed from outside: whether and how it ran is not known",
        Reason::ContainerGone,
    ),
];

/// Reasons without values whose words are the same.
const FIXED: [Reason; 9] = [
    Reason::ServerStopped,
    Reason::AllocationDeleted,
    Reason::ContainerRemoved,
    Reason::RemovedBeforeStart,
    Reason::ContainerGone,
    Reason::OtherRun,
    Reason::LabelsRemoved,
    Reason::CopyOfStore,
    Reason::SuspendedBySpecification,
];

/// How docket names the causes of outages that are over.
const CAUSES: [Cause; 5] = [
    Cause::NotRunning,
    Cause::EngineAway,
    Cause::HostSuspended,
    Cause::ClockSetForward,
    Cause::StoreUnwritable,
];

/// Changes of when an allocation is due that have no values.
const EDITS: [Edit; 5] =
    [Edit::Schedule, Edit::TimeZone, Edit::Bounds, Edit::Suspended, Edit::ZoneData];

impl Reason {
    /// The reason that an older version stored in words.
    #[must_use]
    pub fn of_words(words: &str) -> Self {
        let changed = CHANGED.into_iter().find(|(old, _)| *old == words);
        let reason = changed.map(|(_, reason)| reason).or_else(|| same_words(words));
        reason.unwrap_or_else(|| Self::text(words))
    }
}

/// The reason that has exactly these words.
fn same_words(words: &str) -> Option<Reason> {
    // In this order: specific words before those of which a part may be any text.
    let readers = [fixed, queue_taken, skipped, container, image, engine, lost, missed, cancelled];
    let is_it = |reason: &Reason| {
        // Read back and compared, so that a message which only looks like a reason keeps its words.
        reason.to_string() == words || matches!(reason, Reason::QueueTaken { .. })
    };
    readers.iter().find_map(|read| read(words).filter(is_it))
}

fn fixed(words: &str) -> Option<Reason> {
    FIXED.into_iter().find(|reason| reason.fixed_words() == words)
}

/// What stands between a beginning and an end.
fn between<'a>(words: &'a str, beginning: &str, end: &str) -> Option<&'a str> {
    words.strip_prefix(beginning)?.strip_suffix(end)
}

/// Older versions do not say `the run` of the second one.
fn queue_taken(words: &str) -> Option<Reason> {
    let both = between(words, "the run ", " to end (`Overlap: Queue`)")?;
    let (waiting, older) = both.split_once(" is already waiting for ")?;
    let older = older.strip_prefix("the run ").unwrap_or(older);
    Some(Reason::QueueTaken { waiting: waiting.parse().ok()?, older: older.parse().ok()? })
}

fn skipped(words: &str) -> Option<Reason> {
    let run = |name: &str| name.parse::<Instant>().ok();
    let under_way = between(words, "the run ", " is still under way (`Overlap: Forbid`)");
    if let Some(older) = under_way {
        return Some(Reason::Overlap { older: run(older)? });
    }
    let unconfirmed = between(
        words,
        "the engine has not reported whether the run ",
        " has ended (`Overlap: Forbid`)",
    );
    if let Some(older) = unconfirmed {
        return Some(Reason::OverlapUnconfirmed { older: run(older)? });
    }
    let (running, waiting) = words.split_once(" (`--max-running`) and ")?;
    let number = |text: &str| text.split(' ').next()?.parse().ok();
    Some(Reason::QueueFull { max_running: number(running)?, queue: number(waiting)? })
}

/// How a container ended: the words end with its exit code.
fn container(words: &str) -> Option<Reason> {
    // The last one, since the engine's message before it may contain the same words.
    let (cause, code) = words.rsplit_once("exit code ")?;
    let exit_code = code.parse().ok()?;
    if cause.is_empty() {
        return Some(Reason::ExitCode { exit_code });
    }
    let exit_code = Some(exit_code);
    let cause = cause.strip_suffix(", ")?;
    let limit = between(cause, "ran longer than ", " (`Timeout`)");
    Some(match (cause, limit.and_then(|limit| limit.parse().ok())) {
        (_, Some(limit)) => Reason::Timeout { limit, exit_code },
        ("out of memory", _) => Reason::OutOfMemory { exit_code },
        ("killed", _) => Reason::Killed { exit_code },
        ("the engine or its host went down", _) => Reason::EngineWentDown { exit_code },
        (message, _) => Reason::ContainerError { message: message.into(), exit_code },
    })
}

fn image(words: &str) -> Option<Reason> {
    let error = |(image, message): (&str, &str)| {
        Box::new(ImageError { image: image.into(), message: message.into() })
    };
    if let Some(both) = words.strip_prefix("cannot pull image ") {
        return Some(Reason::PullFailed(error(both.split_once(": ")?)));
    }
    let image = words.strip_prefix("image ")?;
    if let Some(both) = image.split_once(" on the engine is for another platform: ") {
        return Some(Reason::WrongPlatform(error(both)));
    }
    let forbidden = " is not on the engine, and `Pull: Never` forbids pulling it";
    if let Some(image) = image.strip_suffix(forbidden) {
        return Some(Reason::PullForbidden { image: image.into() });
    }
    image.strip_suffix(" not found").map(|image| Reason::ImageNotFound { image: image.into() })
}

fn engine(words: &str) -> Option<Reason> {
    if let Some(message) = words.strip_prefix("it cannot be ended: ") {
        return Some(Reason::CannotBeKilled { message: message.into() });
    }
    if let Some(message) = words.strip_prefix("the engine cannot be reached: ") {
        return Some(Reason::EngineUnreachable { message: message.into() });
    }
    if let Some(holder) = words.strip_prefix("the name is held by ") {
        return Some(Reason::NameHeld { holder: holder.into() });
    }
    if words.starts_with("the env file") || words.starts_with("the server has no folder of env") {
        return Some(Reason::EnvFiles { message: words.into() });
    }
    let (call, rest) = words.split_once(" got no answer ")?;
    let (tries, message) = rest.split_once(" times in a row, though the engine is there: ")?;
    let (call, message) = (call.into(), message.into());
    Some(Reason::NoAnswer(Box::new(NoAnswer { call, tries: tries.parse().ok()?, message })))
}

fn lost(words: &str) -> Option<Reason> {
    if let Some(namespace) = between(words, "its container belongs to the namespace `", "`") {
        return Some(Reason::OtherNamespace { namespace: namespace.into() });
    }
    let end = ", and docket talks to another one now";
    if let Some(engine) = between(words, "its container is on the engine ", end) {
        return Some(Reason::OtherEngine { engine: engine.into() });
    }
    if let Some(engine) = between(
        words,
        "its engine `",
        "` is not configured any more: if its container is there, its end is recorded once the engine \
         is configured again",
    ) {
        return Some(Reason::EngineNotConfigured { engine: engine.into() });
    }
    let copied = "not known: the store was restored from a copy of ";
    if let Some(at) = words.strip_prefix(copied) {
        return Some(Reason::StoreRestored { copied_at: moment(at)? });
    }
    let beginning = "not known: the store was served in the namespace `";
    let from = between(words, beginning, "` before")?;
    Some(Reason::NamespaceChanged { from: from.into() })
}

fn missed(words: &str) -> Option<Reason> {
    if words == "docket came too late to it: its deadline had passed" {
        return Some(Reason::DeadlinePassed { outage: None });
    }
    let claimed = "claimed in time, and not started before its deadline";
    if let Some(rest) = words.strip_prefix(claimed) {
        let outage = rest.strip_prefix(": ").and_then(outage).map(Box::new);
        return Some(Reason::NotStartedInTime { outage });
    }
    if let Some(hold) = words.strip_prefix("docket was paused by ") {
        return Some(Reason::Paused(Box::new(held(hold))));
    }
    if let Some(hold) = words.strip_prefix("suspended by ") {
        return Some(Reason::Suspended(Box::new(held(hold))));
    }
    if let Some(outage) = outage(words) {
        return Some(Reason::DeadlinePassed { outage: Some(Box::new(outage)) });
    }
    if let Some(both) = words.strip_suffix(" before it could start") {
        let (before, what) = both.split_once(", and ")?;
        let edited = Edited { what: edit(what)?, outage: Some(outage(before)?) };
        return Some(Reason::Edited(Box::new(edited)));
    }
    let what = edit(words.strip_suffix(" before it started")?)?;
    Some(Reason::Edited(Box::new(Edited { what, outage: None })))
}

/// Who suspended, and why: `ann: too loud, before it started`.
fn held(words: &str) -> Hold {
    // Before the split at the colon, because the ending follows the user's own text.
    let (words, is_late) = match words.strip_suffix(", before it started") {
        Some(words) => (words, true),
        None => (words, false),
    };
    let (by, why) = match words.split_once(": ") {
        Some((by, why)) => (by, Some(why.into())),
        None => (words, None),
    };
    Hold { by: by.into(), why, since: None, is_late }
}

fn edit(clause: &str) -> Option<Edit> {
    if let Some(edit) = EDITS.into_iter().find(|edit| edit.fixed_clause() == clause) {
        return Some(edit);
    }
    let zones = clause.strip_prefix("the time zone of the server was changed from ")?;
    let (from, to) = zones.split_once(" to ")?;
    Some(Edit::ServerZone(Box::new(super::ServerZone { from: from.into(), to: to.into() })))
}

fn outage(words: &str) -> Option<Outage> {
    if let Some(from) = words.strip_prefix("the engine has not answered since ") {
        return Some(Outage::of(Cause::EngineAway, moment(from)?, None));
    }
    let (cause, rest) =
        CAUSES.iter().find_map(|cause| Some((*cause, words.strip_prefix(cause.clause())?)))?;
    if let Some(from) = rest.strip_prefix(" since ") {
        return Some(Outage::of(cause, moment(from)?, None));
    }
    let (from, to) = rest.strip_prefix(" from ")?.split_once(" to ")?;
    Some(Outage::of(cause, moment(from)?, Some(moment(to)?)))
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

fn cancelled(words: &str) -> Option<Reason> {
    if let Some(by) = words.strip_prefix("cancelled by ") {
        return Some(Reason::CancelledBy { by: by.into() });
    }
    let newer = between(words, "replaced by the run ", " (`Overlap: Replace`)")?;
    Some(Reason::Replaced { newer: newer.parse().ok()? })
}
