//! A new key is one entry: whatever is in a table is read, written, compared and described.

use super::*;
use crate::{
    allocation::{
        forms::{Form, Length, Mapping},
        key::{Absent, Entry, Field, Key},
    },
    duration::Duration,
};

/// A type with a field for a policy that docket does not have.
#[derive(Debug, Clone, Default, PartialEq)]
struct Alerts {
    success_within: Option<Duration>,
}

static KEYS: [&dyn Key<Alerts, Alerts>; 1] = [&Entry {
    name: "SuccessWithin",
    meaning: "Reports the allocation as overdue if no run succeeds for so long.",
    example: "25h",
    form: Length { least: 1 },
    absent: Absent::Nothing("none"),
    needs_schedule: None,
    field: Field {
        get: |alerts: &Alerts| &alerts.success_within,
        set: |alerts: &mut Alerts, length| alerts.success_within = length,
    },
}];

const FORM: Mapping<Alerts> = Mapping { keys: &KEYS, rule: None };

fn read_alerts(posted: Value) -> (Option<Alerts>, Vec<String>) {
    let mut reader = reader::Reader::new(UnknownOptions::Refuse);
    let path = FieldPath::key("Alerts");
    let read = FORM.read(&mut reader, crate::finding::Place::Start(&path), posted);
    (read, reader.errors.iter().map(ToString::to_string).collect())
}

#[test]
fn an_entry_is_all_that_a_new_key_needs() {
    let posted = json!({"successwithin": "PT25H"});

    let (read, errors) = read_alerts(posted);

    let alerts = Alerts { success_within: Some(Duration::from_seconds(90_000)) };
    assert_eq!((read.as_ref(), errors.as_slice()), (Some(&alerts), [].as_slice()));
    let written = serde_json::to_value(FORM.write(&alerts)).unwrap();
    assert_eq!(written, json!({"SuccessWithin": "1d1h"}));
    assert!(KEYS[0].differs(&alerts, &Alerts::default()));
    let schema = FORM.schema();
    assert_eq!(schema["properties"]["SuccessWithin"]["type"], json!(["string", "null"]));
    let mut rows = Vec::new();
    FORM.describe("Alerts", &mut rows);
    assert_eq!((rows[0].path.as_str(), rows[0].default.as_str()), ("Alerts.SuccessWithin", "none"));
}

#[test]
fn an_entry_rejects_what_its_form_does_not_allow() {
    let (_, errors) = read_alerts(json!({"SuccessWithin": "0s", "SuccesWithin": "1h"}));

    let expected = [
        "Alerts.SuccesWithin: unknown key `SuccesWithin`: did you mean `SuccessWithin`?",
        "Alerts.SuccessWithin: 0s is too short: write at least 1s, or leave it out",
    ];
    assert_eq!(errors, expected);
}
