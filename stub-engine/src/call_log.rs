//! The stub's record of what it was asked, and when.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::{Call, Fault};

/// The moment it is, by the wall clock of this machine.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "it measures from outside, by the clock that the server under test goes by"
)]
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Reads an instant as docket writes it in names and labels, such as `20261121T090000Z`.
#[must_use]
pub fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok().map(|wall| wall.and_utc())
}

/// One request that the stub received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What was asked.
    pub call: Call,
    /// When the whole request had arrived.
    pub at: DateTime<Utc>,
    /// What the call is about: an image, a network or a volume as it was asked for, a container's
    /// name (its id, where there is no such container), or nothing.
    pub subject: Arc<str>,
    /// The id of the container that it is about, if that was there.
    pub container: Option<Arc<str>>,
    /// The instant in the container's label `io.docket.instant`, where it is about one.
    pub instant: Option<DateTime<Utc>>,
    /// The query of the request, as it was sent.
    pub query: Arc<str>,
    /// What went wrong, where anything did.
    pub fault: Option<Fault>,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, at, subject, fault, .. } = self;
        write!(f, "{} {call:?}", clock(*at))?;
        if !subject.is_empty() {
            write!(f, " {subject}")?;
        }
        match fault {
            Some(fault) => write!(f, ": {fault}"),
            None => Ok(()),
        }
    }
}

fn clock(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%H:%M:%S%.6f")
}

/// Everything the stub was asked, in order, and what was done to it from outside.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    stamps: Vec<Stamp>,
    counts: HashMap<Call, usize>,
    acts: Vec<(DateTime<Utc>, String)>,
}

impl Journal {
    pub(crate) fn note(&self, stamp: Stamp) {
        let mut entries = self.entries();
        // Counted here, because tests and benches poll the counts: passing over all stamps each
        // time would take the lock for long.
        *entries.counts.entry(stamp.call).or_default() += 1;
        entries.stamps.push(stamp);
    }

    /// Notes what was done to the stub itself.
    pub(crate) fn note_act(&self, act: impl Into<String>) {
        self.entries().acts.push((now(), act.into()));
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        self.entries().counts.get(&call).copied().unwrap_or_default()
    }

    pub(crate) fn stamps(&self) -> Vec<Stamp> {
        self.entries().stamps.clone()
    }

    pub(crate) fn take(&self) -> Vec<Stamp> {
        // The counts begin again with it, as `Stub::count` says.
        std::mem::take(&mut *self.entries()).stamps
    }

    /// A line for each entry, in the order of time.
    pub(crate) fn story(&self) -> String {
        let entries = self.entries();
        let stamps = entries.stamps.iter().map(|stamp| (stamp.at, stamp.to_string()));
        let acts = entries.acts.iter().map(|(at, act)| (*at, format!("{} {act}", clock(*at))));
        let mut lines: Vec<_> = stamps.chain(acts).collect();
        // Stable, so entries of one moment stay in their order.
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line + "\n").collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // A test that panicked while it read must not hide the log that explains its failure.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_as_docket_writes_it() {
        let instant = read_instant("20261121T090000Z").unwrap();

        assert_eq!(instant.to_rfc3339(), "2026-11-21T09:00:00+00:00");
        assert_eq!(read_instant("2026-11-21"), None);
    }

    #[test]
    fn a_stamp_tells_what_was_asked_and_what_went_wrong() {
        let at = read_instant("20261121T090000Z").unwrap();
        let fault = Some(Fault::DropAfter);
        let stamp = Stamp {
            call: Call::Start,
            at,
            subject: "a".into(),
            container: None,
            instant: None,
            query: "".into(),
            fault,
        };

        let text = stamp.to_string();

        assert_eq!(text, "09:00:00.000000 Start a: took effect, connection closed");
    }
}
