//! Commands that control allocations and their runs: cancel, suspend, resume, reset.

use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{ALLOCATION, Answer, Stub, answer, ok, over, problem, record, running},
    transcript,
};

fn of_runs(runs: &[String]) -> Answer {
    ok(format!(r#"{{"Runs":[{}]}}"#, runs.join(",")))
}

#[test]
fn cancel_cancels_the_named_run_or_the_only_one_under_way() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /foo/runs?limit=1000" => of_runs(&[
            record("skipped", r#""Ended":"2026-11-21T09:00:00Z","Attempts":[]"#),
            running().replace("20261121T090000.123Z", "20261121T080000Z"),
        ]),
        "POST /foo/runs/20261121T080000Z/cancel" => answer("202 Accepted", None, running()),
        _ => answer("202 Accepted", None, over("cancelled", 137, 0)),
    });
    assert_snapshot!(stub.transcript(&mut docket(["cancel", "foo"])), @"
    exit code 0
    --- stdout
    Cancelling foo/20261121T080000Z
    ");
    let named = ["cancel", "foo", "20261121T090000.123Z", "--kill"];
    assert_snapshot!(stub.transcript(&mut docket(named)), @"
    exit code 0
    --- stdout
    Cancelled foo/20261121T090000.123Z
    ");
    let asked: Vec<_> =
        stub.requests().into_iter().map(|request| request.line + " " + &request.body).collect();
    assert_snapshot!(asked.join("\n"), @r#"
    GET /foo/runs?limit=1000 
    POST /foo/runs/20261121T080000Z/cancel {"Kill":false,"By":"ann@db"}
    POST /foo/runs/20261121T090000.123Z/cancel {"Kill":true,"By":"ann@db"}
    "#);
}

#[test]
fn cancel_does_nothing_if_the_run_is_ambiguous() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /many/runs?limit=1000" => of_runs(&[
            running(),
            record("waiting", r#""Attempts":[]"#).replace("090000.123Z", "080000Z"),
            record(
                "between-attempts",
                r#""Reason":"exit code 3","NextAttempt":"2026-11-21T09:01:00Z","Attempts":[]"#,
            ),
        ]),
        "GET /idle/runs?limit=1000" => of_runs(&[over("failed", 3, 0)]),
        "GET /fo/runs?limit=1000" => problem("404 Not Found", "there is no `fo`"),
        _ => problem("409 Conflict", "foo/20261121T080000Z is over: it has succeeded"),
    });
    let cancel =
        |arguments: &[&str]| stub.transcript(&mut docket([&["cancel"], arguments].concat()));
    let many = cancel(&["many"]);
    let ages: Vec<_> = many.lines().map(|line| line.split(" for ").next().unwrap()).collect();
    assert_snapshot!(ages.join("\n"), @"
    exit code 1
    --- stderr
    error: 3 runs of many are under way: name one of them, or cancel all with --all:
      20261121T090000.123Z  running
      20261121T080000Z  waiting
      20261121T090000.123Z  retrying now: exit code 3
    ");
    assert_snapshot!(cancel(&["idle"]), @"
    exit code 1
    --- stderr
    error: no run of idle is under way
    ");
    assert_snapshot!(cancel(&["fo"]), @"
    exit code 1
    --- stderr
    error: <server> answered 404 Not Found: there is no `fo`
    ");
    assert_snapshot!(cancel(&["foo/20261121T080000Z"]), @"
    exit code 1
    --- stderr
    error: <server> answered 409 Conflict: foo/20261121T080000Z is over: it has succeeded
    ");
}

/// An allocation that is suspended until Monday, with more keys of the suspension.
fn suspended(more: &str) -> String {
    ALLOCATION.replace(
        r#""Running":0"#,
        &format!(
            r#""Running":0,"Suspended":{{"By":"ann@db","Since":"2026-11-21T09:00:00Z",
            "Until":"2026-11-23T05:00:00Z"{more}}}"#
        ),
    )
}

/// The same, suspended together with all others.
fn suspended_with_all() -> String {
    suspended(r#","All":{}"#)
}

fn by_specification() -> String {
    ALLOCATION.replace(r#""Name":"foo""#, r#""Name":"foo","Suspended":true"#)
}

#[test]
fn suspend_prints_a_line_for_each_name_and_continues_after_a_failure() {
    let stub = Stub::tcp(move |request| match request.line.as_str() {
        "POST /fo/suspend" => problem("404 Not Found", "there is no `fo`"),
        "POST /off/suspend" => ok(by_specification()),
        "POST /busy/suspend" => {
            let waiting = r#""Running":1,"Waiting":2,"#;
            ok(suspended("").replace(r#""Running":0,"#, waiting))
        }
        _ => ok(suspended("")),
    });
    let until = ["--until", "2026-11-23 06:00", "--reason", "the database moves"];
    let mut some = docket(["suspend", "foo", "fo", "busy", "off"].iter().chain(&until));
    assert_snapshot!(stub.transcript(&mut some), @"
    exit code 1
    --- stdout
    Suspended foo until 2026-11-23 06:00 CET
    Suspended busy until 2026-11-23 06:00 CET (still under way: 1 running, 2 waiting)
    Suspended off until it is resumed (its specification also suspends it)
    --- stderr
    error: cannot suspend fo: <server> answered 404 Not Found: there is no `fo`
    ");
    assert_snapshot!(stub.requests()[0].body, @r#"{"Reason":"the database moves","Until":"2026-11-23 06:00","By":"ann@db"}"#);
}

#[test]
fn resume_reports_what_stays_suspended() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /fo" => problem("404 Not Found", "there is no `fo`"),
        "GET /foo" | "GET /lifted" => ok(suspended("")),
        "GET /off" | "POST /off/resume" | "POST /lifted/resume" => ok(by_specification()),
        _ => ok(ALLOCATION),
    });
    let mut some = docket(["resume", "foo", "fo", "free", "off", "lifted"]);
    assert_snapshot!(stub.transcript(&mut some), @"
    exit code 1
    --- stdout
    Resumed foo
    free was not suspended
    --- stderr
    error: cannot resume fo: <server> answered 404 Not Found: there is no `fo`
    error: cannot resume off: it stays suspended by its specification: push it without `Suspended: true`
    error: cannot resume lifted: its manual suspension was removed, but it stays suspended by its specification: push it without `Suspended: true`
    ");
}

#[test]
fn suspend_and_resume_of_all_keep_and_report_individual_suspensions() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /?limit=1000" => {
            ok(r#"[{"Name":"foo"},{"Name":"named"},{"Name":"off"},{"Name":"free"}]"#)
        }
        "POST /foo/suspend" | "GET /foo" | "POST /free/suspend" => ok(suspended_with_all()),
        "POST /named/suspend" | "GET /named" | "POST /named/resume" => ok(suspended("")),
        "GET /off" | "POST /off/resume" => ok(by_specification()),
        "POST /off/suspend" => {
            ok(suspended_with_all().replace(r#""Name":"foo""#, r#""Name":"off","Suspended":true"#))
        }
        _ => ok(ALLOCATION),
    });
    assert_snapshot!(stub.transcript(&mut docket(["suspend", "--all"])), @"
    exit code 0
    --- stdout
    Suspended foo until 2026-11-23 06:00 CET
    named stays suspended by ann@db until 2026-11-23 06:00 CET
    Suspended off until 2026-11-23 06:00 CET (its specification also suspends it)
    Suspended free until 2026-11-23 06:00 CET
    ");
    assert_snapshot!(stub.requests().last().unwrap().body, @r#"{"By":"ann@db","All":true}"#);
    assert_snapshot!(stub.transcript(&mut docket(["resume", "--all"])), @"
    exit code 1
    --- stdout
    Resumed foo
    --- stderr
    error: cannot resume named: it stays suspended by ann@db until 2026-11-23 06:00 CET: resume it by name
    error: cannot resume off: it stays suspended by its specification: push it without `Suspended: true`
    ");
    assert_snapshot!(stub.requests().last().unwrap().body, @r#"{"By":"ann@db","All":true}"#);
}

#[test]
fn a_duration_is_sent_as_the_time_at_its_end() {
    let stub = Stub::tcp(|_| ok(ALLOCATION));
    stub.transcript(&mut docket(["suspend", "foo", "--until", "2h"]));
    let body = stub.requests()[0].body.clone();
    let (_, until) = body.split_once(r#""Until":"20"#).unwrap();
    assert!(until.split('"').next().unwrap().ends_with('Z'), "{body}");
}

#[test]
fn all_without_allocations_is_reported() {
    let stub = Stub::tcp(|_| ok("[]"));
    assert_snapshot!(stub.transcript(&mut docket(["suspend", "--all"])), @"
    exit code 0
    --- stderr
    no allocations
    ");
}

#[test]
fn reset_prints_the_next_instant() {
    let stub = Stub::tcp(|_| ok(ALLOCATION));
    assert_snapshot!(stub.transcript(&mut docket(["reset", "foo"])), @"
    exit code 0
    --- stdout
    Reset foo, next: never
    ");
    assert_eq!(stub.lines(), ["POST /foo/reset"]);
    assert_snapshot!(stub.requests()[0].body, @r#"{"By":"ann@db"}"#);
}

#[test]
fn cancel_all_cancels_each_run_under_way_and_fails_if_one_cannot_be_cancelled() {
    let running = running();
    let stub = Stub::tcp(move |request| match request.line.as_str() {
        "GET /foo/runs?limit=1000" => of_runs(&[
            record("waiting", r#""Attempts":[]"#).replace("090000.123Z", "100000Z"),
            running.clone(),
            record("between-attempts", r#""Attempts":[]"#).replace("090000.123Z", "080000Z"),
            over("failed", 3, 0).replace("090000.123Z", "070000Z"),
        ]),
        "POST /foo/runs/20261121T100000Z/cancel" => {
            answer("202 Accepted", None, over("cancelled", 0, 0))
        }
        "POST /foo/runs/20261121T090000.123Z/cancel" => {
            answer("202 Accepted", None, running.clone())
        }
        _ => problem("409 Conflict", "foo/20261121T080000Z is over: it has succeeded"),
    });
    assert_snapshot!(stub.transcript(&mut docket(["cancel", "foo", "--all"])), @"
    exit code 1
    --- stdout
    Cancelled foo/20261121T100000Z
    Cancelling foo/20261121T090000.123Z
    --- stderr
    error: cannot cancel foo/20261121T080000Z: <server> answered 409 Conflict: foo/20261121T080000Z is over: it has succeeded
    ");
    let idle = Stub::tcp(|_| of_runs(&[over("failed", 3, 0)]));
    assert_snapshot!(idle.transcript(&mut docket(["cancel", "foo", "--all"])), @"
    exit code 0
    --- stderr
    no run of foo is under way
    ");
    let named = ["cancel", "foo/20261121T080000Z", "--all"];
    assert_snapshot!(transcript(&mut docket(named)), @"
    exit code 2
    --- stderr
    error: --all cancels all runs of an allocation: name the allocation alone
    ");
}
