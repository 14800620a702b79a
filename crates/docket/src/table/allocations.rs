//! Tables of allocations.

use chrono::{DateTime, Utc};
use docket_model::wire::Status;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{plain_table, trimmed};
use crate::{output::without_control, words};

/// How many of the newest log entries are shown.
const SHOWN_LOGS: usize = 5;

/// What a table needs of an allocation. What another version of the server lacks is left empty.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Shown {
    name: String,
    description: Option<String>,
    labels: Option<Map<String, Value>>,
    cron: String,
    suspended: bool,
    container: Value,
    logs: Option<Vec<String>>,
    status: Value,
}

impl Shown {
    fn read(allocation: &Value) -> (Self, Option<Status>) {
        let shown = Self::deserialize(allocation).unwrap_or_default();
        let status = Status::deserialize(&shown.status).ok();
        (shown, status)
    }

    /// When it runs next, or why it does not.
    fn next(&self, status: Option<&Status>, now: DateTime<Utc>) -> String {
        match status {
            Some(status) if self.suspended && status.suspended.is_none() => {
                "suspended by its specification".to_owned()
            }
            Some(status) => words::next(status, now),
            None => String::new(),
        }
    }
}

/// All allocations, a line each.
pub(crate) fn of_all(allocations: &[Value], now: DateTime<Utc>) -> String {
    if allocations.is_empty() {
        return "no allocations: `docket push` creates those of docket.yml".to_owned();
    }
    let mut table = plain_table();
    table.set_header(["NAME", "SCHEDULE", "NEXT", "RUNNING", "LAST RESULT"]);
    for (shown, status) in allocations.iter().map(Shown::read) {
        let next = shown.next(status.as_ref(), now);
        let running = status.as_ref().filter(|status| status.running > 0);
        let running = running.map(|status| status.running.to_string()).unwrap_or_default();
        let last = last_in_words(status.as_ref(), now);
        let cells = [shown.name, shown.cron, next, running, last];
        table.add_row(cells.map(|cell| without_control(&cell)));
    }
    trimmed(&table)
}

/// One allocation, a line for each thing that is known of it.
pub(crate) fn of_one(allocation: &Value, now: DateTime<Utc>) -> String {
    let (shown, status) = Shown::read(allocation);
    let config = |key: &str| shown.container.get("Config").and_then(|config| config.get(key));
    let labels = shown.labels.iter().flatten();
    let labels: Vec<_> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("?"))).collect();
    let known = status.as_ref();
    let next = shown.next(known, now);
    let logs = shown.logs.unwrap_or_default();
    let newest = logs.get(logs.len().saturating_sub(SHOWN_LOGS)..).unwrap_or_default();
    let rows = [
        ("Name", shown.name),
        ("Description", shown.description.unwrap_or_default()),
        ("Labels", labels.join("\n")),
        ("Schedule", shown.cron),
        ("Time zone", known.map(|status| status.time_zone.clone()).unwrap_or_default()),
        ("Next", next),
        ("Suspended", known.and_then(|status| suspension(status, now)).unwrap_or_default()),
        ("Last result", last_in_words(known, now)),
        ("Running", known.map(|status| status.running.to_string()).unwrap_or_default()),
        ("Image", config("Image").and_then(Value::as_str).unwrap_or_default().to_owned()),
        (
            "Command",
            config("Cmd").filter(|cmd| !cmd.is_null()).map(Value::to_string).unwrap_or_default(),
        ),
        ("From", known.map(|status| status.origin.clone()).unwrap_or_default()),
        ("Created", known.map(|status| words::relative(status.created, now)).unwrap_or_default()),
        ("Warnings", known.map(|status| status.warnings.join("\n")).unwrap_or_default()),
        ("Newest logs", newest.join("\n")),
    ];
    let mut table = plain_table();
    for (key, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([format!("{key}:"), without_control(&value)]);
    }
    trimmed(&table)
}

fn last_in_words(status: Option<&Status>, now: DateTime<Utc>) -> String {
    match status {
        Some(Status { last_run: Some(run), .. }) => words::result(run, now),
        Some(_) => "has not run yet".to_owned(),
        None => String::new(),
    }
}

/// Why a suspension by hand was wanted, and since when.
fn suspension(status: &Status, now: DateTime<Utc>) -> Option<String> {
    let suspension = status.suspended.as_ref()?;
    let since = words::relative(suspension.since, now);
    Some(match &suspension.reason {
        Some(reason) => format!("{since}: {reason}"),
        None => since,
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-21T09:00:00Z".parse().unwrap()
    }

    fn report() -> Value {
        json!({
            "Name": "report",
            "Description": "the numbers of the day",
            "Labels": {"team": "sales"},
            "Cron": "0 9 * * 1-5",
            "Container": {"Config": {"Image": "busybox", "Cmd": ["echo", "hello"]}},
            "Logs": ["one", "two", "three", "four", "five", "six"],
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

    #[test]
    fn a_table_of_all_has_the_next_instant_and_the_last_result_in_words() {
        let never = json!({
            "Name": "never\u{1b}[2J", "Cron": "", "Status": {
                "Next": null, "TimeZone": "UTC", "Running": 0, "LastRun": null, "Revision": 1,
                "Origin": "api", "Created": "2026-11-01T00:00:00Z",
            },
        });
        let by_hand = json!({
            "Name": "moving", "Cron": "@daily", "Status": {
                "Next": "2026-11-22T00:00:00Z", "TimeZone": "Europe/Berlin", "Running": 2,
                "LastRun": null, "Revision": 1, "Origin": "api", "Created": "2026-11-01T00:00:00Z",
                "Suspended": {
                    "By": "ann@db", "Reason": "the database moves",
                    "Since": "2026-11-21T08:00:00Z", "Until": "2026-11-23T05:00:00Z",
                },
            },
        });
        let by_itself = json!({
            "Name": "off", "Cron": "@daily", "Suspended": true, "Status": {
                "Next": null, "TimeZone": "UTC", "Running": 0, "LastRun": null, "Revision": 1,
                "Origin": "api", "Created": "2026-11-01T00:00:00Z",
            },
        });
        assert_snapshot!(of_one(&by_hand, now()), @"
        Name:         moving
        Schedule:     @daily
        Time zone:    Europe/Berlin
        Next:         suspended by ann@db until 2026-11-23 06:00 CET
        Suspended:    1h ago: the database moves
        Last result:  has not run yet
        Running:      2
        From:         api
        Created:      20d 9h ago
        ");
        let unknown = json!({"Name": "from-an-older-server", "Cron": "@daily"});
        assert_snapshot!(of_all(&[report(), never, by_hand, by_itself, unknown], now()), @"
        NAME                  SCHEDULE     NEXT                                            RUNNING  LAST RESULT
        report                0 9 * * 1-5  2026-11-23 09:00 CET (in 1d 23h)                1        failed 1d ago: exit code 3
        never�[2J                          never                                                    has not run yet
        moving                @daily       suspended by ann@db until 2026-11-23 06:00 CET  2        has not run yet
        off                   @daily       suspended by its specification                           has not run yet
        from-an-older-server  @daily
        ");
    }

    #[test]
    fn a_table_of_one_has_all_that_is_known() {
        assert_snapshot!(of_one(&report(), now()), @r#"
        Name:         report
        Description:  the numbers of the day
        Labels:       team=sales
        Schedule:     0 9 * * 1-5
        Time zone:    Europe/Berlin
        Next:         2026-11-23 09:00 CET (in 1d 23h)
        Last result:  failed 1d ago: exit code 3
        Running:      1
        Image:        busybox
        Command:      ["echo","hello"]
        From:         docket.yml
        Created:      20d 9h ago
        Warnings:     runs on odd days OR Mondays
        Newest logs:  two
                      three
                      four
                      five
                      six
        "#);
    }
}
