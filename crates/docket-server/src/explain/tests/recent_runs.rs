//! Tests of explanations of recent runs and the current state.

use docket_model::{allocation::Overlap, run::Cancellation};
use insta::assert_snapshot;

use super::*;
use crate::policy::{self, Admission, Beside, Full};

const STOPPED: &str = "docket was not running from 2026-11-21T00:12:00Z to 2026-11-21T05:40:00Z";

#[test]
fn a_day_of_an_allocation_is_described_with_causes() {
    let case = Case::of(&json!({"Cron": "0 * * * *", "Overlap": "Forbid", "Retries": 1}))
        .now("09:00:30")
        .noted("2026-11-18T08:00", Event::Created, "the API")
        .run(
            "2026-11-20T22:00",
            RunState::Succeeded,
            once("2026-11-20T22:00", "2026-11-20T22:07:03", 0),
        )
        .run("2026-11-20T23:00", failed("exit code 3"), |run| {
            run.attempts = vec![Attempt::new(1), Attempt::new(2)];
            let newest = run.attempts.pop().unwrap();
            ran(run, "2026-11-20T23:00", "2026-11-20T23:00:12", 1);
            run.attempts.push(newest);
            ran(run, "2026-11-20T23:00:42", "2026-11-20T23:07", 3);
        })
        .run("00:00", RunState::Succeeded, once("00:00", "00:00:02.400", 0))
        .run("01:00", missed(STOPPED, "05:00", 5), |_| {})
        .paused(Cause::NotRunning, "00:12", "05:40")
        .server("05:40", Event::Started { version: "0.1.0".to_owned() })
        .noted(
            "05:55",
            Event::Updated { keys: vec!["Retries".into(), "Overlap".into()] },
            "the API",
        )
        .run("06:00", RunState::Succeeded, once("06:00", "07:00:10", 0))
        .run(
            "07:00",
            RunState::Skipped(Reason::Overlap { older: Instant::new(at("06:00")) }),
            |_| {},
        )
        .run("07:12:13.250", failed("image x not found"), |run| {
            manual(run);
            run.attempts = vec![Attempt::new(1)];
            run.attempts[0].remarks = vec!["no such manifest: x:latest".to_owned()];
            run.ended_at = Some(at("07:12:14"));
        })
        .run(
            "08:00",
            RunState::Cancelled(Reason::CancelledBy { by: "bob".into() }),
            once("08:00", "08:20", 143),
        )
        .run("09:00", RunState::Running, |run| run.attempts[0].started_at = Some(at("09:00")));

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:00:30 in Europe/Berlin.
    The run of 10:00: running, for 30s so far.
    It is due next at 11:00.
    09:00: cancelled at 09:20 after 20m by bob.
    08:12:13 (run manually by ann): failed at 08:12:14: image x not found. No such manifest: x:latest.
    08:00: skipped, because the run of 07:00 was still under way (`Overlap: Forbid`).
    07:00: succeeded with exit code 0 after 1h.
    06:55: changed by the API: `Retries` and `Overlap`.
    06:40: docket 0.1.0 started.
    01:12 to 06:40: docket was not running.
    02:00 to 06:00 (5 instants): missed, because docket was not running from 01:12 to 06:40.
    01:00: succeeded with exit code 0 after 2.4s.
    00:00: failed at 00:07 with exit code 3 at the second attempt, which took 6m 18s. The first attempt failed with exit code 1 after 12s.
    2026-11-20 23:00: succeeded with exit code 0 after 7m 3s.
    2026-11-18 09:00: created by the API.
    ");
}

#[test]
fn what_stands_in_the_way_now_comes_first() {
    let mut case = Case::scheduled("0 * * * *")
        .run("07:00", RunState::Stuck(Reason::text("permission denied")), |run| {
            run.cancellation = Some(Box::new(Cancellation {
                reason: Reason::CancelledBy { by: "ann".into() },
                kill: true,
            }));
        })
        .run("08:00", RunState::Starting, |_| {})
        .suspended("08:30", Some("11:30"))
        .now("09:05");
    case.engine_away = Some((at("08:10"), "connection refused"));

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:05 in Europe/Berlin.
    It has been suspended since 09:30 by ann, until 12:30: the database moves.
    The engine has not answered since 09:10, so nothing starts: connection refused.
    The run of 09:00: starting, waiting for its image or a free slot (`--max-running`); the engine has not answered since 09:10.
    The run of 08:00: stuck, because its container cannot be stopped (permission denied); docket is ending it: cancelled by ann.
    10:00 is due and not decided yet: the engine has not answered since 09:10, and it is decided once the engine answers.
    It is due next at 13:00. Until then its instants are missed.
    ");
}

#[test]
fn an_instant_is_missed_in_a_pause_of_the_server_only_if_the_pause_lasts_until_then() {
    let due = |until: Option<&str>| {
        let mut case = Case::scheduled("0 * * * *").now("09:05").decided("09:00");
        case.pause =
            Some(Suspension { until: until.map(at), ..Suspension::new("ann", at("08:30")) });
        let recent = case.recent();
        recent
            .lines()
            .find(|line| line.starts_with("It is due") || line.starts_with("It has no"))
            .unwrap()
            .to_owned()
    };

    assert_eq!(due(None), "It has no next instant until docket is unpaused.");
    assert_eq!(due(Some("09:30")), "It is due next at 11:00.");
}

#[test]
fn whatever_is_under_way_says_how_far_it_is() {
    let reason = Reason::ExitCode { exit_code: 1 };
    let case = Case::of(&json!({"Cron": "*/15 * * * *", "Overlap": "Queue"}))
        .run("08:00", RunState::Retrying { reason, until: at("09:02") }, |_| {})
        .run("08:15", RunState::Starting, |run| {
            run.attempts[0].steps = vec![(at("08:15:20"), Step::NotPulled { reason: "".into() })];
        })
        .run("08:30", RunState::Running, |run| {
            run.attempts.push(Attempt { started_at: Some(at("08:31")), ..Attempt::new(2) });
        })
        .run("08:45", RunState::Waiting, |_| {});

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    The run of 09:45: waits for the run of 09:30 to end.
    The run of 09:30: running since 09:31 at the second attempt, for 29m so far.
    The run of 09:15: starting; its image has been ready since 09:15:20, its container is not created yet.
    The run of 09:00: failed at the first attempt (exit code 1), and the next begins at 10:02.
    10:00 is due and is being decided at this moment.
    It is due next at 10:15.
    ");
}

#[test]
fn an_allocation_without_a_next_instant_says_why_and_whether_it_ever_ran() {
    let gone = Case::scheduled("0 0 1 1 * 2020");
    let ended = Case::scheduled("0 9 21 11 * 2026").decided("08:00").run(
        "08:00",
        RunState::Succeeded,
        once("08:00", "08:01", 0),
    );
    let empty = Case::scheduled("");
    let over = Case::of(&json!({"Cron": "@daily", "NotAfter": "2026-11-20T00:00:00Z"}))
        .decided("2026-11-19T23:00");
    let switched_off =
        Case::of(&json!({"Cron": "@daily", "Suspended": true})).decided("2026-11-20T23:00");
    let ahead = Case::scheduled("@daily").decided("2026-12-21T00:00");

    let pages = [gone, ended, empty, over, switched_off, ahead].map(|case| case.recent());
    assert_snapshot!(pages.join("\n\n"), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    It never runs: its schedule has no future instants.
    There is no record of any run yet.

    It is 2026-11-21 10:00 in Europe/Berlin.
    It never runs again: its schedule has no future instants.
    09:00: succeeded with exit code 0 after 1m.

    It is 2026-11-21 10:00 in Europe/Berlin.
    It has no schedule, so it runs only manually.
    There is no record of any run yet.

    It is 2026-11-21 10:00 in Europe/Berlin.
    It never runs: its `NotAfter` is 2026-11-20 01:00.
    There is no record of any run yet.

    It is 2026-11-21 10:00 in Europe/Berlin.
    Its specification has `Suspended`, so it only runs manually.
    It has no next instant until it is pushed without `Suspended`.
    There is no record of any run yet.

    It is 2026-11-21 10:00 in Europe/Berlin.
    Its instants are already decided up to 2026-12-21 01:00, 29d 15h ahead of the clock, so nothing starts before then unless it is reset.
    It is due next at 2026-12-22 00:00.
    There is no record of any run yet.
    ");
}

#[test]
fn a_child_names_the_parents_that_it_waits_for() {
    let extract = Case::of(&json!({"Name": "extract", "Cron": "0 2 * * *"}));
    let mut failure = extract.record("01:00", failed("exit code 3"));
    once("01:00", "01:07", 3)(&mut failure);
    let success = extract.record("2026-11-20T01:00", RunState::Succeeded);
    let instant = success.id.instant;
    let parent = |text: &str, succeeded, newest: Option<Run>| Parent {
        name: name(text),
        succeeded,
        newest: newest.map(Arc::new),
        then: None,
    };
    let mut case = Case::of(&json!({"After": ["extract", "load", "clean", "check"]})).run(
        "2026-11-20T01:00",
        RunState::Succeeded,
        |run| {
            once("2026-11-20T01:09", "2026-11-20T01:10", 0)(run);
            run.trigger = Trigger::Dependency;
            run.decided_at = at("2026-11-20T01:09");
        },
    );
    case.parents = vec![
        parent("extract", Some(instant), Some(failure)),
        parent("load", Some(Instant::new(at("01:00"))), None),
        parent("clean", None, None),
        parent("check", Some(instant), Some(success)),
    ];

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    It runs once extract, load, clean and check have each succeeded again.
    extract failed at 02:07 with exit code 3 after 7m, so report waits.
    clean has not run yet, so report waits.
    check has not succeeded again since 2026-11-20 02:00, so report waits.
    2026-11-20 02:00 (after 4 others): succeeded with exit code 0 after 1m.
    ");
}

#[test]
fn manual_changes_name_their_author() {
    let case = Case::scheduled("0 9 * * *")
        .created("2026-11-20T12:00")
        .noted("2026-11-20T11:00", Event::Deleted, "the API")
        .noted("2026-11-20T12:00", Event::Created, "/etc/docket.yml")
        .suspended("06:00", Some("07:00"))
        .noted("07:00", Event::Resumed, "bob")
        .noted("07:30", Event::Reset { from: at("2026-12-01T08:00") }, "bob")
        .run("08:00", missed("suspended by ann: the database moves", "08:00", 1), |_| {});

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    It is due next at 2026-11-22 09:00.
    09:00: missed, because it was suspended by ann: the database moves.
    08:30: reset by bob: it had been decided up to 2026-12-01 09:00.
    08:00: resumed by bob.
    07:00: suspended by ann until 08:00: the database moves.
    2026-11-20 13:00: created by /etc/docket.yml.
    2026-11-20 12:00: deleted by the API.
    ");
}

#[test]
fn many_consecutive_events_of_the_server_are_shortened() {
    let started = || Event::Started { version: "0.1.0".to_owned() };
    let case =
        (0..30).fold(Case::scheduled("@daily").decided("2026-11-20T23:00"), |case, minute| {
            case.server(&format!("01:{minute:02}"), started())
                .server(&format!("01:{minute:02}:30"), Event::Stopped)
        });

    assert_snapshot!(case.recent(), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    It is due next at 2026-11-22 00:00.
    02:29:30: docket was stopped.
    02:29: docket 0.1.0 started.
    02:28:30: docket was stopped.
    Before that the server started, stopped or paused 57 times since 02:00.
    There is no record of any run yet.
    ");
}

#[test]
fn older_records_are_said_to_be_there_or_to_be_pruned() {
    let hourly = |count: usize| {
        (0..count).fold(Case::scheduled("@every 1m"), |case, minute| {
            case.run(&format!("08:{minute:02}"), RunState::Succeeded, |_| {})
        })
    };
    let more = hourly(MOST_RUNS + 1);
    let mut pruned = hourly(1);
    pruned.status.pruned = Some(Instant::new(at("07:59")));

    assert_eq!(more.recent().lines().filter(|line| line.contains("succeeded")).count(), MOST_RUNS);
    assert_snapshot!(more.recent().lines().last().unwrap(), @"There are older records, which are not shown here.");
    assert_snapshot!(pruned.recent().lines().last().unwrap(), @"Records up to 08:59 were pruned: see `Keep`.");
}

#[test]
fn the_reason_of_a_skipped_run_is_in_the_past_tense() {
    let (older, waiting) = (Instant::new(at("07:00")), Some(Instant::new(at("08:00"))));
    let beside = Beside { under_way: vec![older], waiting, ..Beside::default() };
    let full = Beside { full: Some(Full { max_running: 10, queue: 5 }), ..Beside::default() };
    let admissions = [
        policy::admit(Overlap::Forbid, &beside),
        policy::admit(Overlap::Queue, &beside),
        policy::admit(Overlap::Allow, &full),
    ];
    let case = Case::scheduled("@hourly");
    let texts = admissions.map(|admission| {
        let Admission::Skip(reason) = admission else { panic!("{admission:?}") };
        let run = case.record("09:00", RunState::Skipped(reason));
        super::super::one_run::sentence(&case.facts(), &run).text
    });

    assert_snapshot!(texts.join("\n"), @"
    10:00: skipped, because the run of 08:00 was still under way (`Overlap: Forbid`).
    10:00: skipped, because the run of 09:00 was already waiting for the run of 08:00 to end (`Overlap: Queue`).
    10:00: skipped, because 10 containers ran (`--max-running`) and 5 runs were already waiting (`--queue`).
    ");
}

#[test]
fn what_is_due_says_between_which_bounds() {
    let keys = json!({"Cron": "0 * * * *", "NotBefore": "2026-12-01T09:00:00+01:00",
        "NotAfter": "2026-12-24T00:00:00+01:00"});

    assert_snapshot!(Case::of(&keys).recent(), @"
    It is 2026-11-21 10:00 in Europe/Berlin.
    It is due next at 2026-12-01 09:00.
    Nothing is due before its `NotBefore`, 2026-12-01 09:00.
    Nothing is due after its `NotAfter`, 2026-12-24 00:00.
    There is no record of any run yet.
    ");
}

#[test]
fn a_suspension_in_force_says_when_it_is_due_again() {
    let hourly = || Case::scheduled("0 * * * *").decided("09:00").now("09:05");
    let due = |case: Case| {
        let recent = case.recent();
        let texts =
            recent.lines().filter(|line| line.contains("due next") || line.contains("no next"));
        texts.collect::<Vec<_>>().join("|")
    };

    assert_eq!(
        due(hourly().suspended("08:30", Some("11:30"))),
        "It is due next at 13:00. Until then its instants are missed."
    );
    assert_eq!(
        due(hourly().suspended("08:30", None)),
        "It has no next instant until it is resumed."
    );
    let suspended = json!({"Cron": "0 * * * *", "Suspended": true});
    assert_eq!(
        due(Case::of(&suspended).now("09:05")),
        "It has no next instant until it is pushed without `Suspended`."
    );
}

#[test]
fn each_time_is_written_once_and_a_failed_run_has_its_last_line_of_output() {
    let failed = failed("exit code 3");
    let mut case = Case::scheduled("0 * * * *").run("08:00", failed, |run| {
        run.attempts.push(Attempt::new(1));
        ran(run, "08:00:00.1", "08:00:00.4", 3);
    });
    case = case.run("09:00", RunState::Running, |run| {
        run.attempts = vec![Attempt { started_at: Some(at("09:00:00.2")), ..Attempt::new(1) }];
    });
    let instant = Instant::new(at("08:00"));
    case.last_lines.insert(instant, "connection refused".to_owned());

    let recent = case.now("09:05").recent();

    assert!(recent.contains("\n09:00: failed with exit code 3 after 300ms. The last line of its output: `connection refused`."), "{recent}");
    assert!(recent.contains("The run of 10:00: running, for 4m 59s so far."), "{recent}");
}
