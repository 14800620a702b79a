//! Reading a specification: every mistake at once, each with the path of its field.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{Due, KEYS, MAX_DESCRIPTION, Policies, Read, Specification};
use crate::{
    container::{Container, UnknownOptions, home_of, reserved_label},
    mistake::{FieldPath, Mistake, Place, expected, note, shortened, unknown_key},
    name::AllocationName,
    schedule::{self, Schedule},
};

/// Keys that the server adds to what it prints, and ignores when they come back.
const ADDED_KEYS: [&str; 2] = ["Logs", "Status"];

/// Keys that are promised, but that this version does not act upon.
const LATER_KEYS: [&str; 16] = [
    "After",
    "CatchUp",
    "EnvFiles",
    "Jitter",
    "Keep",
    "NotAfter",
    "NotBefore",
    "Notify",
    "Overlap",
    "Placement",
    "Pull",
    "Retries",
    "StartingDeadline",
    "SuccessWithin",
    "Suspended",
    "Timeout",
];

pub(super) fn read(
    posted: Value,
    at: &FieldPath,
    unknown_options: UnknownOptions,
) -> Result<Read, Vec<Mistake>> {
    let at = Place::Start(at);
    let Value::Object(posted) = posted else {
        let kind = "an allocation, a mapping with the keys Name, Cron and Container";
        return Err(vec![at.wrong(expected(kind, &posted))]);
    };
    let mut reader = Reader { at, mistakes: Vec::new(), warnings: Vec::new() };
    let fields = reader.fields(posted);
    let name = reader.name(fields.name);
    let description = reader.description(fields.description);
    let labels = reader.labels(fields.labels);
    let schedule = reader.schedule(fields.cron);
    let time_zone = reader.time_zone(fields.time_zone);
    let container = reader.container(fields.container, unknown_options);
    match (name, schedule, container) {
        (Some(name), Some(schedule), Some(container)) if reader.mistakes.is_empty() => Ok(Read {
            specification: Specification {
                name,
                description,
                labels,
                due: Due::Schedule(schedule),
                time_zone,
                container,
                policies: Policies::shared_default(),
            },
            warnings: reader.warnings,
        }),
        _ => Err(reader.mistakes),
    }
}

/// The values of a specification; null is as good as absent.
#[derive(Default)]
struct Fields {
    name: Value,
    description: Value,
    labels: Value,
    cron: Value,
    time_zone: Value,
    container: Value,
}

impl Fields {
    fn field(&mut self, key: &str) -> Option<&mut Value> {
        match key {
            "Name" => Some(&mut self.name),
            "Description" => Some(&mut self.description),
            "Labels" => Some(&mut self.labels),
            "Cron" => Some(&mut self.cron),
            "TimeZone" => Some(&mut self.time_zone),
            "Container" => Some(&mut self.container),
            _ => None,
        }
    }
}

struct Reader<'a> {
    at: Place<'a>,
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>) {
        self.mistakes.push(Place::Key(&self.at, key).wrong(message));
    }

    /// Sorts the values by their keys, in any case; unknown and doubled keys are mistakes.
    fn fields(&mut self, posted: Map<String, Value>) -> Fields {
        let mut fields = Fields::default();
        let mut seen: Vec<&str> = Vec::with_capacity(posted.len().min(KEYS.len()));
        for (key, value) in posted {
            let mut known = KEYS.iter().chain(&ADDED_KEYS);
            let Some(known) = known.find(|known| known.eq_ignore_ascii_case(&key)) else {
                note(&mut self.mistakes, || self.at.wrong_key(&key, unknown(&key)));
                continue;
            };
            if seen.contains(known) {
                let message = format!("the key `{known}` is given twice");
                note(&mut self.mistakes, || self.at.wrong_key(&key, message));
                continue;
            }
            seen.push(known);
            if let Some(field) = fields.field(known) {
                *field = value;
            }
        }
        fields
    }

    fn text(&mut self, key: &str, value: Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => {
                self.wrong(key, expected("a text", &other));
                None
            }
        }
    }

    fn required_text(&mut self, key: &str, value: Value) -> Option<String> {
        if value.is_null() {
            self.wrong(key, "Required");
        }
        self.text(key, value)
    }

    fn name(&mut self, value: Value) -> Option<AllocationName> {
        let text = self.required_text("Name", value)?;
        AllocationName::parse(&text).map_err(|error| self.wrong("Name", error.to_string())).ok()
    }

    fn description(&mut self, value: Value) -> Option<Box<str>> {
        let text = self.text("Description", value)?;
        if text.len() > MAX_DESCRIPTION {
            let message = format!("{} bytes are more than {MAX_DESCRIPTION}", text.len());
            self.wrong("Description", message);
        }
        Some(text.into_boxed_str())
    }

    fn labels(&mut self, value: Value) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let posted = match value {
            Value::Null => return labels,
            Value::Object(posted) => posted,
            other => {
                self.wrong("Labels", expected("a mapping of texts", &other));
                return labels;
            }
        };
        let at = Place::Key(&self.at, "Labels");
        for (key, value) in posted {
            if let Some(mistake) = reserved_label(&key, at) {
                note(&mut self.mistakes, || mistake);
            }
            match value {
                Value::String(text) => {
                    labels.insert(key, text);
                }
                other => {
                    let message = expected("a text", &other);
                    note(&mut self.mistakes, || Place::Key(&at, &key).wrong(message));
                }
            }
        }
        labels
    }

    fn schedule(&mut self, value: Value) -> Option<Arc<Schedule>> {
        let text = self.required_text("Cron", value)?;
        let at = Place::Key(&self.at, "Cron");
        match schedule::shared(&text) {
            Ok(schedule) => {
                let warnings = schedule.warnings().into_iter();
                self.warnings.extend(warnings.map(|text| at.wrong(text)));
                Some(schedule)
            }
            Err(invalid) => {
                self.mistakes.push(Mistake {
                    schedule: invalid.mistakes().to_vec(),
                    ..at.wrong(invalid.to_string())
                });
                None
            }
        }
    }

    fn time_zone(&mut self, value: Value) -> Option<Tz> {
        let text = self.text("TimeZone", value)?;
        schedule::zone::parse_zone(&text)
            .map_err(|error| self.wrong("TimeZone", error.to_string()))
            .ok()
    }

    fn container(&mut self, value: Value, unknown_options: UnknownOptions) -> Option<Container> {
        let posted = match value {
            Value::Null => Value::Object(Map::new()),
            posted => posted,
        };
        Container::read(
            posted,
            Place::Key(&self.at, "Container"),
            unknown_options,
            &mut self.mistakes,
            &mut self.warnings,
        )
    }
}

/// Says why a key has no place in a specification.
fn unknown(key: &str) -> String {
    let later = LATER_KEYS.iter().find(|known| known.eq_ignore_ascii_case(key));
    match (later, home_of(key)) {
        (Some(later), _) => format!("`{later}` is not known to this version of docket"),
        (None, Some(home)) => format!("unknown key `{}`: it belongs {home}", shortened(key)),
        (None, None) => unknown_key(key, KEYS),
    }
}
