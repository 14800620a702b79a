//! A specification as a store keeps it: each part as a text for a column of a table.
//!
//! What is stored was checked when it was pushed. Reading it again does not check the container
//! against the types of the Engine API, which would take most of the time.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    Due, Policies, Specification,
    key_table::{SpecificationKey, TABLE},
    reader,
    writer::{Mapped, written},
};
use crate::{
    container::Container,
    finding::Finding,
    name::{AllocationName, InvalidName},
    schedule::{self, InvalidSchedule},
    zone::UnknownZone,
};

/// The keys that have a column of their own. All others are in `policies`.
// Parts that the store shows to people with `sqlite3`; a new policy needs no new column.
const COLUMNS: [&str; 7] =
    ["Name", "Description", "Labels", "Cron", "After", "TimeZone", "Container"];

/// The keys that are stored in `policies`.
static POLICIES: LazyLock<Vec<SpecificationKey>> =
    LazyLock::new(|| TABLE.iter().copied().filter(|key| !COLUMNS.contains(&key.name())).collect());

/// The columns of a specification; an absent one is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// The description.
    pub description: Option<Cow<'a, str>>,
    /// A JSON object of strings; absent without labels.
    pub labels: Option<Cow<'a, str>>,
    /// The schedule as it was written; absent with `after`.
    pub cron: Option<Cow<'a, str>>,
    /// A JSON list of names; absent with `cron`.
    pub after: Option<Cow<'a, str>>,
    /// The IANA name of the zone.
    pub time_zone: Option<Cow<'a, str>>,
    /// A JSON object of the policies that are not the default, by their keys; absent if all are.
    pub policies: Option<Cow<'a, str>>,
    /// The container as compact JSON.
    pub container: Cow<'a, str>,
}

/// A stored specification that cannot be read; the store was damaged, or written by a newer docket.
#[derive(Debug, Error)]
pub enum InvalidStored {
    /// The name is not valid.
    #[error("the stored name `{0}` is not a valid name")]
    Name(String, #[source] InvalidName),
    /// A part that is not JSON, or has another form.
    #[error("the stored `{0}` cannot be read")]
    Json(&'static str, #[source] serde_json::Error),
    /// The schedule is not valid.
    #[error("the stored `Cron` is not a valid schedule")]
    Cron(#[source] InvalidSchedule),
    /// The time zone does not exist.
    #[error("the stored `TimeZone` does not exist")]
    TimeZone(#[source] UnknownZone),
    /// Neither a schedule nor parents, or both.
    #[error("there must be either a stored `Cron` or a stored `After`")]
    Due,
    /// Policies that are not valid, or that this version does not know.
    #[error("the stored policies are not valid: {}", joined(.0))]
    Policies(Vec<Finding>),
}

impl Specification {
    /// The specification as texts, borrowed if possible.
    #[must_use]
    pub fn to_stored(&self) -> Stored<'_> {
        // JSON can always hold strings, numbers and lists of them.
        let json = |text: Result<String, _>| text.ok().map(Cow::Owned);
        let labels = (!self.labels.is_empty()).then(|| serde_json::to_string(&self.labels));
        let (cron, after) = match &self.due {
            Due::Schedule(schedule) => (Some(Cow::Borrowed(schedule.text())), None),
            Due::After(parents) => (None, json(serde_json::to_string(parents))),
        };
        let Mapped(policies) = written(&POLICIES, self);
        let policies = (!policies.is_empty()).then(|| serde_json::to_string(&Mapped(policies)));
        Stored {
            name: self.name.as_str().into(),
            description: self.description.as_deref().map(Cow::Borrowed),
            labels: labels.and_then(json),
            cron,
            after,
            time_zone: self.time_zone.map(|zone| zone.name().into()),
            policies: policies.and_then(json),
            container: self.container.json().into(),
        }
    }

    /// Reads what [`to_stored`](Self::to_stored) returned, in this or an earlier version.
    ///
    /// The container is trusted; use [`read`](Self::read) for any other input.
    ///
    /// # Errors
    /// [`InvalidStored`] names the part that cannot be read.
    pub fn from_stored(stored: Stored<'_>) -> Result<Self, InvalidStored> {
        let name = AllocationName::parse(&stored.name)
            // A name is quick to check, and a damaged one would become part of a container's name.
            .map_err(|error| InvalidStored::Name(stored.name.into_owned(), error))?;
        let labels = match stored.labels {
            Some(labels) => from_json::<BTreeMap<String, String>>("Labels", &labels)?,
            None => BTreeMap::new(),
        };
        let time_zone = stored.time_zone.map(|zone| zone.parse()).transpose();
        Ok(Self {
            name,
            description: stored.description.map(|text| text.into_owned().into_boxed_str()),
            labels,
            due: due(stored.cron.as_deref(), stored.after.as_deref())?,
            time_zone: time_zone.map_err(InvalidStored::TimeZone)?,
            policies: policies(stored.policies.as_deref())?,
            container: Container::from_stored(&stored.container),
        })
    }
}

fn due(cron: Option<&str>, after: Option<&str>) -> Result<Due, InvalidStored> {
    match (cron, after) {
        (Some(cron), None) => {
            // Many allocations have the same schedule, which is then parsed and held once.
            schedule::shared(cron).map(Due::Schedule).map_err(InvalidStored::Cron)
        }
        (None, Some(after)) => match from_json::<Box<[AllocationName]>>("After", after)? {
            parents if parents.is_empty() => Err(InvalidStored::Due),
            parents => Ok(Due::After(parents)),
        },
        _ => Err(InvalidStored::Due),
    }
}

fn policies(stored: Option<&str>) -> Result<Arc<Policies>, InvalidStored> {
    // No column means that all policies are defaults, of this version: a changed default applies to
    // old rows too.
    let Some(stored) = stored else { return Ok(Policies::shared_default()) };
    let stored = from_json::<Map<String, Value>>("policies", stored)?;
    reader::policies(stored, &POLICIES).map_err(InvalidStored::Policies)
}

fn joined(errors: &[Finding]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn from_json<T: serde::de::DeserializeOwned>(
    key: &'static str,
    json: &str,
) -> Result<T, InvalidStored> {
    serde_json::from_str(json).map_err(|error| InvalidStored::Json(key, error))
}
