//! The table of all keys of a specification.
//!
//! Reading, writing, comparing, the warnings of `check` about keys, README's table, the API's
//! description and the JSON Schema for editors follow from it: a new key is one entry here, and the
//! field with the policy that uses it.

mod nested_keys;

use std::sync::LazyLock;

pub(super) use self::nested_keys::NOTIFICATIONS;
use self::nested_keys::{CONTAINER, DELAYS, KEEP, PLACEMENT, RETRIES};
use super::{
    CatchUp, Keep, MAX_DESCRIPTION, MOST_ENV_FILES, MOST_NOTIFICATIONS, MOST_PARENTS, Overlap,
    Placement, Pull, Retries, Specification,
    key_definition::{Absent, Entry, Field, Key, KeyDocs, key, key_of_schedule},
    reader::Draft,
    value_types::{
        after, container, cron, flag, labels, mapping, name, notifications, number_or,
        optional_length, paths, text, time, words, zone,
    },
};

/// A key of a specification.
pub(super) type SpecificationKey = &'static dyn Key<Draft, Specification>;

/// The names of the keys of a specification, in the order in which they are written.
pub static KEYS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| TABLE.iter().map(|key| key.name()).collect());

/// Keys that have an effect only on an allocation with a schedule.
pub(crate) static KEYS_OF_A_SCHEDULE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let keys = TABLE.iter().filter(|key| key.needs_schedule().is_some());
    keys.map(|key| key.name()).collect()
});

/// Keys that later versions of docket will have.
pub(super) const LATER_KEYS: [&str; 1] = ["SuccessWithin"];

/// Keys that the server adds to what it prints, and ignores when they are pushed back.
pub(super) const ADDED_KEYS: [&str; 2] = ["Logs", "Status"];

/// A field of a specification that its draft has under the same name.
macro_rules! field {
    ($field:ident) => {
        Field {
            get: |from: &Specification| &from.$field,
            set: |draft: &mut Draft, value| draft.$field = value,
        }
    };
}

/// A field that a draft lacks until it is read.
macro_rules! required {
    ($field:ident) => {
        Field {
            get: |from: &Specification| &from.$field,
            set: |draft: &mut Draft, value| draft.$field = Some(value),
        }
    };
}

/// A field of the policies.
macro_rules! policy {
    ($field:ident) => {
        Field {
            get: |from: &Specification| &from.policies.$field,
            set: |draft: &mut Draft, value| draft.policies.$field = value,
        }
    };
}

// Made once, because defaults and schemas need allocation, which a constant cannot have.
pub(super) static TABLE: LazyLock<[SpecificationKey; 21]> = LazyLock::new(table);

#[expect(clippy::too_many_lines, reason = "a table, not steps")]
fn table() -> [SpecificationKey; 21] {
    [
        key(Entry {
            name: "Name",
            meaning: "Identifies the allocation.",
            example: "report",
            form: name(),
            absent: Absent::Required("write a name of letters, digits, `_`, `.` and `-`"),
            field: required!(name),
        }),
        key(Entry {
            name: "Description",
            meaning: "Explains the allocation to people.",
            example: "Sums of the day",
            form: text(MAX_DESCRIPTION),
            absent: Absent::Nothing("none"),
            field: field!(description),
        }),
        key(Entry {
            name: "Labels",
            meaning: "Labels for people and filters, also put on the container. Names that begin \
                      with `io.docket.` are reserved.",
            example: r#"{"team": "finance"}"#,
            form: labels(),
            absent: Absent::Nothing("none"),
            field: field!(labels),
        }),
        key_of_schedule(
            "the allocation has no schedule",
            Entry {
                name: "Cron",
                meaning: "The schedule: cron with 5, 6 (the sixth is the year) or 7 fields (the first \
                      is the second), an alias such as `@daily`, `@every 1h30m`, ISO 8601 such as \
                      `R/2026-04-29T18:00:00Z/P1D`, or an empty string for manual runs only.",
                example: "0 18 * * MON-FRI",
                form: cron(),
                absent: Absent::RequiredUnless(
                    "After",
                    "write a schedule, \"\" for manual runs only, or After",
                ),
                field: required!(due),
            },
        ),
        key_of_schedule(
            "there is no schedule",
            Entry {
                name: "TimeZone",
                meaning: "The time zone of the schedule.",
                example: "Europe/Berlin",
                form: zone(),
                absent: Absent::Nothing("the server's"),
                field: field!(time_zone),
            },
        ),
        key(Entry {
            name: "After",
            meaning: "Instead of `Cron`: runs once each of these allocations has succeeded again.",
            example: "import",
            form: after(MOST_PARENTS),
            absent: Absent::Nothing("none"),
            // `Cron` and `After` share the field, so that a specification cannot have both.
            field: required!(due),
        }),
        key_of_schedule(
            "a run starts once its parents have succeeded",
            Entry {
                name: "Jitter",
                meaning: "Delays each start by up to this much, but never to the next instant.",
                example: "5m",
                form: optional_length(0),
                absent: Absent::Nothing("none"),
                field: policy!(jitter),
            },
        ),
        key(Entry {
            name: "NotBefore",
            meaning: "No instant is due before this time.",
            example: "2026-11-21T09:00:00+01:00",
            form: time(),
            absent: Absent::Nothing("open"),
            field: policy!(not_before),
        }),
        key(Entry {
            name: "NotAfter",
            meaning: "No instant is due after this time.",
            example: "2026-12-24T18:00:00Z",
            form: time(),
            absent: Absent::Nothing("open"),
            field: policy!(not_after),
        }),
        key(Entry {
            name: "Suspended",
            meaning: "Whether scheduled runs are off; manual runs still start.",
            example: "true",
            form: flag(),
            absent: Absent::Is(false),
            field: policy!(suspended),
        }),
        key(Entry {
            name: "Container",
            meaning: "What runs: the options of the Docker Engine API's `POST /containers/create`, \
                      sent to the engine as they are written. A key that the Engine API does not \
                      know is an error, unless `--allow-unknown-options` is given.",
            example: r#"{
                "Config": {"Image": "busybox", "Cmd": ["echo", "all sums"]},
                "HostConfig": {"Memory": 67108864}
            }"#,
            form: container(&CONTAINER),
            absent: Absent::Required("write at least `Container: {Config: {Image: NAME}}`"),
            field: required!(container),
        }),
        key(Entry {
            name: "EnvFiles",
            meaning: "Files below the server's `--env-dir`, read at each start as `docker run \
                      --env-file` reads them (`NAME=VALUE` lines in UTF-8); never stored or shown.",
            example: r#"["report.env"]"#,
            form: paths(MOST_ENV_FILES),
            absent: Absent::Nothing("none"),
            field: policy!(env_files),
        }),
        key(Entry {
            name: "Placement",
            meaning: "Which of several engines runs it, or on how many hosts. A run stays with its engines and nodes.",
            example: r#"{"Where": ["zone==a"]}"#,
            form: mapping(&*PLACEMENT, None),
            absent: Absent::Is(Placement::default()),
            field: policy!(placement),
        }),
        key(Entry {
            name: "Pull",
            meaning: "When the image is pulled: before each start, if the engine does not have it, \
                      or never.",
            example: "Missing",
            form: words(&Pull::ALL),
            // As the original docket does: a moved tag is found at the next run.
            absent: Absent::Is(Pull::Always),
            field: policy!(pull),
        }),
        key(Entry {
            name: "Overlap",
            meaning: "What a new run does while an older one is under way: it starts as well, is \
                      skipped, stops the older one and starts, or waits (only one waits).",
            example: "Forbid",
            form: words(&Overlap::ALL),
            // As cron does, and the original docket.
            absent: Absent::Is(Overlap::Allow),
            field: policy!(overlap),
        }),
        key_of_schedule(
            "a run is due once its parents have succeeded, and never too late",
            Entry {
                name: "StartingDeadline",
                meaning: "How late docket may decide to start an instant. Later it is missed.",
                example: "30m",
                form: optional_length(1),
                absent: Absent::Nothing("until the next instant, at most `1h`"),
                field: policy!(starting_deadline),
            },
        ),
        key_of_schedule(
            "one run follows the newest runs of its parents, however many there were",
            Entry {
                name: "CatchUp",
                meaning: "Which instants start after an outage, of those within `StartingDeadline`: \
                      the latest, all (up to 100), or only one that is due now.",
                example: "All",
                form: words(&CatchUp::ALL),
                absent: Absent::Is(CatchUp::Latest),
                field: policy!(catch_up),
            },
        ),
        key(Entry {
            name: "Timeout",
            meaning: "Stops an attempt that takes longer.",
            example: "1h30m",
            form: optional_length(1),
            absent: Absent::Nothing("none"),
            field: policy!(timeout),
        }),
        key(Entry {
            name: "Retries",
            meaning: "Further attempts of a run that failed.",
            example: "2",
            form: number_or(RETRIES[0], mapping(&*RETRIES, Some(DELAYS))),
            absent: Absent::Is(Retries::NONE),
            field: policy!(retries),
        }),
        key(Entry {
            name: "Notify",
            meaning: "Who gets a message when a run fails, recovers or is missed; `[]` is no notification. \
                      Replaces `Default` in the server's `--notify` file.",
            example: r#"[{"To": "oncall"}, {"Webhook": "https://hooks.example.org/x", "Repeat": "4h"}]"#,
            form: notifications(&*NOTIFICATIONS, MOST_NOTIFICATIONS),
            absent: Absent::Nothing("the server's"),
            field: policy!(notify),
        }),
        key(Entry {
            name: "Keep",
            meaning: "How much history is kept.",
            example: r#"{"Runs": 10}"#,
            form: mapping(&*KEEP, None),
            absent: Absent::Is(Keep::DEFAULT),
            field: policy!(keep),
        }),
    ]
}

/// The documentation of all keys, those within `Container`, `Retries` and `Keep` included.
#[must_use]
pub fn documentation() -> Vec<KeyDocs> {
    TABLE.iter().flat_map(|key| key.describe()).collect()
}

/// What to write where a required key is missing.
pub(crate) fn remedy(key: &str) -> Option<String> {
    use super::key_definition::Presence::{Optional, Required, RequiredUnless};

    let key = TABLE.iter().find(|known| known.name() == key)?;
    match key.presence() {
        Required(remedy) | RequiredUnless(_, remedy) => {
            Some(format!("{} is required: {remedy}", key.name()))
        }
        Optional => None,
    }
}
