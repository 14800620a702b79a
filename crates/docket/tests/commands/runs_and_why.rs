//! `docket runs` and `docket why`.

use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{ALLOCATION, Request, Stub, ok, over, problem, running},
};

const MISSED: &str = r#"{"Run":"20261121T011200Z","Allocation":"foo",
    "Instant":"2026-11-21T01:12:00Z","Trigger":"Schedule","State":"missed",
    "Reason":"docket was not running","Last":"20261121T064000Z","Count":329,
    "Decided":"2026-11-21T06:40:03Z","Ended":"2026-11-21T06:40:03Z","Attempts":[]}"#;

fn server(request: &Request) -> crate::stub_server::Answer {
    match request.line.as_str() {
        "GET /foo" => ok(ALLOCATION),
        "GET /foo/runs?limit=20" | "GET /foo/runs?limit=20&state=failed%2Cmissed" => {
            ok(format!(r#"{{"Runs":[{},{MISSED}]}}"#, over("failed", 3, 9)))
        }
        "GET /foo/runs?limit=1&state=missed" => {
            ok(format!(r#"{{"Runs":[{MISSED}],"Cursor":"20261121T011200Z"}}"#))
        }
        "GET /foo/runs?limit=3" => {
            ok(format!(r#"{{"Runs":[{},{MISSED}],"Cursor":"20261121T011200Z"}}"#, running()))
        }
        // A page that ends early, one without a run, and the last one.
        "GET /-/runs?limit=20" => {
            let runs = over("succeeded", 0, 9);
            ok(format!(r#"{{"Runs":[{runs}],"Cursor":"20261121T090000.123Z-1"}}"#))
        }
        "GET /-/runs?limit=20&cursor=20261121T090000.123Z-1" => {
            ok(r#"{"Runs":[],"Cursor":"20261121T080000Z-1"}"#)
        }
        "GET /-/runs?limit=20&cursor=20261121T080000Z-1" => ok(format!(r#"{{"Runs":[{MISSED}]}}"#)),
        "GET /-/runs?limit=1&state=failed%2Clost&since=24h&label=team%3Dfinance" => {
            ok(format!(r#"{{"Runs":[{}],"Cursor":"20261121T080000Z-1"}}"#, over("failed", 3, 9)))
        }
        "GET /-/runs?limit=20&since=yesterday" => {
            problem("400 Bad Request", "since: `yesterday` is not a valid time")
        }
        "GET /-/runs?limit=20&state=stuck"
        | "GET /foo/runs?limit=20&state=lost"
        | "GET /foo/runs?limit=20&state=timed-out"
        | "GET /foo/runs?limit=3&cursor=20261121T011200Z" => ok(r#"{"Runs":[]}"#),
        _ => problem("404 Not Found", "there is no `fo`: did you mean `foo`?"),
    }
}

fn runs(arguments: &[&str]) -> String {
    Stub::tcp(server).transcript(&mut docket([&["runs"], arguments].concat()))
}

#[test]
fn runs_are_a_table_in_the_time_zone_of_the_allocation() {
    assert_snapshot!(runs(&["foo", "-o", "table"]), @r"
    exit code 0
    --- stdout
    RUN	STATE	TRIGGER	STARTED	DURATION	LATENESS	EXIT CODE	REASON
    20261121T090000.123Z	failed	manual	2026-11-21 10:00 CET	2.3s		3	
    20261121T011200Z–20261121T064000Z (329 instants)	missed	schedule					docket was not running
    ");
    assert_snapshot!(runs(&["foo", "-o", "table", "--state", "Missed", "--limit", "1"]), @"
    exit code 0
    --- stdout
    RUN	STATE	TRIGGER	STARTED	DURATION	LATENESS	EXIT CODE	REASON
    20261121T011200Z–20261121T064000Z (329 instants)	missed	schedule					docket was not running
    --- stderr
    showing the newest 1; see more with --limit
    ");
    assert_snapshot!(runs(&["foo", "-o", "table", "--state", "lost"]), @"
    exit code 0
    --- stdout
    no run of foo is lost
    ");
    assert_snapshot!(runs(&["foo", "-o", "table", "--state", "timed-out"]), @"
    exit code 0
    --- stdout
    no run of foo has timed out
    ");
    assert_snapshot!(runs(&["fo", "-o", "table"]), @"
    exit code 1
    --- stderr
    error: <server> answered 404 Not Found: there is no `fo`: did you mean `foo`?
    ");
}

#[test]
fn runs_of_all_allocations_are_a_table_in_the_time_zone_of_the_host() {
    assert_snapshot!(runs(&["--all", "-o", "table"]), @r"
    exit code 0
    --- stdout
    ALLOCATION	RUN	STATE	TRIGGER	STARTED	DURATION	LATENESS	EXIT CODE	REASON
    foo	20261121T090000.123Z	succeeded	manual	2026-11-21 09:00 UTC	2.3s		0	
    foo	20261121T011200Z–20261121T064000Z (329 instants)	missed	schedule					docket was not running
    ");
    let some = ["--all", "--state", "FAILED,lost", "--since", "24h", "--label", "team=finance"];
    assert_snapshot!(runs(&[&some[..], &["--limit", "1", "-o", "table"]].concat()), @r"
    exit code 0
    --- stdout
    ALLOCATION	RUN	STATE	TRIGGER	STARTED	DURATION	LATENESS	EXIT CODE	REASON
    foo	20261121T090000.123Z	failed	manual	2026-11-21 09:00 UTC	2.3s		3	
    --- stderr
    showing the newest 1; see more with --limit
    ");
    assert_snapshot!(runs(&["--all", "--state", "stuck", "-o", "table"]), @r"
    exit code 0
    --- stdout
    no runs match
    ");
    assert_snapshot!(runs(&["--all", "--since", "yesterday"]), @r"
    exit code 1
    --- stderr
    error: <server> answered 400 Bad Request: since: `yesterday` is not a valid time
    ");
}

#[test]
fn runs_in_several_states_are_one_list() {
    let both = runs(&["foo", "--state", "failed", "--state", "missed", "-o", "table"]);

    assert_eq!(both, runs(&["foo", "-o", "table"]));
}

#[test]
fn runs_are_printed_as_json_page_by_page() {
    assert_snapshot!(runs(&["foo", "--limit", "3"]), @r#"
    exit code 0
    --- stdout
    [
        {
            "Run": "20261121T090000.123Z",
            "Allocation": "foo",
            "Instant": "2026-11-21T09:00:00.123Z",
            "Trigger": "ByHand",
            "By": "ann@db",
            "State": "running",
            "Decided": "2026-11-21T09:00:00.123Z",
            "Attempts": [
                {
                    "Attempt": 1,
                    "Container": "abc",
                    "Started": "2026-11-21T09:00:00.5Z",
                    "OutOfMemory": false
                }
            ]
        },
        {
            "Run": "20261121T011200Z",
            "Allocation": "foo",
            "Instant": "2026-11-21T01:12:00Z",
            "Trigger": "Schedule",
            "State": "missed",
            "Reason": "docket was not running",
            "Last": "20261121T064000Z",
            "Count": 329,
            "Decided": "2026-11-21T06:40:03Z",
            "Ended": "2026-11-21T06:40:03Z",
            "Attempts": []
        }
    ]
    "#);
    assert_snapshot!(runs(&["foo", "--limit", "1", "--state", "missed", "-o", "yaml"]), @r#"
    exit code 0
    --- stdout
    - Run: "20261121T011200Z"
      Allocation: foo
      Instant: "2026-11-21T01:12:00Z"
      Trigger: Schedule
      State: missed
      Reason: docket was not running
      Last: "20261121T064000Z"
      Count: 329
      Decided: "2026-11-21T06:40:03Z"
      Ended: "2026-11-21T06:40:03Z"
      Attempts: []
    --- stderr
    showing the newest 1; see more with --limit
    "#);
}

#[test]
fn why_prints_sentences() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /foo" => ok(ALLOCATION),
        "GET /foo/why" => ok(r#"{"Allocation":"foo","Sentences":[
            {"At":"2026-11-21T08:00:00Z","Text":"the run failed: exit code 3"},
            {"At":"2026-11-21T01:12:00Z","Text":"nothing started for 329 instants up to 07:40, because docket was not running from 02:12 to 07:40"},
            {"Text":"it is not suspended"}]}"#),
        "GET /foo/why?at=2026-11-21+09%3A00" => ok(r#"{"Allocation":"foo","Sentences":[]}"#),
        line => panic!("{line}"),
    });
    let why =
        |arguments: &[&str]| stub.transcript(&mut docket([&["why", "foo"], arguments].concat()));
    assert_snapshot!(why(&[]), @"
    exit code 0
    --- stdout
    the run failed: exit code 3
    nothing started for 329 instants up to 07:40, because docket was not running from 02:12 to 07:40
    it is not suspended
    ");
    assert_snapshot!(why(&["--at", "2026-11-21 09:00"]), @"
    exit code 0
    --- stdout
    there is nothing to report about foo
    ");
    assert_snapshot!(why(&["--at", "2026-11-21 09:00", "-o", "json"]), @r#"
    exit code 0
    --- stdout
    {
        "Allocation": "foo",
        "Sentences": []
    }
    "#);
}
