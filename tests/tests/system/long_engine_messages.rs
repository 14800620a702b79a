//! Messages of engines: cut wherever they are stored or shown, and never buffered without a limit.

use std::time::Duration;

use docket_stub_engine::{Call, Fault, Faults, Options, PullReport};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, log_words},
    eventually,
    peak_memory::{MIB, Peak},
    sse_reader::EventReader,
};
use serde_json::{Value, json};

/// The longest message of an engine, and what docket may say around it.
const LONGEST: usize = 4096 + 400;

/// Words of an engine that are too long by far; each character takes two bytes.
fn words() -> String {
    "é".repeat(1 << 19)
}

fn server(engine: &StubEngine) -> (Home, Server) {
    let home = Home::durable(&engine.docker_host()).with_options(["--pull-timeout", "3s"]);
    let server = home.server();
    server.await_ready();
    (home, server)
}

/// Runs an allocation to its end; returns the record and its events.
fn run(server: &Server, allocation: &Value) -> (Value, Vec<String>) {
    let mut events = EventReader::open(server, "/-/events?kind=run");
    server.push(allocation);
    server.run_manually("foo");
    let text = events.up_to(|event| event.data.contains("\"Ended\":\"")).into_iter();
    (server.ended_run("foo"), text.map(|event| event.data).collect())
}

/// Asserts that nothing that docket stores, shows or logs has a long message, and that what was
/// cut says so.
fn assert_cut(server: &Server, text: &str, events: &[String]) {
    assert!(text.contains("bytes cut off]"), "{text}");
    assert!(text.len() <= LONGEST, "{} bytes", text.len());
    for event in events {
        assert!(event.len() <= 3 * LONGEST, "an event of {} bytes", event.len());
    }
    for line in server.log().lines() {
        assert!(line.len() <= 2 * LONGEST, "a line of {} bytes", line.len());
    }
    let shown = server.get("/foo").text();
    assert!(shown.len() <= 4 * LONGEST, "{} bytes are shown", shown.len());
}

/// The allocation whose image is pulled only where it is missing.
fn unpulled() -> Value {
    let mut allocation = idle("foo");
    allocation["Pull"] = json!("Missing");
    allocation
}

#[test]
fn what_an_engine_says_of_a_start_or_a_creation_is_cut() {
    for call in [Call::Start, Call::Create] {
        let refusal = Fault::FailBefore { status: 400, message: words() };
        let faults = Faults::none().first(call, [refusal]);
        let engine = StubEngine::start(Options { faults, ..Options::default() });
        let (_home, server) = server(&engine);

        let (run, events) = run(&server, &unpulled());

        assert_eq!(run["State"], "failed", "{call:?}");
        assert_cut(&server, run["Reason"].as_str().unwrap(), &events);
    }
}

#[test]
fn line_breaks_in_what_an_engine_says_are_escaped_where_an_event_is_a_line() {
    let message = "exec failed:\r\n\u{1b}[31mno such file\u{1b}[0m\nexit".to_owned();
    let refusal = Fault::FailBefore { status: 400, message };
    let faults = Faults::none().first(Call::Start, [refusal]);
    let engine = StubEngine::start(Options { faults, ..Options::default() });
    let (_home, mut server) = server(&engine);

    server.push(&unpulled());
    let waited = server.docket(["run", "foo", "--wait"]);

    let escaped = "exec failed:\\r\\n\u{fffd}[31mno such file\u{fffd}[0m\\nexit";
    let last = waited.err.trim_end().rsplit('\n').next().unwrap();
    assert!(last.contains(": failed") && last.ends_with(escaped), "{waited:?}");
    assert!(log_words(&server.allocation("foo")).concat().contains(escaped));
    for command in [["runs", "foo", "-o", "table"], ["get", "foo", "-o", "table"]] {
        let shown = server.docket(command).ok();
        assert!(shown.contains(escaped), "{shown}");
    }
    server.await_log("exec failed");
    for line in server.log().lines() {
        let time = line.split(' ').next().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "no line of its own: {line}");
    }
}

#[test]
fn what_a_registry_says_of_a_pull_is_cut() {
    for length in [5_000, 1 << 20] {
        let pull = PullReport::Fails("x".repeat(length));
        let engine = StubEngine::start(Options { pull, ..Options::default() });
        let (_home, server) = server(&engine);

        let (run, events) = run(&server, &idle("foo"));

        assert_eq!(run["State"], "succeeded");
        assert_cut(&server, run["Attempts"][0]["Remarks"][0].as_str().unwrap(), &events);
    }
}

#[test]
fn warnings_of_a_creation_are_cut_together() {
    let warnings = vec![words(); 10];
    let engine = StubEngine::start(Options { warnings, ..Options::default() });
    let (_home, server) = server(&engine);

    let (run, events) = run(&server, &unpulled());

    let remarks = run["Attempts"][0]["Remarks"].as_array().unwrap();
    let remarks: Vec<_> = remarks.iter().map(|remark| remark.as_str().unwrap()).collect();
    assert_cut(&server, &remarks.concat(), &events);
    assert_eq!(remarks[1], "[docket: 9 more left out]");
}

#[test]
fn what_an_engine_says_instead_of_a_pong_is_cut() {
    let engine = StubEngine::start(Options::default());
    let (_home, server) = server(&engine);

    let refusal = |call, _: &str| {
        (call == Call::Ping).then(|| Fault::FailBefore { status: 500, message: words() })
    };
    engine.set_faults(Faults::none().by(refusal));
    let reason = eventually("an engine that is away", || {
        let reply = server.get("/-/ready");
        (reply.status == 503).then(|| reply.text())
    });

    assert!(reason.contains("bytes cut off]") && reason.len() <= LONGEST, "{}", reason.len());
}

#[test]
fn a_refusal_of_64_mib_costs_no_memory() {
    let message = "x".repeat(64 << 20);
    let faults = Faults::none().first(Call::Start, [Fault::FailBefore { status: 400, message }]);
    let engine = StubEngine::start(Options { faults, ..Options::default() });
    let (_home, server) = server(&engine);

    let peak = Peak::from_now(&server);
    let (run, _) = run(&server, &unpulled());

    assert!(run["Reason"].as_str().unwrap().contains("bytes cut off]"), "{run}");
    peak.assert_at_most(16 * MIB);
}

#[test]
fn the_report_of_a_pull_that_never_ends_costs_no_memory() {
    for pull in [PullReport::EndlessLines, PullReport::EndlessLine] {
        let is_a_line = pull == PullReport::EndlessLine;
        let engine = StubEngine::start(Options { pull, ..Options::default() });
        let (_home, server) = server(&engine);

        let peak = Peak::from_now(&server);
        let (run, _) = run(&server, &idle("foo"));

        let remark = run["Attempts"][0]["Remarks"][0].as_str().unwrap();
        let expected = if is_a_line { "a line of more than" } else { "the pull took over 3 s" };
        assert!(remark.contains(expected), "{remark}");
        peak.assert_at_most(16 * MIB);
    }
}

#[test]
fn those_who_follow_a_run_share_one_read_of_its_log() {
    let program = docket_stub_engine::Program::lasting(Duration::from_secs(600));
    let engine = StubEngine::start(Options::of(program));
    let (_home, server) = server(&engine);
    server.push(&unpulled());
    let run = server.run_manually("foo");
    server.running_container("foo");
    let path = format!("/foo/runs/{}/output?follow=true", run["Run"].as_str().unwrap());

    let mut readers: Vec<_> = (0..24).map(|_| EventReader::open(&server, &path)).collect();
    for reader in &mut readers {
        assert_eq!(reader.next().unwrap().data, "\"done\\n\"");
    }

    assert_eq!(engine.count(Call::Logs), 1);
}
