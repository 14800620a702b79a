//! The allocations of an ordeal: together they pass every point of a run's life.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::allocation::script_once;

/// An allocation, and what may come of its runs.
#[derive(Debug)]
pub(super) struct Specimen {
    pub(super) name: &'static str,
    pub(super) allocation: Value,
    /// Its first instant.
    pub(super) first: DateTime<Utc>,
    /// The states in which its runs may end.
    pub(super) ends: &'static [&'static str],
    /// Those in which they may end besides, where others meddle.
    pub(super) ends_if_meddled: &'static [&'static str],
}

/// How far apart the instants are, in seconds.
pub(super) const PERIOD: i64 = 3;

const MEDDLED: &[&str] = &["failed", "lost"];

/// All of them, due from a moment on; each container adds its run to a file below `witness`.
pub(super) fn all(first: DateTime<Utc>, witness: &Path) -> Vec<Specimen> {
    fs::create_dir(witness).unwrap();
    let mut number = 0;
    let mut make = |name, script: &str, policies: Value, ends| {
        // Spread, so that something happens in each second.
        let first = first + TimeDelta::seconds(number % PERIOD);
        number += 1;
        let sign = format!(r#"echo "$DOCKET_RUN $DOCKET_ATTEMPT" >>/witness/starts; {script}"#);
        let mut allocation = script_once(name, first, &sign);
        allocation["Cron"] =
            format!("R10000/{}/PT{PERIOD}S", first.format("%Y-%m-%dT%H:%M:%SZ")).into();
        allocation["Keep"] = json!({ "Runs": 10_000 });
        allocation["Container"]["Config"]["StopSignal"] = json!("SIGKILL");
        let host = &mut allocation["Container"]["HostConfig"];
        host["AutoRemove"] = json!(true);
        host["Binds"] = json!([format!("{}:/witness", witness.display())]);
        for (key, value) in policies.as_object().unwrap() {
            allocation[key] = value.clone();
        }
        Specimen { name, allocation, first, ends, ends_if_meddled: MEDDLED }
    };
    // All instants start, however late, so that none may be missed.
    let patient = |mut policies: Value| {
        policies["StartingDeadline"] = json!("1h");
        policies["CatchUp"] = json!("All");
        policies
    };
    let retries = json!({ "Retries": { "Limit": 1, "Delay": "1s" } });
    vec![
        make("plain", "sleep 0.5", patient(json!({})), &["succeeded"]),
        make("retried", "exit $((2 - DOCKET_ATTEMPT))", patient(retries), &["succeeded"]),
        make(
            "queued",
            "sleep 4",
            patient(json!({ "Overlap": "Queue" })),
            &["succeeded", "skipped"],
        ),
        make(
            "replaced",
            "sleep 6",
            patient(json!({ "Overlap": "Replace" })),
            &["succeeded", "cancelled"],
        ),
        make(
            "timed",
            "sleep 10",
            patient(json!({ "Timeout": "1s", "Overlap": "Queue" })),
            &["timed-out", "skipped"],
        ),
        make(
            "lasting",
            "sleep 8",
            patient(json!({ "Overlap": "Forbid" })),
            &["succeeded", "skipped"],
        ),
        // By the defaults: what has gone by is made up for once at most.
        make("latest", "true", json!({}), &["succeeded", "missed"]),
    ]
}
