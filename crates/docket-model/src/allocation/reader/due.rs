//! When an allocation is due: `Cron` or `After`, and `TimeZone`.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;

use super::{Reader, fields::Fields, values};
use crate::{
    allocation::{Due, MOST_PARENTS},
    finding::{Finding, Place, expected},
    name::{AllocationName, InvalidName},
    schedule::{self, Schedule},
    zone::{UnknownZone, Zone},
};

impl Reader<'_> {
    /// Reads `Cron` or `After` of the allocation whose name is `own`, if that is known.
    pub(super) fn due(&mut self, fields: &mut Fields, own: Option<&AllocationName>) -> Option<Due> {
        let (cron, after) = (fields.take("Cron"), fields.take("After"));
        if after.is_null() {
            return self.schedule(cron).map(Due::Schedule);
        }
        if !cron.is_null() {
            let message = "`After` stands in place of `Cron`, and both are given: leave one out";
            self.wrong("After", message);
            self.schedule(cron);
        }
        self.parents(&after, own).map(Due::After)
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
                self.errors.push(Finding {
                    schedule: invalid.errors().to_vec(),
                    ..at.wrong(invalid.to_string())
                });
                None
            }
        }
    }

    fn parents(
        &mut self,
        value: &Value,
        own: Option<&AllocationName>,
    ) -> Option<Box<[AllocationName]>> {
        match value {
            Value::Array(names) if names.is_empty() => {
                self.wrong("After", "names no allocation: name one, or give `Cron` instead");
            }
            Value::String(_) | Value::Array(_) => {}
            other => {
                self.wrong("After", expected("a name or a list of names", other));
                return None;
            }
        }
        let start = self.at;
        let mut seen = HashSet::new();
        let names = self.list(Place::Key(&start, "After"), value, MOST_PARENTS, |value| {
            let name = parent(value)?;
            if Some(&name) == own {
                return Err(format!("`{name}` cannot run after itself"));
            }
            if !seen.insert(name.clone()) {
                return Err(format!("`{name}` is named twice"));
            }
            Ok(name)
        });
        (!names.is_empty()).then(|| names.into())
    }

    pub(super) fn time_zone(&mut self, fields: &mut Fields) -> Option<Zone> {
        self.field(fields, "TimeZone", |value| {
            values::text(value)?.parse().map_err(|error: UnknownZone| error.to_string())
        })
    }
}

fn parent(value: &Value) -> Result<AllocationName, String> {
    AllocationName::parse(values::named(value, "a name")?).map_err(|error| match error {
        InvalidName::Empty => "an empty text names no allocation".to_owned(),
        error => error.to_string(),
    })
}
