//! Durations and times.

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use super::{
    super::{
        reader::Reader,
        values,
        writer::{self, Written},
    },
    Form,
};
use crate::{
    duration::{self, Duration},
    finding::Place,
};

/// A duration of at least so many seconds.
pub(in crate::allocation) struct Length {
    pub(in crate::allocation) least: u64,
}

impl Form<Duration> for Length {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Duration> {
        reader.value(at, &value, |value| match values::duration(value)? {
            short if short.seconds() < self.least => {
                let least = Duration::from_seconds(self.least);
                Err(format!("{short} is too short: write at least {least}, or leave it out"))
            }
            length => Ok(length),
        })
    }

    fn write<'a>(&self, value: &'a Duration) -> Option<Written<'a>> {
        Some(Written::Text(value.to_string().into()))
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "pattern": duration::PATTERN})
    }

    fn words(&self) -> String {
        match self.least {
            0 => "duration".to_owned(),
            least => format!("duration of at least `{}`", Duration::from_seconds(least)),
        }
    }
}

/// A duration of zero is the same as none.
impl Form<Option<Duration>> for Length {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Option<Duration>> {
        let length: Option<Duration> = self.read(reader, at, value);
        length.map(|length| Some(length).filter(|length| length.seconds() > 0))
    }

    fn write<'a>(&self, value: &'a Option<Duration>) -> Option<Written<'a>> {
        value.as_ref().and_then(|length| self.write(length))
    }

    fn schema(&self) -> Value {
        Form::<Duration>::schema(self)
    }

    fn words(&self) -> String {
        Form::<Duration>::words(self)
    }
}

/// A time with an offset.
pub(in crate::allocation) struct Time;

/// The shape of a time in RFC 3339.
const RFC_3339: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?\
                        ([Zz]|[+-][0-9]{2}:[0-9]{2})$";

impl Form<Option<DateTime<FixedOffset>>> for Time {
    fn read(
        &self,
        reader: &mut Reader,
        at: Place<'_>,
        value: Value,
    ) -> Option<Option<DateTime<FixedOffset>>> {
        reader.value(at, &value, values::time).map(Some)
    }

    fn write<'a>(&self, value: &'a Option<DateTime<FixedOffset>>) -> Option<Written<'a>> {
        value.map(|time| Written::Text(writer::time(time).into()))
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "format": "date-time", "pattern": RFC_3339})
    }

    fn words(&self) -> String {
        "time in RFC 3339, such as `2026-11-21T09:00:00+01:00`".to_owned()
    }
}
