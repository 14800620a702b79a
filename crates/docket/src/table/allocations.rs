//! The table of all allocations.

use chrono::{DateTime, Utc};
use docket_model::wire::Status;
use serde::Deserialize;
use serde_json::Value;

use super::layout::{Column, fits, table};
use crate::{
    print::{Screen, on_one_line},
    schedule_in_words::Due,
    time_and_state_words,
};

const COLUMNS: [Column; 5] = [
    // The widths are what tells most rows apart; the ranks say what a small terminal can do
    // without.
    Column::cut("NAME", 16, 0),
    Column::cut("SCHEDULE", 12, 3),
    Column::cut("NEXT", 17, 2),
    Column::cut("ACTIVE", 9, 4),
    Column::cut("LAST RESULT", 16, 1),
];

/// All allocations, one per line. A terminal that has no room for the next instants shows the time until
/// them.
pub(crate) fn of_all(allocations: &[Value], now: DateTime<Utc>, screen: Screen) -> String {
    if allocations.is_empty() {
        return "no allocations: create those of docket.yml with `docket push`".to_owned();
    }
    let rows = |next: Next| {
        allocations.iter().map(|allocation| row(allocation, next, now)).collect::<Vec<_>>()
    };
    // One form for all rows: a column with both would be hard to compare.
    let complete = rows(Due::next);
    let rows = if fits(&complete, COLUMNS, screen) { complete } else { rows(Due::next_briefly) };
    table(COLUMNS, rows, screen)
}

/// The form of the next instant.
type Next = fn(&Due, &Status, DateTime<Utc>) -> String;

fn row(allocation: &Value, next: Next, now: DateTime<Utc>) -> [String; 5] {
    let name = allocation.get("Name").and_then(Value::as_str).unwrap_or_default();
    let due = Due::read(allocation);
    // Another version of the server may lack some keys.
    let status = allocation.get("Status").and_then(|status| Status::deserialize(status).ok());
    let status = status.as_ref();
    let next = status.map(|status| next(&due, status, now)).unwrap_or_default();
    let active = status.map(time_and_state_words::under_way).unwrap_or_default();
    [name.to_owned(), due.schedule(), next, active, last_result(status, now)]
}

/// The result of the last run, if there was one.
pub(super) fn last_result(status: Option<&Status>, now: DateTime<Utc>) -> String {
    match status {
        Some(Status { last_run: Some(run), .. }) => {
            on_one_line(&time_and_state_words::result(run, now))
        }
        Some(_) => "no runs yet".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn status(more: Value) -> Value {
        let mut status = json!({"Next": null, "TimeZone": "Europe/Berlin", "Running": 0,
            "LastRun": null, "Revision": 1, "Origin": "api", "Created": "2026-11-01T00:00:00Z"});
        let Value::Object(more) = more else { panic!("no object") };
        status.as_object_mut().unwrap().extend(more);
        status
    }

    fn allocations() -> Vec<Value> {
        let failed = json!({"Run": "20261120T080000Z", "State": "failed", "ExitCode": 3,
            "Ended": "2026-11-20T08:00:05Z"});
        let suspended = json!({"By": "ann@db", "Reason": "the database moves",
            "Since": "2026-11-21T08:00:00Z", "Until": "2026-11-23T05:00:00Z"});
        vec![
            json!({"Name": "report", "Cron": "0 9 * * 1-5", "Status": status(json!({
                "Next": "2026-11-23T08:00:00Z", "Running": 1, "LastRun": failed}))}),
            json!({"Name": "control\u{1b}[2J", "Cron": "", "Status": status(json!({}))}),
            json!({"Name": "moving", "Cron": "@daily", "Status": status(json!({
                "Next": "2026-11-22T00:00:00Z", "Running": 1, "Waiting": 1, "Suspended": suspended}))}),
            json!({"Name": "off", "Cron": "@daily", "Suspended": true,
                "Status": status(json!({}))}),
            json!({"Name": "load", "After": ["extract"], "Status": status(json!({}))}),
            json!({"Name": "a-name-that-is-as-long-as-names-of-large-companies-are",
                "After": ["extract", "transform"], "Status": status(json!({}))}),
            json!({"Name": "from-an-older-server", "Cron": "@daily"}),
        ]
    }

    fn on(screen: Screen) -> String {
        of_all(&allocations(), "2026-11-21T09:00:00Z".parse().unwrap(), screen)
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_snapshot!(on(Screen::Terminal(200)), @"
        NAME                                                    SCHEDULE                  NEXT                                            ACTIVE                LAST RESULT
        report                                                  0 9 * * 1-5               2026-11-23 09:00 CET (in 1d 23h)                1 running             failed 1d ago: exit code 3
        control�[2J                                             manual                    not scheduled                                                         no runs yet
        moving                                                  @daily                    suspended by ann@db until 2026-11-23 06:00 CET  1 running, 1 waiting  no runs yet
        off                                                     @daily                    suspended by its specification                                        no runs yet
        load                                                    after extract             when extract succeeds                                                 no runs yet
        a-name-that-is-as-long-as-names-of-large-companies-are  after extract, transform  when all of them have succeeded                                       no runs yet
        from-an-older-server                                    @daily
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_long_columns_and_leaves_out_whole_ones() {
        assert_snapshot!(on(Screen::Terminal(80)), @r"
        NAME              SCHEDULE      NEXT               ACTIVE       LAST RESULT
        report            0 9 * * 1-5   in 1d 23h          1 running    failed 1d ago:…
        control�[2J       manual        not scheduled                   no runs yet
        moving            @daily        suspended by…      1 running,…  no runs yet
        off               @daily        suspended by its…               no runs yet
        load              after extra…  when extract…                   no runs yet
        a-name-that-is-…  after extra…  when all of them…               no runs yet
        from-an-older-s…  @daily
        ");
        assert_snapshot!(on(Screen::Terminal(40)), @"
        NAME                LAST RESULT        …
        report              failed 1d ago:…
        control�[2J         no runs yet
        moving              no runs yet
        off                 no runs yet
        load                no runs yet
        a-name-that-is-as…  no runs yet
        from-an-older-ser…
        ");
        assert_snapshot!(on(Screen::Terminal(20)), @"
        NAME               …
        report
        control�[2J
        moving
        off
        load
        a-name-that-is-a…
        from-an-older-se…
        ");
        assert_snapshot!(on(Screen::Terminal(3)), @"
        NA…
        re…
        co…
        mo…
        off
        lo…
        a-…
        fr…
        ");
    }

    #[test]
    fn a_program_gets_columns_separated_by_tabs() {
        assert_snapshot!(on(Screen::Program).replace('\t', "|"), @"
        NAME|SCHEDULE|NEXT|ACTIVE|LAST RESULT
        report|0 9 * * 1-5|2026-11-23 09:00 CET (in 1d 23h)|1 running|failed 1d ago: exit code 3
        control�[2J|manual|not scheduled||no runs yet
        moving|@daily|suspended by ann@db until 2026-11-23 06:00 CET|1 running, 1 waiting|no runs yet
        off|@daily|suspended by its specification||no runs yet
        load|after extract|when extract succeeds||no runs yet
        a-name-that-is-as-long-as-names-of-large-companies-are|after extract, transform|when all of them have succeeded||no runs yet
        from-an-older-server|@daily|||
        ");
    }
}
