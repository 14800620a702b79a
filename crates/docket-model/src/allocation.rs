//! Allocations: what users push, and what the server makes of it.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    container::{Container, UnknownOptions, reserved_label},
    mistake::{FieldPath, Mistake, unknown_key},
    name::AllocationName,
    schedule::{self, Kind, Schedule},
};

/// The keys of a specification, as they are written.
pub const KEYS: [&str; 6] = ["Name", "Description", "Labels", "Cron", "TimeZone", "Container"];

/// Keys that the server adds to what it prints, and ignores when they come back.
const ADDED_KEYS: [&str; 2] = ["Logs", "Status"];

/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 4096;

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
    pub schedule: Arc<Schedule>,
    /// The zone whose wall clock the schedule means; the server's where none is given.
    pub time_zone: Option<Tz>,
    /// What runs.
    pub container: Container,
}

/// A specification that was read, and what its writer should know about it.
#[derive(Debug, Clone)]
pub struct Read {
    /// The specification.
    pub specification: Specification,
    /// What is accepted and may surprise.
    pub warnings: Vec<Mistake>,
}

impl Specification {
    /// Reads a specification, its keys in any case.
    ///
    /// # Errors
    /// Every mistake there is, with the path of its field, `at` before it.
    pub fn read(
        posted: Value,
        at: &FieldPath,
        unknown_options: UnknownOptions,
    ) -> Result<Read, Vec<Mistake>> {
        let Value::Object(posted) = posted else {
            let message = "an allocation is a mapping with the keys Name, Cron and Container";
            return Err(vec![Mistake::new(at.clone(), message)]);
        };
        let mut reader = Reader { at, mistakes: Vec::new(), warnings: Vec::new() };
        let mut fields = reader.fields(posted);
        let mut take = |key: &str| fields.shift_remove(key).filter(|value| !value.is_null());
        let name = reader.name(take("Name"));
        let description = reader.description(take("Description"));
        let labels = reader.labels(take("Labels"));
        let schedule = reader.schedule(take("Cron"));
        let time_zone = reader.time_zone(take("TimeZone"));
        let container = reader.container(take("Container"), unknown_options);
        let Reader { mistakes, warnings, .. } = reader;
        match (name, schedule, container) {
            (Some(name), Some(schedule), Some(container)) if mistakes.is_empty() => {
                let specification =
                    Self { name, description, labels, schedule, time_zone, container };
                Ok(Read { specification, warnings })
            }
            _ => Err(mistakes),
        }
    }
}

/// Writes what can be pushed back: only what the user gave.
impl Serialize for Specification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_fields(&mut map)?;
        map.end()
    }
}

impl Specification {
    /// Writes the fields of the specification into a larger map.
    pub fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("Name", &self.name)?;
        if let Some(description) = &self.description {
            map.serialize_entry("Description", description)?;
        }
        if !self.labels.is_empty() {
            map.serialize_entry("Labels", &self.labels)?;
        }
        map.serialize_entry("Cron", self.schedule.text())?;
        if let Some(zone) = self.time_zone {
            map.serialize_entry("TimeZone", zone.name())?;
        }
        map.serialize_entry("Container", &self.container)
    }
}

struct Reader<'a> {
    at: &'a FieldPath,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.at.with_key(key), message));
    }

    /// The posted fields under their canonical keys; unknown and doubled ones are mistakes.
    fn fields(&mut self, posted: Map<String, Value>) -> Map<String, Value> {
        let mut fields = Map::new();
        for (key, value) in posted {
            let known =
                KEYS.iter().chain(&ADDED_KEYS).find(|known| known.eq_ignore_ascii_case(&key));
            let message = match known {
                None => unknown_key(&key, KEYS),
                Some(known) if fields.contains_key(*known) => {
                    format!("the key `{known}` is given twice")
                }
                Some(known) => {
                    fields.insert((*known).to_owned(), value);
                    continue;
                }
            };
            self.mistakes.push(Mistake::of_key(self.at.with_key(&key), message));
        }
        fields
    }

    fn text(&mut self, key: &str, value: Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text),
            other => {
                self.wrong(key, format!("expected a text, found `{other}`: put it in quotes"));
                None
            }
        }
    }

    fn name(&mut self, value: Option<Value>) -> Option<AllocationName> {
        let Some(value) = value else {
            self.wrong("Name", "Required");
            return None;
        };
        let text = self.text("Name", value)?;
        AllocationName::parse(&text).map_err(|error| self.wrong("Name", error.to_string())).ok()
    }

    fn description(&mut self, value: Option<Value>) -> Option<Box<str>> {
        let text = self.text("Description", value?)?;
        if text.len() > MAX_DESCRIPTION {
            let message = format!("{} bytes are more than {MAX_DESCRIPTION}", text.len());
            self.wrong("Description", message);
        }
        Some(text.into_boxed_str())
    }

    fn labels(&mut self, value: Option<Value>) -> BTreeMap<String, String> {
        let posted = match value {
            None => return BTreeMap::new(),
            Some(Value::Object(posted)) => posted,
            Some(other) => {
                self.wrong("Labels", format!("expected a mapping of texts, found `{other}`"));
                return BTreeMap::new();
            }
        };
        let at = self.at.with_key("Labels");
        let mut labels = BTreeMap::new();
        for (key, value) in posted {
            self.mistakes.extend(reserved_label(&key, &at));
            match value {
                Value::String(text) => {
                    labels.insert(key, text);
                }
                other => self.mistakes.push(Mistake::new(
                    at.with_key(&key),
                    format!("expected a text, found `{other}`: put it in quotes"),
                )),
            }
        }
        labels
    }

    fn schedule(&mut self, value: Option<Value>) -> Option<Arc<Schedule>> {
        let Some(value) = value else {
            self.wrong("Cron", "Required");
            return None;
        };
        let text = self.text("Cron", value)?;
        let field = self.at.with_key("Cron");
        match schedule::shared(&text) {
            Ok(schedule) => {
                for warning in schedule.warnings() {
                    self.warnings.push(Mistake::new(field.clone(), warning));
                }
                Some(schedule)
            }
            Err(invalid) => {
                let schedule = invalid.mistakes().to_vec();
                let message = invalid.to_string();
                self.mistakes.push(Mistake { schedule, ..Mistake::new(field, message) });
                None
            }
        }
    }

    fn time_zone(&mut self, value: Option<Value>) -> Option<Tz> {
        let text = self.text("TimeZone", value?)?;
        schedule::zone::parse_zone(&text)
            .map_err(|error| self.wrong("TimeZone", error.to_string()))
            .ok()
    }

    fn container(
        &mut self,
        value: Option<Value>,
        unknown_options: UnknownOptions,
    ) -> Option<Container> {
        let at = self.at.with_key("Container");
        let value = value.unwrap_or_else(|| Value::Object(Map::new()));
        Container::read(value, &at, unknown_options, &mut self.mistakes, &mut self.warnings)
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
    #[must_use]
    pub fn next(&self, from: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let zone = self.specification.time_zone.unwrap_or(zone);
        self.specification.schedule.next(from.max(self.scheduled_at), self.anchor(), zone)
    }

    /// The number of instants in `(from, to]`.
    #[must_use]
    pub fn count(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> u64 {
        let zone = self.specification.time_zone.unwrap_or(zone);
        let from = from.max(self.scheduled_at);
        self.specification.schedule.count(from, to, self.anchor(), zone)
    }

    /// The moment from which the schedule counts, if it counts.
    fn anchor(&self) -> DateTime<Utc> {
        match self.specification.schedule.kind() {
            // An empty START is the moment of acceptance, and its first run comes after it.
            Kind::Repeating => self.scheduled_at + TimeDelta::nanoseconds(1),
            _ => self.created_at,
        }
    }
}
