//! The allocations of a crash test: together they pass every point of a run's life.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::allocation::script_once;

/// An allocation, and the states in which its runs may end.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) allocation: Value,
    /// Its first instant.
    pub(super) first: DateTime<Utc>,
    /// The states in which its runs may end.
    pub(super) ends: &'static [&'static str],
    /// Additional states after interference.
    pub(super) ends_after_interference: &'static [&'static str],
}

/// The interval between instants, in seconds.
pub(super) const PERIOD: i64 = 3;

const AFTER_INTERFERENCE: &[&str] = &["failed", "lost"];

/// All workloads, due from `first` on; each container appends its run to a file in `start_log`.
pub(super) fn all(first: DateTime<Utc>, start_log: &Path) -> Vec<Workload> {
    fs::create_dir(start_log).unwrap();
    let mut number = 0;
    let mut make = |name, script: &str, policies: Value, ends| {
        // Spread, so that some run starts in each second.
        let first = first + TimeDelta::seconds(number % PERIOD);
        number += 1;
        let log_start =
            format!(r#"echo "$DOCKET_RUN $DOCKET_ATTEMPT" >>/start-log/starts; {script}"#);
        let mut allocation = script_once(name, first, &log_start);
        allocation["Cron"] =
            format!("R10000/{}/PT{PERIOD}S", first.format("%Y-%m-%dT%H:%M:%SZ")).into();
        // The report needs the record of each instant.
        allocation["Keep"] = json!({ "Runs": 10_000 });
        // A shell as the first process ignores SIGTERM, and each stop would take ten seconds.
        allocation["Container"]["Config"]["StopSignal"] = json!("SIGKILL");
        let host = &mut allocation["Container"]["HostConfig"];
        host["AutoRemove"] = json!(true);
        host["Binds"] = json!([format!("{}:/start-log", start_log.display())]);
        for (key, value) in policies.as_object().unwrap() {
            allocation[key] = value.clone();
        }
        Workload { name, allocation, first, ends, ends_after_interference: AFTER_INTERFERENCE }
    };
    // All instants start, however late: none is missed.
    let patient = |mut policies: Value| {
        policies["StartingDeadline"] = json!("1h");
        policies["CatchUp"] = json!("All");
        policies
    };
    let retries = json!({ "Retries": { "Limit": 1, "Delay": "1s" } });
    vec![
        make("plain", "sleep 0.5", patient(json!({})), &["succeeded"]),
        // The first attempt fails, and the second one succeeds.
        make("retried", "exit $((2 - DOCKET_ATTEMPT))", patient(retries), &["succeeded"]),
        make(
            "queued",
            // Longer than the period, so that runs queue.
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
            // Longer than a slow machine takes for a few kills and restarts: it never ends by itself.
            "sleep 600",
            patient(json!({ "Timeout": "1s", "Overlap": "Queue" })),
            &["timed-out", "skipped"],
        ),
        make(
            "lasting",
            "sleep 8",
            patient(json!({ "Overlap": "Forbid" })),
            &["succeeded", "skipped"],
        ),
        // The default policies: at most the latest past instant is caught up.
        make("latest", "true", json!({}), &["succeeded", "missed"]),
    ]
}
