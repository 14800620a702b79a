//! The allocations of a crash test: together they pass every point of a run's life.

use std::{fs, path::Path};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::start_log::LOG_START;
use crate::{
    allocation::script_once,
    kubernetes_cluster::{PodCluster, in_a_pod},
};

/// An allocation, and the states in which its runs may end.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) allocation: Value,
    /// Its first instant.
    pub(super) first: DateTime<Utc>,
    /// The interval between its instants, in seconds.
    pub(super) period: i64,
    /// The states in which its runs may end.
    pub(super) ends: &'static [&'static str],
    /// Additional states after interference.
    pub(super) ends_after_interference: &'static [&'static str],
}

impl Workload {
    /// The same on the workers of a Swarm, which all see the folder of the start log.
    pub(super) fn on_workers(mut self) -> Self {
        self.allocation["Placement"] = json!({ "Where": ["node.role==worker"], "Shared": true });
        // Swarm has no network `none`.
        let host = self.allocation["Container"]["HostConfig"].as_object_mut().unwrap();
        host.remove("NetworkMode");
        self
    }

    /// The same as pods of a cluster whose only node is this machine, which has the start log.
    pub(super) fn in_pods(mut self, cluster: &dyn PodCluster) -> Self {
        self.allocation = in_a_pod(self.allocation);
        self.allocation["Placement"] = json!({ "Shared": true });
        let config = self.allocation["Container"]["Config"].as_object_mut().unwrap();
        // Pods have no stop signal of their own, and the shell ignores theirs.
        config.remove("StopSignal");
        config.insert("StopTimeout".to_owned(), json!(1));
        if let Some(command) = cluster.command(self.name) {
            config.insert("Cmd".to_owned(), command);
        }
        self
    }
}

/// The interval between instants on Docker, in seconds.
pub(super) const PERIOD: i64 = 3;

const AFTER_INTERFERENCE: &[&str] = &["failed", "lost"];

/// All workloads, due from `first` on; each container appends its run to a file in `start_log`.
pub(super) fn all(first: DateTime<Utc>, start_log: &Path, period: i64) -> Vec<Workload> {
    fs::create_dir(start_log).unwrap();
    let mut number = 0;
    let mut make = |name, script: &str, policies: Value, ends| {
        // Spread, so that some run starts in each second.
        let first = first + TimeDelta::seconds(number % period);
        number += 1;
        let mut allocation = script_once(name, first, &format!("{LOG_START}; {script}"));
        allocation["Cron"] =
            format!("R10000/{}/PT{period}S", first.format("%Y-%m-%dT%H:%M:%SZ")).into();
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
        let ends_after_interference = AFTER_INTERFERENCE;
        Workload { name, allocation, first, period, ends, ends_after_interference }
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
