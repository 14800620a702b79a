//! The tables of the runs of an allocation, and of all runs.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::{
    Zone,
    wire::{RunRecord, RunSummary},
};

use super::layout::{Column, table};
use crate::{print::Screen, time_and_state_words};

/// Names of runs are never cut, so that they can be copied.
const COLUMNS: [Column; 8] = [
    Column::cut("RUN", 20, 0),
    Column::cut("STATE", 17, 1),
    Column::whole("TRIGGER", 6),
    Column::whole("STARTED", 5),
    Column::whole("DURATION", 3),
    Column::whole("LATENESS", 7),
    Column::whole("EXIT CODE", 4),
    Column::cut("REASON", 12, 2),
];

/// The same with the name of the allocation.
const COLUMNS_OF_ALL: [Column; 9] = {
    let [_, state, trigger, started, duration, lateness, code, reason] = COLUMNS;
    // A small terminal shows which allocations have which state, rather than the names of runs.
    let (allocation, run) = (Column::cut("ALLOCATION", 16, 0), Column::cut("RUN", 20, 2));
    [allocation, run, state, trigger, started, duration, lateness, code, reason]
};

/// Runs of one allocation, one per line, with their times in its time zone.
pub(crate) fn of_runs(
    runs: &[RunRecord],
    zone: Zone,
    now: DateTime<Utc>,
    screen: Screen,
) -> String {
    table(COLUMNS, runs.iter().map(|run| row(run, zone, now)), screen)
}

/// Runs of several allocations, one per line, with their times in a zone.
pub(crate) fn of_all_runs(
    runs: &[RunRecord],
    zone: Zone,
    now: DateTime<Utc>,
    screen: Screen,
) -> String {
    let row = |run: &RunRecord| {
        let [id, state, trigger, started, duration, lateness, code, reason] = row(run, zone, now);
        let name = run.allocation.clone();
        [name, id, state, trigger, started, duration, lateness, code, reason]
    };
    table(COLUMNS_OF_ALL, runs.iter().map(row), screen)
}

fn row(run: &RunRecord, zone: Zone, now: DateTime<Utc>) -> [String; 8] {
    let started = run.started();
    let lateness =
        run.lateness_milliseconds.map(TimeDelta::milliseconds).map(time_and_state_words::exact);
    let code = run.exit_code();
    [
        name(run),
        state(run, now),
        time_and_state_words::trigger(run).to_owned(),
        started.map(|started| time_and_state_words::wall_clock(started, zone)).unwrap_or_default(),
        run.duration(now).map(time_and_state_words::exact).unwrap_or_default(),
        lateness.unwrap_or_default(),
        code.map(|code| code.to_string()).unwrap_or_default(),
        run.reason.clone().unwrap_or_default(),
    ]
}

/// The run's name; for a record of several instants, the first and the last.
fn name(run: &RunRecord) -> String {
    match &run.span {
        Some(span) if span.count > 1 => {
            format!("{}–{} ({} instants)", run.run, span.last, span.count)
        }
        _ => run.run.to_string(),
    }
}

/// Its state, with the number of the attempt if there are several, and where that ran if not
/// on the default engine.
fn state(run: &RunRecord, now: DateTime<Utc>) -> String {
    let summary = RunSummary::from(run);
    let which = match run.attempts.last() {
        // Between two attempts the newest is over, and the next one does not exist yet.
        // Of several parts each has attempts of its own.
        Some(_) if !run.parts.is_empty() => String::new(),
        Some(attempt) if run.next_attempt.is_some() => format!(" (after {})", attempt.title()),
        Some(attempt) if attempt.attempt > 1 => format!(" ({})", attempt.title()),
        _ => String::new(),
    };
    let state = time_and_state_words::state(&summary, now);
    format!("{state}{which}{}", time_and_state_words::on(&summary))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use super::*;

    fn run(value: Value) -> RunRecord {
        serde_json::from_value(value).unwrap()
    }

    fn attempt(number: u32, started: &str, code: Option<i64>) -> Value {
        json!({"Attempt": number, "Started": started, "ExitCode": code, "OutOfMemory": false})
    }

    #[test]
    fn a_run_with_parts_or_on_another_engine_says_so() {
        let run = run(json!({
            "Run": "20261120T080000Z", "Allocation": "report", "Trigger": "Schedule",
            "Instant": "2026-11-20T08:00:00Z", "State": "succeeded",
            "Decided": "2026-11-20T08:00:00Z", "Ended": "2026-11-20T08:10:02Z",
            "Parts": [
                {"Part": 1, "EngineName": "default", "State": "succeeded"},
                {"Part": 2, "EngineName": "west", "Node": "w3", "State": "succeeded"},
            ],
            "Attempts": [
                {"Part": 1, "Attempt": 1, "EngineName": "default", "OutOfMemory": false},
                {"Part": 2, "Attempt": 1, "EngineName": "west", "Node": "w3", "OutOfMemory": false},
            ],
        }));
        let now = "2026-11-21T09:00:00Z".parse().unwrap();
        let of_west = RunRecord { parts: Vec::new(), ..run.clone() };

        let both = "succeeded on the default engine and engine west, node w3";
        assert_eq!(state(&run, now), both);
        assert_eq!(state(&of_west, now), "succeeded on engine west, node w3");
    }

    #[test]
    fn a_table_of_all_runs_has_the_names_of_the_allocations() {
        let over = |allocation: &str, state: &str, reason: Option<&str>| {
            run(json!({
                "Run": "20261121T085700Z", "Allocation": allocation, "Trigger": "schedule",
                "Instant": "2026-11-21T08:57:00Z", "State": state, "Reason": reason,
                "Decided": "2026-11-21T08:57:00Z", "Ended": "2026-11-21T08:58:00Z",
                "LatenessMilliseconds": 12, "DurationMilliseconds": 60_000,
                "Attempts": [attempt(1, "2026-11-21T08:57:00.012Z", None)],
            }))
        };
        let runs =
            [over("report", "succeeded", None), over("load", "lost", Some("its node is away"))];
        let now = "2026-11-21T09:00:00Z".parse().unwrap();
        let shown = |width| of_all_runs(&runs, Zone::utc(), now, Screen::Terminal(width));
        assert_snapshot!(shown(200), @"
        ALLOCATION  RUN               STATE      TRIGGER   STARTED               DURATION  LATENESS  EXIT CODE  REASON
        report      20261121T085700Z  succeeded  schedule  2026-11-21 08:57 UTC  1m        12ms
        load        20261121T085700Z  lost       schedule  2026-11-21 08:57 UTC  1m        12ms                 its node is away
        ");
        assert_snapshot!(shown(80), @"
        ALLOCATION  RUN               STATE      DURATION  EXIT CODE  REASON           …
        report      20261121T085700Z  succeeded  1m
        load        20261121T085700Z  lost       1m                   its node is…
        ");
        assert_snapshot!(shown(40), @"
        ALLOCATION  STATE      …
        report      succeeded
        load        lost
        ");
    }

    #[test]
    fn a_table_of_runs_has_times_of_the_zone_and_spans_of_missed_instants() {
        let runs = [
            run(json!({
                "Run": "20261121T085800.250Z", "Allocation": "report", "Trigger": "ByHand",
                "By": "ann@db", "Instant": "2026-11-21T08:58:00.250Z", "State": "running",
                "Decided": "2026-11-21T08:58:00Z", "LatenessMilliseconds": 150,
                "Attempts": [attempt(1, "2026-11-21T08:58:00.400Z", None)],
            })),
            run(json!({
                "Run": "20261121T085700Z", "Allocation": "report", "Trigger": "Schedule",
                "Instant": "2026-11-21T08:57:00Z", "State": "between-attempts",
                "Reason": "exit code 3", "Decided": "2026-11-21T08:57:00Z",
                "NextAttempt": "2026-11-21T09:01:00Z", "LatenessMilliseconds": 1500,
                "Attempts": [attempt(1, "2026-11-21T08:57:01.500Z", Some(3))],
            })),
            run(json!({
                "Run": "20261121T011200Z", "Allocation": "report", "Trigger": "Schedule",
                "Instant": "2026-11-21T01:12:00Z", "State": "missed",
                "Reason": "docket was not running", "Last": "20261121T064000Z", "Count": 329,
                "Decided": "2026-11-21T06:40:03Z", "Ended": "2026-11-21T06:40:03Z", "Attempts": [],
            })),
            run(json!({
                "Run": "20261120T080000Z", "Allocation": "report", "Trigger": "CatchUp",
                "Instant": "2026-11-20T08:00:00Z", "State": "succeeded",
                "Decided": "2026-11-20T08:00:00Z", "Ended": "2026-11-20T08:10:02Z",
                "LatenessMilliseconds": 12, "DurationMilliseconds": 601_400, "Attempts": [
                    attempt(1, "2026-11-20T08:00:00.012Z", Some(1)),
                    attempt(2, "2026-11-20T08:05:00Z", Some(0)),
                ],
            })),
        ];
        let now = "2026-11-21T09:00:00Z".parse().unwrap();
        assert_snapshot!(of_runs(&runs, "Europe/Berlin".parse::<Zone>().unwrap(), now, Screen::Terminal(200)), @r"
        RUN                                               STATE                             TRIGGER   STARTED                  DURATION  LATENESS  EXIT CODE  REASON
        20261121T085800.250Z                              running                           manual    2026-11-21 09:58 CET     1m 59s    150ms
        20261121T085700Z                                  retrying in 1m (after attempt 1)  schedule  2026-11-21 09:57:01 CET  2m 58s    1.5s      3          exit code 3
        20261121T011200Z–20261121T064000Z (329 instants)  missed                            schedule                                                          docket was not running
        20261120T080000Z                                  succeeded (attempt 2)             catch-up  2026-11-20 09:00 CET     10m 1s    12ms      0
        ");
        assert_snapshot!(of_runs(&runs, "Europe/Berlin".parse::<Zone>().unwrap(), now, Screen::Terminal(80)), @"
        RUN                   STATE              DURATION  EXIT CODE  REASON           …
        20261121T085800.250Z  running            1m 59s
        20261121T085700Z      retrying in 1m…    2m 58s    3          exit code 3
        20261121T011200Z…     missed                                  docket was not…
        20261120T080000Z      succeeded…         10m 1s    0
        ");
        assert_snapshot!(of_runs(&runs, "Europe/Berlin".parse::<Zone>().unwrap(), now, Screen::Terminal(40)), @"
        RUN                                    …
        20261121T085800.250Z
        20261121T085700Z
        20261121T011200Z–20261121T064000Z…
        20261120T080000Z
        ");
        assert_snapshot!(of_runs(&runs, "Europe/Berlin".parse::<Zone>().unwrap(), now, Screen::Terminal(20)), @"
        RUN
        20261121T085800.250Z
        20261121T085700Z
        20261121T011200Z…
        20261120T080000Z
        ");
    }
}
