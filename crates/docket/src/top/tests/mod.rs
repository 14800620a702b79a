//! The terminal view from values alone: what it shows, and what each key asks for.

mod keys;
mod run_details;
mod screen;

use chrono::{DateTime, Utc};
use docket_model::{AllocationName, RunId, wire::RunRecord};
use serde_json::{Value, json};

use super::{
    engine_line::EngineLine,
    key_bindings::Key,
    model_inputs_and_effects::{Effect, Message},
    screen_state::Model,
};

fn now() -> DateTime<Utc> {
    "2026-11-21T09:00:30Z".parse().unwrap()
}

/// An allocation that is due at some time of today, and never ran.
fn allocation(name: &str, next: Option<&str>) -> Value {
    json!({
        "Name": name,
        "Cron": "0 * * * *",
        "Container": {"Config": {"Image": "busybox"}},
        "Logs": [],
        "Status": {
            "Next": next.map(|time| format!("2026-11-21T{time}Z")),
            "Schedule": "every hour",
            "TimeZone": "Europe/Berlin",
            "Running": 0,
            "LastRun": null,
            "Revision": 1,
            "Origin": "api",
            "Created": "2026-11-01T00:00:00Z",
        },
    })
}

fn run(allocation: &str, instant: &str, state: &str, ended: Option<&str>) -> RunRecord {
    let moment = |time: &str| format!("2026-11-21T{time}Z");
    let record = json!({
        "Run": format!("20261121T{}Z", instant.replace(':', "")),
        "Allocation": allocation,
        "Instant": moment(instant),
        "Trigger": "Schedule",
        "State": state,
        "Decided": moment(instant),
        "Ended": ended.map(moment),
        "Attempts": [],
    });
    serde_json::from_value(record).unwrap()
}

fn id(allocation: &str, instant: &str) -> RunId {
    let instant = format!("20261121T{}Z", instant.replace(':', ""));
    RunId { allocation: name(allocation), instant: instant.parse().unwrap() }
}

fn name(text: &str) -> AllocationName {
    AllocationName::try_from(text.to_owned()).unwrap()
}

/// Three allocations: one runs, one failed, one is suspended.
fn model() -> Model {
    let mut backup = allocation("backup", Some("12:00:00"));
    backup["Status"]["Running"] = json!(1);
    let mut report = allocation("report", Some("10:00:00"));
    report["Description"] = json!("the numbers of the day");
    report["Labels"] = json!({"team": "sales"});
    report["Status"]["LastRun"] = json!({
        "Run": "20261121T080000Z", "State": "failed", "ExitCode": 3, "Reason": null,
        "Ended": "2026-11-21T08:00:05Z",
    });
    let mut cleanup = allocation("cleanup", Some("09:30:00"));
    cleanup["Status"]["Suspended"] = json!({
        "By": "ann@db", "Reason": "the disk moves", "Since": "2026-11-21T08:30:00Z",
    });
    let runs = vec![
        run("backup", "09:00:00", "running", None),
        run("report", "08:00:00", "failed", Some("08:00:05")),
    ];
    let mut model = Model::new("http://localhost:3000".to_owned(), now());
    model.update(Message::Link(Ok(())));
    model.update(Message::Engines(EngineLine::AllUp("Docker 28.1".to_owned())));
    model.update(loaded(vec![report, cleanup, backup], runs));
    model
}

fn loaded(allocations: Vec<Value>, runs: Vec<RunRecord>) -> Message {
    Message::Loaded { allocations, newest: runs.clone(), runs }
}

/// Presses keys: those of a word one after the other.
fn type_in(model: &mut Model, word: &str) -> Vec<Effect> {
    word.chars().flat_map(|c| press(model, Key::Char(c))).collect()
}

fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    model.update(Message::Key(key))
}
