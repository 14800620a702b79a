//! A new key is one entry: whatever is in a table is read, written, compared and described.

use std::sync::LazyLock;

use super::*;
use crate::{
    allocation::{
        key_definition::{Absent, Entry, Field, Key, key},
        value_types::{Form, mapping, optional_length},
    },
    duration::Duration,
};

/// A type with a field for a policy that docket does not have.
#[derive(Debug, Clone, Default, PartialEq)]
struct Alerts {
    success_within: Option<Duration>,
}

static KEYS: LazyLock<[&dyn Key<Alerts, Alerts>; 1]> = LazyLock::new(|| {
    [key(Entry {
        name: "SuccessWithin",
        meaning: "Reports the allocation as overdue if no run succeeds for so long.",
        example: "25h",
        form: optional_length(1),
        absent: Absent::Nothing("none"),
        field: Field {
            get: |alerts: &Alerts| &alerts.success_within,
            set: |alerts: &mut Alerts, length| alerts.success_within = length,
        },
    })]
});

fn form() -> Form<Alerts> {
    mapping(&*KEYS, None)
}

fn read_alerts(posted: Value) -> (Option<Alerts>, Vec<String>) {
    let mut reader = reader::Reader::new(UnknownOptions::Refuse);
    let path = FieldPath::key("Alerts");
    let read = (form().read)(&mut reader, crate::finding::Place::Start(&path), posted);
    (read, reader.errors.iter().map(ToString::to_string).collect())
}

#[test]
fn an_entry_is_all_that_a_new_key_needs() {
    let posted = json!({"successwithin": "PT25H"});

    let (read, errors) = read_alerts(posted);

    let alerts = Alerts { success_within: Some(Duration::from_seconds(90_000)) };
    assert_eq!((read.as_ref(), errors.as_slice()), (Some(&alerts), [].as_slice()));
    let written = serde_json::to_value((form().write)(&alerts)).unwrap();
    assert_eq!(written, json!({"SuccessWithin": "1d1h"}));
    assert!(KEYS[0].differs(&alerts, &Alerts::default()));
    let schema = form().schema;
    assert_eq!(schema["properties"]["SuccessWithin"]["type"], json!(["string", "null"]));
    let rows = form().keys;
    assert_eq!((rows[0].path.as_str(), rows[0].default.as_str()), ("SuccessWithin", "none"));
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
