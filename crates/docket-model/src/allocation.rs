//! Allocations: what users push, and what the server makes of it.

mod differences;
mod fields;
mod forms;
mod hints;
mod key;
mod policies;
mod reader;
pub mod schema;
mod stored;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod writer;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use self::table::{KEYS_OF_A_SCHEDULE, remedy};
pub use self::{
    key::KeyDocs,
    policies::{CatchUp, Keep, MOST_CAUGHT_UP, MOST_ENV_FILES, Overlap, Policies, Pull, Retries},
    stored::{InvalidStored, Stored},
    table::{KEYS, documentation},
};
use crate::{
    container::{Container, UnknownOptions},
    finding::{FieldPath, Finding},
    name::AllocationName,
    schedule::{Kind, Schedule, Upcoming},
    zone::Zone,
};

/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 4096;

/// How many allocations another one can run after.
pub const MOST_PARENTS: usize = 1000;

/// An allocation as the user wrote it, before the server adds what it knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Specification {
    /// Who it is.
    pub name: AllocationName,
    /// For people.
    pub description: Option<Box<str>>,
    /// For people and filters; put on the container too.
    pub labels: BTreeMap<String, String>,
    /// When it is due.
    pub due: Due,
    /// The zone whose wall clock the schedule means; the server's where none is given.
    pub time_zone: Option<Zone>,
    /// What runs.
    pub container: Container,
    /// What happens around its runs.
    pub policies: Arc<Policies>,
}

/// When an allocation is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// At the instants of a schedule.
    Schedule(Arc<Schedule>),
    /// When each of these allocations has succeeded anew; no name twice, at least one, at most
    /// [`MOST_PARENTS`].
    After(Box<[AllocationName]>),
}

impl Specification {
    /// The schedule; absent where the allocation runs after others.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        match &self.due {
            Due::Schedule(schedule) => Some(schedule),
            Due::After(_) => None,
        }
    }

    /// All instants after `from` and within `NotBefore` and `NotAfter` in order, by the wall clock
    /// of its zone or else `zone`; intervals count from `anchor`.
    pub fn upcoming(
        &self,
        from: DateTime<Utc>,
        anchor: DateTime<Utc>,
        zone: Zone,
    ) -> impl Iterator<Item = Upcoming> {
        let Policies { not_before, not_after, .. } = &*self.policies;
        // Instants are whole seconds, and one at the bound itself counts.
        let bound = not_before.map(|bound| bound.to_utc() - TimeDelta::nanoseconds(1));
        let from = bound.map_or(from, |bound| bound.max(from));
        let end = not_after.map(|bound| bound.to_utc());
        let zone = self.time_zone.unwrap_or(zone);
        let each = self.schedule().map(|schedule| schedule.upcoming(from, anchor, zone));
        each.into_iter().flatten().take_while(move |next| end.is_none_or(|end| next.at <= end))
    }

    /// True where another specification is due at the same instants, as long as both have the same
    /// anchor and the same zone of the server.
    #[must_use]
    pub fn has_same_instants(&self, other: &Self) -> bool {
        let bounds = |specification: &Self| {
            (specification.policies.not_before, specification.policies.not_after)
        };
        self.due == other.due && self.time_zone == other.time_zone && bounds(self) == bounds(other)
    }

    /// True where the instants depend on the zone of the server.
    #[must_use]
    pub fn depends_on_server_zone(&self) -> bool {
        self.time_zone.is_none() && self.schedule().is_some_and(Schedule::depends_on_zone)
    }

    /// The allocations that it runs after; none where it has a schedule.
    #[must_use]
    pub fn parents(&self) -> &[AllocationName] {
        match &self.due {
            Due::Schedule(_) => &[],
            Due::After(parents) => parents,
        }
    }
}

/// A specification that was read, and what its writer should know about it.
#[derive(Debug, Clone)]
pub struct Read {
    /// The specification.
    pub specification: Specification,
    /// What is accepted and may surprise.
    pub warnings: Vec<Finding>,
}

impl Specification {
    /// Reads a specification, its keys in any case.
    ///
    /// # Errors
    /// Every error there is, with the path of its field, `at` before it.
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
    /// New whenever the name is created anew.
    pub uid: Uuid,
    /// Greater with every change in the store.
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

    /// The least instant after `from`, by the wall clock of the allocation's zone or else `zone`.
    ///
    /// There is none outside `NotBefore` and `NotAfter`, and none of an allocation that runs after
    /// others.
    #[must_use]
    pub fn next(&self, from: DateTime<Utc>, zone: Zone) -> Option<DateTime<Utc>> {
        let schedule = self.specification.schedule()?;
        let next = schedule.next(self.not_before(from), self.anchor(schedule), self.zone(zone))?;
        Some(next).filter(|next| *next <= self.not_after(*next))
    }

    /// All instants after `from` in order, with what daylight saving does to them.
    pub fn upcoming(&self, from: DateTime<Utc>, zone: Zone) -> impl Iterator<Item = Upcoming> {
        let from = from.max(self.scheduled_at);
        let anchor = self.specification.schedule().map(|schedule| self.anchor(schedule));
        self.specification.upcoming(from, anchor.unwrap_or(from), zone)
    }

    /// The greatest instant in `(from, to]`.
    ///
    /// It is found by bisection, so it costs some tens of [`Allocation::next`] however many instants
    /// there are.
    #[must_use]
    pub fn latest(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        zone: Zone,
    ) -> Option<DateTime<Utc>> {
        let (from, to) = (self.not_before(from), self.not_after(to));
        let next = |from| self.next(from, zone).filter(|instant| *instant <= to);
        let first = next(from)?;
        let Some(mut latest) = next(first) else { return Some(first) };
        // There is an instant in `(low, to]`, and none in `(high, to]`.
        let (mut low, mut high) = (first, to);
        while high - low > TimeDelta::seconds(1) {
            let middle = low + (high - low) / 2;
            match next(middle) {
                Some(later) => (latest, low) = (later, middle),
                None => high = middle,
            }
        }
        Some(next(low).unwrap_or(latest))
    }

    /// The number of instants in `(from, to]`.
    #[must_use]
    pub fn count(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Zone) -> u64 {
        let Some(schedule) = self.specification.schedule() else { return 0 };
        let (from, to) = (self.not_before(from), self.not_after(to));
        schedule.count(from, to, self.anchor(schedule), self.zone(zone))
    }

    /// The zone whose wall clock the schedule means, where the server's is `zone`.
    #[must_use]
    pub fn zone(&self, zone: Zone) -> Zone {
        self.specification.time_zone.unwrap_or(zone)
    }

    /// True where the schedule follows the wall clock of one of these zones, the server's being
    /// `server`.
    #[must_use]
    pub fn is_in_one_of(&self, zones: &[Zone], server: Zone) -> bool {
        let schedule = self.specification.schedule();
        schedule.is_some_and(Schedule::depends_on_zone) && zones.contains(&self.zone(server))
    }

    /// The moment after which the next instant is looked for.
    fn not_before(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        let from = from.max(self.scheduled_at);
        match self.specification.policies.not_before {
            // Instants are whole seconds, and one at the bound itself counts.
            Some(bound) => from.max(bound.to_utc() - TimeDelta::nanoseconds(1)),
            None => from,
        }
    }

    fn not_after(&self, to: DateTime<Utc>) -> DateTime<Utc> {
        self.specification.policies.not_after.map_or(to, |bound| to.min(bound.to_utc()))
    }

    /// The moment from which the schedule counts, if it counts.
    #[must_use]
    pub fn anchor(&self, schedule: &Schedule) -> DateTime<Utc> {
        match schedule.kind() {
            // An empty START is the moment of acceptance, and its first run comes after it.
            Kind::Repeating => self.scheduled_at + TimeDelta::nanoseconds(1),
            _ => self.created_at,
        }
    }
}
