//! A control run: an allocation that is due every second and must not be affected by the faults of others.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::{
    Server, StubEngine,
    allocation::{allocation, with_host_option},
    raw_http_client::Request,
    wait::{BOUND, seen_within},
    wall_clock,
};

const NAME: &str = "control";

/// The control allocation on one server.
#[derive(Debug)]
pub struct ControlRun {
    first: DateTime<Utc>,
}

impl ControlRun {
    /// Pushes the allocation.
    pub fn push(server: &Server) -> Self {
        let first = wall_clock::soon();
        // More instants than a test has seconds, so the schedule does not end before.
        let cron = format!("R10000/{}/PT1S", first.format("%Y-%m-%dT%H:%M:%SZ"));
        let mut often =
            with_host_option(allocation(NAME, &cron, &["true"]), "AutoRemove", json!(true));
        often["CatchUp"] = json!("All");
        // No instant is missed, however slow the machine is: each must have a run.
        often["StartingDeadline"] = json!("1h");
        often["Keep"] = json!({ "Runs": 1_000 });
        server.push(&often);
        Self { first }
    }

    /// Waits until a run of an instant after now has succeeded; returns an error text if none has in time.
    #[must_use]
    pub fn goes_on(&self, server: &Server) -> Option<String> {
        let from = wall_clock::now().max(self.first);
        let has_run = |run: &Value| at(run) >= from && run["State"] == "succeeded";
        let seen = seen_within(BOUND, || server.runs(NAME).iter().any(has_run).then_some(()));
        seen.is_none().then(|| format!("the control run stalled: {:?}", server.runs(NAME).first()))
    }

    /// Ends the control run; returns the number of its instants, and what went wrong with them.
    pub fn end(self, server: &Server, stub: &StubEngine) -> (usize, Vec<String>) {
        let asked = wall_clock::now();
        let suspended = server.send(&Request::post_to(&format!("/{NAME}/suspend"), "{}"));
        assert_eq!(suspended.status, 200, "{}", suspended.text());
        let runs = server.all_ended_within(BOUND, NAME);
        // An instant due at the moment of the suspension is recorded as missed.
        let last =
            |run: &&Value| run["State"] == "missed" && at(run) + TimeDelta::seconds(1) > asked;
        let runs: Vec<_> = runs.iter().skip_while(last).collect();
        let mut starts = BTreeMap::<_, usize>::new();
        for line in stub.ledger().iter().filter(|line| line.allocation() == Some(NAME)) {
            // Each attempt has a name and so a line of its own.
            *starts.entry(line.instant().unwrap()).or_default() += line.starts;
        }
        let due = (0..).map(|second| self.first + TimeDelta::seconds(second));
        let is_right = |(run, due): &(&&Value, DateTime<Utc>)| {
            at(run) == *due && run["State"] == "succeeded" && starts.get(due) == Some(&1)
        };
        let failures = runs.iter().rev().zip(due).filter(|pair| !is_right(pair));
        let failures =
            failures.map(|(run, due)| format!("the control run of {due}: {run}")).collect();
        (runs.len(), failures)
    }
}

fn at(run: &Value) -> DateTime<Utc> {
    wall_clock::parse(run["Instant"].as_str().unwrap())
}
