//! The journal: what happened to the server and to allocations, runs aside. Reasons refer to it.

mod suspension_and_pause;

use std::{borrow::Cow, fmt, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::suspension_and_pause::{OfAll, Suspension};
use crate::{allocation::Placement, name::AllocationName, server_life::Life};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Entry {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The allocation; absent for the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<AllocationName>,
    /// What happened.
    pub event: Event,
    /// Who did it, or from where; absent if docket itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What happened to the server or to an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Event {
    /// The server started.
    #[serde(rename_all = "PascalCase")]
    Started {
        /// Its version.
        version: String,
    },
    /// The server was stopped.
    Stopped,
    /// The time zone of allocations without a `TimeZone` changed.
    #[serde(rename_all = "PascalCase")]
    ServerZoneChanged {
        /// The name of the zone before.
        from: String,
        /// The name of the zone now.
        to: String,
    },
    /// Newer zone data changed the rules of zones that allocations use.
    #[serde(rename_all = "PascalCase")]
    ZoneDataChanged {
        /// The zones.
        zones: Vec<String>,
        /// The version before, and its origin.
        from: String,
        /// The version now.
        to: String,
    },
    /// The store was restored from a copy, or is an older file: what happened since is unknown.
    #[serde(rename_all = "PascalCase")]
    Restored {
        /// The time of the copy.
        copied_at: DateTime<Utc>,
    },
    /// The store was served in another namespace before.
    #[serde(rename_all = "PascalCase")]
    NamespaceChanged {
        /// That namespace.
        from: String,
    },
    /// Another server uses a copy of this store at the same time.
    #[serde(rename_all = "PascalCase")]
    TwinFound {
        /// The life of the other server, as the label `io.docket.life` of its containers has it.
        #[schema(value_type = String)]
        life: Life,
        /// The container that revealed it.
        container: String,
        /// True if this server started later; then it no longer starts anything.
        starts_nothing: bool,
    },
    /// The file of allocations has errors; the previous configuration stays in force.
    #[serde(rename_all = "PascalCase")]
    FileRejected {
        /// The file or the directory.
        file: String,
        /// Why, in one line.
        reason: String,
    },
    /// The file of allocations was reloaded.
    #[serde(rename_all = "PascalCase")]
    FileLoaded {
        /// The file or the directory.
        file: String,
        /// How many allocations it has.
        allocations: usize,
    },
    /// The whole server was paused: no scheduled runs start.
    ServerPaused(Suspension),
    /// The whole server was unpaused.
    ServerUnpaused,
    /// No run could start for a time.
    Paused(Pause),
    /// Notifications could not be delivered and were dropped.
    #[serde(rename_all = "PascalCase")]
    NotificationsDropped {
        /// Who should have got them.
        receiver: String,
        /// How many.
        count: u64,
        /// Why the last of them was dropped.
        reason: String,
    },
    /// The allocation was created.
    Created,
    /// The specification was changed.
    #[serde(rename_all = "PascalCase")]
    Updated {
        /// The keys whose values changed.
        keys: Vec<String>,
    },
    /// The allocation was deleted.
    Deleted,
    /// It was suspended manually.
    Suspended(Suspension),
    /// It was resumed manually.
    Resumed,
    /// Its latest instant, which was ahead of the clock, was reset manually.
    #[serde(rename_all = "PascalCase")]
    Reset {
        /// The latest instant before the reset.
        from: DateTime<Utc>,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { version } => write!(f, "docket {version} started"),
            Self::Stopped => f.write_str("docket was stopped"),
            Self::ServerZoneChanged { from, to } => {
                write!(f, "the time zone of the server was changed from {from} to {to}")
            }
            Self::ZoneDataChanged { zones, from, to } => {
                write!(f, "the time zone data was updated from {from} to {to}, which changes ")?;
                f.write_str(&zones.join(", "))
            }
            Self::Restored { copied_at } => {
                write!(f, "the store was restored from a copy of {}", shown(*copied_at))
            }
            Self::NamespaceChanged { from } => {
                write!(f, "the store was served in the namespace {from} before")
            }
            Self::TwinFound { starts_nothing, .. } => f.write_str(twin(*starts_nothing)),
            Self::FileRejected { file, reason } => {
                write!(f, "{file} was not loaded again, the allocations loaded before stay: ")?;
                f.write_str(reason)
            }
            Self::FileLoaded { file, allocations } => {
                let noun = if *allocations == 1 { "allocation" } else { "allocations" };
                write!(f, "{file} was loaded again: {allocations} {noun}")
            }
            Self::Paused(pause) => pause.fmt(f),
            Self::NotificationsDropped { receiver, count, reason } => {
                let noun = if *count == 1 { "notification" } else { "notifications" };
                write!(f, "{count} {noun} to {receiver} dropped: {reason}")
            }
            Self::Created => f.write_str("created"),
            Self::Updated { keys } => write!(f, "changed: {}", keys.join(", ")),
            Self::Deleted => f.write_str("deleted"),
            Self::Suspended(suspension) => write!(f, "{suspension}{}", suspension.end()),
            Self::ServerPaused(pause) => write!(f, "{}{}", pause.of_server(), pause.end()),
            Self::ServerUnpaused => f.write_str("docket was unpaused"),
            Self::Resumed => f.write_str("resumed"),
            Self::Reset { from } => write!(f, "reset: it was decided up to {}", shown(*from)),
        }
    }
}

/// The other server with a copy of the store, and which of the two starts nothing any more.
fn twin(this_starts_nothing: bool) -> &'static str {
    if this_starts_nothing {
        "another server uses a copy of this store; this one started later, so it starts nothing any more"
    } else {
        "another server uses a copy of this store; that one started later, so it should start nothing any \
         more"
    }
}

/// A past outage: a time during which no run could start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Pause {
    /// Why.
    pub cause: Cause,
    /// The engine that was away, where it has a name: only its runs could not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub engine: Option<Arc<str>>,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended.
    pub to: DateTime<Utc>,
}

impl Pause {
    /// An outage of everything.
    #[must_use]
    pub fn of(cause: Cause, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { cause, engine: None, from, to }
    }
}

/// The cause of an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Cause {
    /// The server was stopped, or crashed.
    NotRunning,
    /// The engine did not answer.
    EngineAway,
    /// The host was suspended.
    HostSuspended,
    /// The clock was set forward past the time in between.
    ClockSetForward,
    /// The store could not be written, such as on a disk that is full.
    StoreUnwritable,
}

impl Cause {
    /// The cause as a clause in the past tense.
    #[must_use]
    pub fn clause(self) -> &'static str {
        match self {
            Self::NotRunning => "docket was not running",
            Self::EngineAway => "the engine was away",
            Self::HostSuspended => "the host was suspended",
            Self::ClockSetForward => "the clock was set forward",
            Self::StoreUnwritable => "the store could not be written",
        }
    }

    /// The clause with the engine's name, where the cause is an engine that has one.
    #[must_use]
    pub fn clause_of(self, engine: Option<&str>) -> Cow<'static, str> {
        match (self, engine) {
            (Self::EngineAway, Some(engine)) => format!("the engine `{engine}` was away").into(),
            _ => self.clause().into(),
        }
    }
}

/// An outage, over or not: a time during which no run could start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outage {
    /// Why.
    pub cause: Cause,
    /// The engine that is or was away, where it has a name: only its runs could not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Arc<str>>,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ended; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<DateTime<Utc>>,
}

impl Outage {
    /// An outage of everything; without an end it lasts.
    #[must_use]
    pub fn of(cause: Cause, from: DateTime<Utc>, to: Option<DateTime<Utc>>) -> Self {
        Self { cause, engine: None, from, to }
    }

    /// True if it may have kept runs of this placement from starting, as far as the placement shows that.
    #[must_use]
    pub fn concerns(&self, placement: &Placement) -> bool {
        let is_wanted =
            |engine: &str| placement.engine.as_ref().is_none_or(|wanted| wanted.as_str() == engine);
        concerns_runs(self.engine.as_deref(), is_wanted)
    }

    /// Returns the outage that covers most of the time from `from` to `to`, if any overlaps it.
    pub fn main(
        outages: impl IntoIterator<Item = Self>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<Self> {
        // An outage that lasts covers the rest of the span.
        let end = |outage: &Self| outage.to.map_or(to, |end| end.min(to));
        let touches = |outage: &Self| outage.from <= to && outage.to.is_none_or(|end| end >= from);
        // Ends count as inside, so that an outage of no length at the instant itself is found too.
        let touching = outages.into_iter().filter(touches);
        touching.max_by_key(|outage| end(outage) - outage.from.max(from))
    }
}

/// True if an outage of this engine may have kept runs from starting that go to those engines for which
/// `may_run_on` holds. An outage without a name is one of everything.
pub fn concerns_runs(engine: Option<&str>, may_run_on: impl FnOnce(&str) -> bool) -> bool {
    engine.is_none_or(may_run_on)
}

impl From<Pause> for Outage {
    fn from(Pause { cause, engine, from, to }: Pause) -> Self {
        Self { cause, engine, from, to: Some(to) }
    }
}

/// Formats a time for people: RFC 3339 in UTC, to the second.
#[must_use]
pub fn shown(moment: DateTime<Utc>) -> String {
    // Instants are whole seconds, and fractions would only make sentences harder to read.
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_happened_is_reported_in_words() {
        let (from, to) = (at("2026-11-21T01:12:00Z"), at("2026-11-21T06:40:00Z"));
        let suspension = |reason: Option<&str>, until| Suspension {
            reason: reason.map(str::to_owned),
            until,
            ..Suspension::new("ann", from)
        };
        let events = [
            Event::Paused(Pause::of(Cause::NotRunning, from, to)),
            Event::Paused(Pause {
                engine: Some("web1".into()),
                ..Pause::of(Cause::EngineAway, from, to)
            }),
            Event::Updated { keys: vec!["Cron".to_owned(), "Container".to_owned()] },
            Event::Suspended(suspension(Some("the database moves"), Some(to))),
            Event::Suspended(suspension(None, None)),
            Event::Reset { from: to },
            Event::FileRejected {
                file: "docket.yml".to_owned(),
                reason: "`docket.yml` cannot be read".to_owned(),
            },
            Event::FileLoaded { file: "docket.yml".to_owned(), allocations: 1 },
        ];

        assert_eq!(
            events.map(|event| event.to_string()),
            [
                "docket was not running from 2026-11-21T01:12:00Z to 2026-11-21T06:40:00Z",
                "the engine `web1` was away from 2026-11-21T01:12:00Z to 2026-11-21T06:40:00Z",
                "changed: Cron, Container",
                "suspended by ann: the database moves, until 2026-11-21T06:40:00Z",
                "suspended by ann",
                "reset: it was decided up to 2026-11-21T06:40:00Z",
                "docket.yml was not loaded again, the allocations loaded before stay: `docket.yml` \
                 cannot be read",
                "docket.yml was loaded again: 1 allocation",
            ]
        );
    }
}
