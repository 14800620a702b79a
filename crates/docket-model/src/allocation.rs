//! Allocations: specifications as users push them, and what the server adds.

mod changed_keys;
mod host_count;
pub mod json_schema;
mod key_definition;
mod key_table;
mod mapping_fields;
mod masked_urls;
mod notification_url;
mod notifications;
mod placement;
mod pod_options;
mod policies;
mod policy_warnings;
mod reader;
mod stored;
#[cfg(test)]
mod tests;
mod value_types;
mod word_enums;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use self::key_table::{KEYS_OF_A_SCHEDULE, remedy};
pub use self::{
    host_count::{HostCount, MOST_PARTS},
    key_definition::KeyDocs,
    key_table::{KEYS, documentation},
    masked_urls::UnknownUrl,
    notification_url::{InvalidNotificationUrl, NotificationUrl},
    notifications::{
        InvalidTargetName, MOST_NOTIFICATIONS, MOST_OUTPUT_LINES, Notification, NotifyEvent,
        Receiver, ReceiverKind, TargetName,
    },
    placement::{Comparison, Constraint, InvalidConstraint, MOST_CONSTRAINTS, Placement},
    pod_options::{
        MOST_PULL_SECRETS, MOST_TOLERATIONS, TaintEffect, Toleration, TolerationOperator,
    },
    policies::{CatchUp, Keep, MOST_CAUGHT_UP, MOST_ENV_FILES, Overlap, Policies, Pull, Retries},
    stored::{InvalidStored, Stored},
};
use crate::{
    container::{Container, UnknownOptions},
    finding::{FieldPath, Finding},
    name::AllocationName,
    schedule::{Kind, Schedule, Upcoming, last_instant},
    zone::Zone,
};

/// The longest description, in bytes.
// Descriptions are in every list and stay in memory for each allocation; a few paragraphs fit.
pub const MAX_DESCRIPTION: usize = 4096;

/// How many allocations `After` can name.
// Each push goes through all of them, and so does each end of one of them.
pub const MOST_PARENTS: usize = 1000;

/// An allocation as the user wrote it, before the server adds what it knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Specification {
    /// The name.
    pub name: AllocationName,
    /// For people.
    pub description: Option<Box<str>>,
    /// For people and filters; also put on the container.
    pub labels: BTreeMap<String, String>,
    /// When it is due.
    pub due: Due,
    /// The time zone of the schedule; the server's if absent.
    pub time_zone: Option<Zone>,
    /// The container that runs.
    pub container: Container,
    /// The policies.
    pub policies: Arc<Policies>,
}

/// When an allocation is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// At the instants of a schedule.
    Schedule(Arc<Schedule>),
    /// When each of these allocations has succeeded again; at least one, at most [`MOST_PARENTS`],
    /// without duplicates.
    After(Box<[AllocationName]>),
}

impl Specification {
    /// The schedule; `None` if the allocation runs after others.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        match &self.due {
            Due::Schedule(schedule) => Some(schedule),
            Due::After(_) => None,
        }
    }

    /// All instants after `from` and within `NotBefore` and `NotAfter`, in order, in its zone or
    /// else `zone`; intervals count from `anchor`.
    pub fn upcoming(
        &self,
        from: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> impl Iterator<Item = Upcoming> {
        let (from, zone) = (self.not_before(from), self.time_zone.unwrap_or(zone));
        let each = self.schedule().map(|schedule| schedule.upcoming(from, anchor, zone));
        // Instants come in order, so the first one past the bound ends the search.
        each.into_iter().flatten().take_while(move |next| next.at <= self.not_after(next.at))
    }

    /// The time after which the next instant is searched: `from`, or the start of the bounds.
    fn not_before(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        match self.policies.not_before {
            // Instants are whole seconds, and the bound is inclusive.
            Some(bound) => from.max(bound.to_utc() - TimeDelta::nanoseconds(1)),
            None => from,
        }
    }

    /// The time up to which instants are searched: `to`, or the end of the bounds.
    fn not_after(&self, to: DateTime<Utc>) -> DateTime<Utc> {
        self.policies.not_after.map_or(to, |bound| to.min(bound.to_utc()))
    }

    /// True if another specification is due at the same instants, given the same anchor and the
    /// same zone of the server.
    #[must_use]
    pub fn has_same_instants(&self, other: &Self) -> bool {
        let bounds = |specification: &Self| {
            (specification.policies.not_before, specification.policies.not_after)
        };
        // A schedule is compared with its text, so a new spelling of it counts as a change too.
        self.due == other.due && self.time_zone == other.time_zone && bounds(self) == bounds(other)
    }

    /// True if the instants depend on the zone of the server.
    #[must_use]
    pub fn depends_on_server_zone(&self) -> bool {
        self.time_zone.is_none() && self.schedule().is_some_and(Schedule::depends_on_zone)
    }

    /// The allocations that it runs after; empty if it has a schedule.
    #[must_use]
    pub fn parents(&self) -> &[AllocationName] {
        match &self.due {
            Due::Schedule(_) => &[],
            Due::After(parents) => parents,
        }
    }
}

/// A specification that was read, with warnings about it.
#[derive(Debug, Clone)]
pub struct Read {
    /// The specification.
    pub specification: Specification,
    /// Warnings: what is accepted and may be unintended.
    pub warnings: Vec<Finding>,
}

impl Specification {
    /// Reads a specification, its keys in any case.
    ///
    /// # Errors
    /// All errors, each with the path of its field below `at`.
    pub fn read(
        posted: Value,
        at: &FieldPath,
        unknown_options: UnknownOptions,
    ) -> Result<Read, Vec<Finding>> {
        reader::read(posted, at, unknown_options)
    }
}

/// Where an allocation came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Pushed over the API, where it can be changed.
    Api,
    /// Read from a file, which is the only place to change it.
    File(Arc<str>),
}

/// An allocation as the store keeps it: a specification and what the server knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// What the user wrote.
    pub specification: Specification,
    /// A new one each time the name is created.
    pub uid: Uuid,
    /// Grows with every change in the store.
    pub revision: u64,
    /// Where it came from.
    pub origin: Origin,
    /// When the name was created; intervals are counted from it.
    pub created_at: DateTime<Utc>,
    /// When the schedule last changed; no instant up to then is due.
    pub scheduled_at: DateTime<Utc>,
}

impl Allocation {
    /// The allocation's name.
    #[must_use]
    pub fn name(&self) -> &AllocationName {
        &self.specification.name
    }

    /// The first instant after `from`, in the allocation's zone or else `zone`.
    ///
    /// `None` outside `NotBefore` and `NotAfter`, and for an allocation that runs after others.
    #[must_use]
    pub fn next(&self, from: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let schedule = self.specification.schedule()?;
        let next = schedule.next(self.not_before(from), self.anchor(schedule), self.zone(zone))?;
        Some(next).filter(|next| *next <= self.specification.not_after(*next))
    }

    /// All instants after `from` in order, with the effect of daylight saving.
    pub fn upcoming(&self, from: DateTime<Utc>, zone: Zone) -> impl Iterator<Item = Upcoming> {
        // What an earlier schedule made due is not an instant of this one.
        let from = from.max(self.scheduled_at);
        let anchor = self.specification.schedule().map(|schedule| self.anchor(schedule));
        // Without a schedule there are no instants, so any anchor will do.
        self.specification.upcoming(from, anchor.unwrap_or(from), zone)
    }

    /// The greatest instant in `(from, to]`.
    ///
    /// Found by bisection, so it costs some tens of [`Allocation::next`] for any number of instants.
    #[must_use]
    pub fn latest(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        let (from, to) = (self.not_before(from), self.specification.not_after(to));
        let next = |from| self.next(from, zone).filter(|instant| *instant <= to);
        Some(last_instant(next(from)?, to, next))
    }

    /// The number of instants in `(from, to]`.
    #[must_use]
    pub fn count(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Zone) -> u64 {
        let Some(schedule) = self.specification.schedule() else { return 0 };
        let (from, to) = (self.not_before(from), self.specification.not_after(to));
        schedule.count(from, to, self.anchor(schedule), self.zone(zone))
    }

    /// The time zone of the schedule, if the server's is `zone`.
    #[must_use]
    pub fn zone(&self, zone: Zone) -> Zone {
        self.specification.time_zone.unwrap_or(zone)
    }

    /// True if the schedule depends on one of these zones, the server's being `server`.
    #[must_use]
    pub fn is_in_one_of(&self, zones: &[Zone], server: Zone) -> bool {
        let schedule = self.specification.schedule();
        // Intervals ignore the zone, so a change of its rules cannot move them.
        schedule.is_some_and(Schedule::depends_on_zone) && zones.contains(&self.zone(server))
    }

    /// The time after which the next instant is searched.
    fn not_before(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        self.specification.not_before(from.max(self.scheduled_at))
    }

    /// The time from which the schedule counts, if it counts.
    #[must_use]
    pub fn anchor(&self, schedule: &Schedule) -> DateTime<Utc> {
        match schedule.kind() {
            // An empty START is the time of acceptance, and the first run comes after it.
            Kind::Repeating => self.scheduled_at + TimeDelta::nanoseconds(1),
            // An edit keeps the phase of `@every`: only a new name counts from now.
            _ => self.created_at,
        }
    }
}
