//! Writing a specification: its keys in their order, only what differs from the default, and
//! everything in its canonical form. What is written is read as the same.

use chrono::{DateTime, FixedOffset, SecondsFormat};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Due, Keep, Policies, Retries, Specification};
use crate::size::Size;

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
        given(map, "Description", &self.description)?;
        if !self.labels.is_empty() {
            map.serialize_entry("Labels", &self.labels)?;
        }
        match &self.due {
            Due::Schedule(schedule) => map.serialize_entry("Cron", schedule.text())?,
            Due::After(_) => {}
        }
        if let Some(zone) = self.time_zone {
            map.serialize_entry("TimeZone", zone.name())?;
        }
        if let Due::After(parents) = &self.due {
            map.serialize_entry("After", parents)?;
        }
        self.policies.serialize_when(map)?;
        map.serialize_entry("Container", &self.container)?;
        self.policies.serialize_how(map)
    }
}

/// Writes the policies alone, in the keys of a specification.
impl Serialize for Policies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_when(&mut map)?;
        self.serialize_how(&mut map)?;
        map.end()
    }
}

impl Policies {
    /// Writes what bears on when something starts.
    fn serialize_when<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        given(map, "Jitter", &self.jitter)?;
        given(map, "NotBefore", &self.not_before.map(written))?;
        given(map, "NotAfter", &self.not_after.map(written))?;
        given(map, "Suspended", &self.suspended)
    }

    /// Writes what bears on how it starts, and on what comes after.
    fn serialize_how<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        given(map, "EnvFiles", &self.env_files)?;
        given(map, "Pull", &self.pull)?;
        given(map, "Overlap", &self.overlap)?;
        given(map, "StartingDeadline", &self.starting_deadline)?;
        given(map, "CatchUp", &self.catch_up)?;
        given(map, "Timeout", &self.timeout)?;
        given(map, "Retries", &self.retries)?;
        given(map, "Keep", &self.keep)
    }
}

/// Writes a value where it is not the default of its type.
fn given<M, T>(map: &mut M, key: &'static str, value: &T) -> Result<(), M::Error>
where
    M: SerializeMap,
    T: Serialize + PartialEq + Default,
{
    unusual(map, key, value, &T::default())
}

/// Writes a value where it is not the usual one.
fn unusual<M, T>(map: &mut M, key: &'static str, value: &T, usual: &T) -> Result<(), M::Error>
where
    M: SerializeMap,
    T: Serialize + PartialEq,
{
    if value == usual { Ok(()) } else { map.serialize_entry(key, value) }
}

/// A moment with the offset it was given with.
pub(super) fn written(moment: DateTime<FixedOffset>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Writes a number where the pauses are the usual ones.
impl Serialize for Retries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let usual = Self { limit: self.limit, ..Self::default() };
        if *self == usual {
            return serializer.serialize_u32(self.limit);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Limit", &self.limit)?;
        unusual(&mut map, "Delay", &self.delay, &usual.delay)?;
        unusual(&mut map, "MaxDelay", &self.max_delay, &Self::max_delay_after(self.delay))?;
        map.end()
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let usual = Self::default();
        let mut map = serializer.serialize_map(None)?;
        unusual(&mut map, "Runs", &self.runs, &usual.runs)?;
        unusual(&mut map, "Failures", &self.failures, &usual.failures)?;
        if self.output != usual.output {
            let output = Size::from_bytes(self.output as u64);
            map.serialize_entry("Output", &output.to_string())?;
        }
        map.end()
    }
}
