//! One allocation with all its details.

use chrono::{DateTime, Utc};
use docket_model::wire::Status;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{allocations::last_result, container, key_values, policies, run_history_lines};
use crate::{print::Screen, schedule_in_words::Due, time_and_state_words};

/// The number of log entries to show.
const SHOWN_LOGS: usize = 5;

/// The keys of an allocation to show. Keys that another version of the server lacks are empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Shown {
    name: String,
    description: Option<String>,
    labels: Option<Map<String, Value>>,
    container: Value,
    env_files: Value,
    logs: Option<Vec<String>>,
    status: Value,
}

/// One allocation, one line per detail.
pub(crate) fn of_one(allocation: &Value, now: DateTime<Utc>, screen: Screen) -> String {
    // Another version of the server may have a key in another form: then the rest is still worth
    // showing.
    let shown = Shown::deserialize(allocation).unwrap_or_default();
    let status = Status::deserialize(&shown.status).ok();
    let rows = [what(&shown), when(allocation, status.as_ref(), now)].into_iter().flatten();
    let rows = rows.chain(container::rows(&shown.container, texts(&shown.env_files).join("\n")));
    let rows = rows.chain([("Policies", policies::of(allocation))]);
    let rows = rows.chain(known(&shown, status.as_ref(), now));
    let rows = rows.filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = rows.map(|(key, value)| (format!("{key}:"), value)).collect();
    key_values::behind_keys(&rows, screen)
}

/// A detail and its text.
pub(super) type Row = (&'static str, String);

fn what(shown: &Shown) -> Vec<Row> {
    let labels = shown.labels.iter().flatten();
    let labels: Vec<_> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?"))).collect();
    vec![
        ("Name", shown.name.clone()),
        ("Description", shown.description.clone().unwrap_or_default()),
        ("Labels", labels.join("\n")),
    ]
}

fn when(allocation: &Value, status: Option<&Status>, now: DateTime<Utc>) -> Vec<Row> {
    let due = Due::read(allocation);
    let status_text = |text: &dyn Fn(&Status) -> String| status.map(text).unwrap_or_default();
    vec![
        ("Schedule", due.schedule()),
        ("Time zone", status_text(&|status| status.time_zone.clone())),
        ("Next", status_text(&|status| due.next(status, now))),
        ("Suspended", status_text(&|status| suspension(status, now))),
        ("Last result", last_result(status, now)),
        ("Active", status_text(&time_and_state_words::under_way)),
    ]
}

fn known(shown: &Shown, status: Option<&Status>, now: DateTime<Utc>) -> Vec<Row> {
    let logs = shown.logs.as_deref().unwrap_or_default();
    // `Logs` is sorted oldest first, as in the original docket.
    let newest = logs.get(logs.len().saturating_sub(SHOWN_LOGS)..).unwrap_or_default();
    let newest: Vec<_> = newest.iter().map(|entry| run_history_lines::in_words(entry)).collect();
    vec![
        ("From", status.map(|status| status.origin.clone()).unwrap_or_default()),
        (
            "Created",
            status.map(|it| time_and_state_words::relative(it.created, now)).unwrap_or_default(),
        ),
        ("Warnings", status.map(|status| status.warnings.join("\n")).unwrap_or_default()),
        ("Newest logs", newest.join("\n")),
    ]
}

/// The texts of a list, or a text alone.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// The reason of a manual suspension, and since when it is in force.
fn suspension(status: &Status, now: DateTime<Utc>) -> String {
    let Some(suspension) = &status.suspended else { return String::new() };
    let since = time_and_state_words::relative(suspension.since, now);
    match &suspension.reason {
        Some(reason) => format!("{since}: {reason}"),
        None => since,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        json!({
            "Name": "report",
            "Description": "the numbers of the day",
            "Labels": {"team": "sales"},
            "Cron": "0 9 * * 1-5",
            "NotAfter": "2027-01-01T00:00:00Z",
            "Container": {
                "Config": {"Image": "busybox", "Cmd": ["echo", "hello world"],
                    "Env": ["PASSWORD=hidden", "LANG=C", "FROM_IMAGE"]},
                "HostConfig": {
                    "Binds": ["/srv/data:/data:ro", "cache:/cache"],
                    "Mounts": [{"Type": "bind", "Source": "/etc/ssl", "Target": "/ssl", "ReadOnly": true}],
                    "Tmpfs": {"/run": "size=64m"},
                    "Memory": 536_870_912, "NanoCpus": 1_500_000_000_i64, "PidsLimit": 100,
                    "NetworkMode": "none",
                    "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}],
                },
            },
            "EnvFiles": ["report.env"],
            "Overlap": "Forbid",
            "Timeout": "10m",
            "Retries": {"Limit": 2, "Delay": "1m"},
            "Keep": {"Runs": 7},
            "Logs": [
                "2026-11-20 08:59:59.000000000 +0100 CET, [Pulled busybox 1.36 report]",
                "2026-11-20 09:00:00.601558174 +0100 CET, [created: 0123456789abcdef0123456789abcdef]",
                "2026-11-20 09:00:01.000000000 +0100 CET, [started: 0123456789abcdef0123456789abcdef]",
                "2026-11-20 09:00:02.000000000 +0100 CET, [exited: 0123456789abcdef0123456789abcdef 3]",
                "2026-11-20 09:00:32.000000000 +0100 CET, [Error: image example/missing not found]",
                "in the words of a later version",
            ],
            "Status": {
                "Next": "2026-11-23T08:00:00Z",
                "TimeZone": "Europe/Berlin",
                "Running": 1,
                "LastRun": {
                    "Run": "20261120T080000Z", "State": "failed", "ExitCode": 3,
                    "Ended": "2026-11-20T08:00:05Z",
                },
                "Revision": 7,
                "Origin": "docket.yml",
                "Created": "2026-11-01T00:00:00Z",
                "Warnings": ["runs on odd days OR Mondays"],
            },
        })
    }

    fn on(allocation: &Value, screen: Screen) -> String {
        of_one(allocation, "2026-11-21T09:00:00Z".parse().unwrap(), screen)
    }

    #[test]
    fn one_allocation_is_shown_with_all_details() {
        assert_snapshot!(on(&report(), Screen::Terminal(80)), @r#"
        Name:         report
        Description:  the numbers of the day
        Labels:       team=sales
        Schedule:     0 9 * * 1-5
        Time zone:    Europe/Berlin
        Next:         2026-11-23 09:00 CET (in 1d 23h)
        Last result:  failed 1d ago: exit code 3
        Active:       1 running
        Image:        busybox
        Command:      ["echo","hello world"]
        Environment:  PASSWORD, LANG, FROM_IMAGE
        Env files:    report.env
        Mounts:       /srv/data:/data:ro
                      cache:/cache
                      /etc/ssl:/ssl:ro
                      tmpfs:/run:size=64m
        Network:      none
        Limits:       Memory 512.0 MiB
                      NanoCpus 1.5 CPUs
                      PidsLimit 100
                      Ulimit nofile 1024:2048
        Policies:     NotAfter 2027-01-01T00:00:00Z
                      Pull Always (default)
                      Overlap Forbid
                      CatchUp Latest (default)
                      Timeout 10m
                      Retries Limit 2, Delay 1m
                      Keep Runs 7
        From:         docket.yml
        Created:      20d 9h ago
        Warnings:     runs on odd days OR Mondays
        Newest logs:  2026-11-20 09:00:00 CET  created container 0123456789ab
                      2026-11-20 09:00:01 CET  started container 0123456789ab
                      2026-11-20 09:00:02 CET  container 0123456789ab exited with code 3
                      2026-11-20 09:00:32 CET  error: image example/missing not found
                      in the words of a later version
        "#);
    }

    #[test]
    fn on_a_narrow_terminal_values_are_below_their_keys() {
        let allocation = json!({"Name": "report", "Cron": "0 9 * * 1-5", "Description":
            "the numbers of the day for everybody who wants to know them"});
        assert_snapshot!(on(&allocation, Screen::Terminal(20)), @"
        Name:
          report
        Description:
          the numbers of the
          day for everybody
          who wants to know
          them
        Schedule:
          0 9 * * 1-5
        Policies:
          Pull Always
          (default)
          Overlap Allow
          (default)
          CatchUp Latest
          (default)
          Timeout none
          (default)
          Retries 0
          (default)
        ");
    }

    #[test]
    fn for_programs_each_line_has_its_key() {
        let allocation = json!({"Name": "report", "Labels": {"a": "1", "b": "2"}, "Cron": ""});
        assert_snapshot!(on(&allocation, Screen::Program).replace('\t', "|"), @"
        Name:|report
        Labels:|a=1
        Labels:|b=2
        Schedule:|manual
        Policies:|Pull Always (default)
        Policies:|Overlap Allow (default)
        Policies:|CatchUp Latest (default)
        Policies:|Timeout none (default)
        Policies:|Retries 0 (default)
        ");
    }

    #[test]
    fn a_suspension_says_since_when_and_why() {
        let allocation = json!({"Name": "moving", "After": ["extract"], "Status": {
            "TimeZone": "UTC", "Running": 0, "Revision": 1, "Origin": "api",
            "Created": "2026-11-01T00:00:00Z", "Suspended": {"By": "ann@db",
            "Reason": "the database moves", "Since": "2026-11-21T08:00:00Z"}}});
        assert_snapshot!(on(&allocation, Screen::Terminal(80)), @"
        Name:         moving
        Schedule:     after extract
        Time zone:    UTC
        Next:         suspended by ann@db
        Suspended:    1h ago: the database moves
        Last result:  no runs yet
        Policies:     Pull Always (default)
                      Overlap Allow (default)
                      CatchUp Latest (default)
                      Timeout none (default)
                      Retries 0 (default)
        From:         api
        Created:      20d 9h ago
        ");
    }
}
