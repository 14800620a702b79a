//! What answers look like. A test holds them against the schemas, and against what reads them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The moment of the examples: 2026-11-21 09:00 UTC.
pub(super) fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_251_600, 0).unwrap_or_default()
}

/// An example of what this schema describes, where answers or bodies are of it.
pub(super) fn of(schema: &str) -> Option<Value> {
    Some(match schema {
        "Allocation" => allocation(),
        "AllRunsPage" => json!({"Runs": [run()], "Cursor": "20261121T090000Z-17"}),
        "CancelRequest" => json!({"Kill": true, "By": "ann"}),
        "Checked" | "CheckResponse" => checked(),
        "Deleted" => json!({"deleted": true}),
        "EntryInWords" => json!({
            "At": "2026-11-21T08:30:00Z", "Allocation": "report", "Event": "Created", "By": "127.0.0.1",
            "Text": "created",
        }),
        "Forecast" => json!({
            "From": "2026-11-21T09:01:00Z", "Starts": [0, 2, 1],
            "Frequent": {"Allocations": 1, "Names": ["heartbeat"], "Starts": 18},
        }),
        "Health" => json!({
            "Status": "ok", "Started": "2026-11-21T08:00:00Z", "Time": "2026-11-21T09:00:05Z",
            "TimeZone": "Europe/Berlin",
            "TimeZoneData": {"Version": "2026f", "Origin": "/usr/share/zoneinfo"}, "Store": "sqlite",
            "BackgroundTasks": [{
                "Name": "zone-data", "PeriodMilliseconds": 15000, "Running": false, "Activations": 240,
                "LastStart": "2026-11-21T09:00:00Z", "LastDurationMilliseconds": 2,
            }],
        }),
        "Instants" => json!({"TimeZone": "Europe/Berlin", "Instants": [
            {"At": "2027-03-28T01:00:00Z", "Note": "02:30 does not exist that day: runs at 03:00"},
            {"At": "2027-03-29T00:30:00Z"},
        ]}),
        "NotifyTestRequest" => json!({"Target": "oncall"}),
        "NotifyTestResult" => json!({
            "Target": "oncall", "Delivered": true, "Message": "the receiver answered 200 OK: ok",
        }),
        "Push" | "Specification" => specification(),
        "PushAnswer" => json!({"created": 2, "updated": 0, "unchanged": 0}),
        "Ready" => json!({"Status": "ready", "Engine": engine()}),
        "EngineReport" => json!({
            "Name": "web1", "Kind": "docker", "Urls": ["tcp://web1:2376"], "Labels": {"zone": "a"},
            "State": "up", "Since": "2026-11-21T08:00:05Z", "Version": "20.10.24", "Nodes": 1,
            "Running": 2, "Starting": 1, "Waiting": 0,
        }),
        "EngineCheck" => json!({"Name": "report", "Findings": [{
            "Field": "Container.Config.Image", "Message": "image busybox:nope not found", "Fatal": true,
        }]}),
        "ResumeRequest" => json!({"By": "ann"}),
        "RunPage" => json!({"Runs": [run()], "Cursor": null}),
        "RunRecord" => run(),
        "RunRequest" => json!({"Cmd": ["echo", "all sums"], "Env": ["CURRENCY=EUR"], "By": "ann"}),
        "Session" => json!({"Guarded": true, "SignedIn": false}),
        "SignIn" => json!({"Token": "correct-horse-battery-staple"}),
        "StreamEvent" => json!({
            "id": "17", "event": "gap",
            "data": "{\"Reason\":\"this event has not happened yet: reload everything\"}",
        }),
        "SuspendRequest" => {
            json!({"Reason": "the database moves", "Until": "2099-01-01T00:00:00Z"})
        }
        "Version" => json!({"Version": "0.1.0", "Engine": engine()}),
        "Why" => json!({"Allocation": "report", "Sentences": [
            {"At": "2026-11-21T09:00:05Z", "Text": "It is 2026-11-21 10:00 in Europe/Berlin."},
            {"Text": "There is no record of any run yet."},
        ]}),
        _ => return None,
    })
}

/// A run that a policy forbade.
pub(super) fn skipped() -> Value {
    json!({
        "Run": "20261121T090000.123Z", "Allocation": "report", "Instant": "2026-11-21T09:00:00.123Z",
        "Trigger": "manual", "By": "ann", "State": "skipped",
        "Reason": "the run 20261121T090000Z is still under way (`Overlap: Forbid`)",
        "ReasonCode": "overlap", "ReasonValues": {"Older": "20261121T090000Z"},
        "Decided": "2026-11-21T09:00:00.124Z", "Ended": "2026-11-21T09:00:00.124Z", "Attempts": [],
    })
}

fn engine() -> Value {
    json!({"Version": "29.3.1", "ApiVersion": "1.53"})
}

fn specification() -> Value {
    json!({
        "Name": "report",
        "Description": "Sums of the day, on working days",
        "Labels": {"team": "finance"},
        "Cron": "0 18 * * MON-FRI",
        "TimeZone": "Europe/Berlin",
        "Container": {
            "Config": {"Image": "busybox", "Cmd": ["echo", "all sums"]},
            "HostConfig": {"Memory": 67_108_864},
        },
        "Overlap": "Forbid",
        "Timeout": "1h",
    })
}

fn allocation() -> Value {
    let mut allocation = specification();
    allocation["Logs"] =
        json!(["2026-11-20 18:00:00.412 +0100 CET, [Pulled busybox latest report]"]);
    allocation["Status"] = json!({
        "Next": "2026-11-23T17:00:00Z",
        "Schedule": "at 18:00 on weekdays",
        "TimeZone": "Europe/Berlin",
        "Running": 0,
        "LastRun": {
            "Run": "20261120T170000Z", "State": "succeeded", "ExitCode": 0, "Reason": null,
            "Ended": "2026-11-20T17:00:01.2Z",
        },
        "Revision": 7,
        "Origin": "api",
        "Created": "2026-11-01T08:30:00Z",
    });
    allocation
}

fn run() -> Value {
    json!({
        "Run": "20261121T090000Z", "Allocation": "report", "Instant": "2026-11-21T09:00:00Z",
        "Trigger": "schedule", "State": "succeeded", "Decided": "2026-11-21T09:00:00.003Z",
        "Ended": "2026-11-21T09:00:01.2Z", "LatenessMilliseconds": 212,
        "DurationMilliseconds": 888,
        "Attempts": [{
            "Attempt": 1, "Container": "4f1c", "Engine": "b6d3", "Image": "sha256:9ae9",
            "Started": "2026-11-21T09:00:00.212Z", "Ended": "2026-11-21T09:00:01.1Z",
            "DurationMilliseconds": 888, "ExitCode": 0,
            "OutOfMemory": false, "OutputBytes": 9, "OutputOmitted": 0,
        }],
    })
}

fn checked() -> Value {
    json!({"Findings": [{
        "Line": 3, "Column": 11, "Length": 3, "Field": "TimeZone",
        "Message": "`EST` stays five hours behind UTC in summer, without daylight saving: write \
                    `America/New_York` for the clock there",
        "Fatal": false,
    }], "Allocations": [{
        "Name": "report", "Line": 1, "Schedule": "at 18:00 on weekdays", "TimeZone": "EST",
        "Instants": [{"At": "2026-11-23T23:00:00Z"}],
        "Specification": {
            "Name": "report", "Cron": "0 18 * * 1-5", "TimeZone": "EST",
            "Container": {"Config": {"Image": "busybox"}},
        },
    }]})
}
