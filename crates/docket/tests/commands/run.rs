//! `docket run`, with and without `--wait`.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use docket_model::wire::FrameKind;
use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{
        Answer, Stub, answer, cut, frames, held, in_turn, ok, over, problem, record, running,
        silent,
    },
};

fn accepted() -> Answer {
    answer("202 Accepted", None, record("claimed", r#""Attempts":[]"#))
}

fn skipped() -> Answer {
    let rest = r#""Reason":"an older run is under way, and Overlap is Forbid",
        "Ended":"2026-11-21T09:00:00.2Z","Attempts":[]"#;
    let json = "content-type: application/json; charset=UTF-8".to_owned();
    answer("409 Conflict", [json], record("skipped", rest))
}

fn wait(answers: impl IntoIterator<Item = Answer>) -> (Stub, String) {
    let stub = Stub::tcp(in_turn(answers));
    let text = stub.transcript(&mut docket(["run", "foo", "--wait"]));
    (stub, text)
}

#[test]
fn run_sends_its_options_and_prints_the_name_of_the_run() {
    let stub = Stub::tcp(|_| accepted());
    let mut plain = docket(["run", "foo"]);
    assert_snapshot!(stub.transcript(&mut plain), @"
    exit code 0
    --- stdout
    foo/20261121T090000.123Z
    ");
    let arguments = ["run", "foo", "--at", "2026-11-20 09:00", "--env", "A=b=c", "-e", "DAY"];
    let mut rich = docket(arguments.iter().chain(&["--", "sh", "-c", "echo $DAY"]));
    stub.transcript(rich.env("DAY", "monday"));
    let mut listed = docket(["run", "foo", "--cmd", "sh", "-c", "echo", "--", "x"]);
    stub.transcript(listed.env_remove("USER").env("LOGNAME", "bob"));

    let bodies: Vec<_> = stub.requests().into_iter().map(|request| request.body).collect();
    assert_snapshot!(bodies.join("\n"), @r#"
    {"By":"ann@db"}
    {"Cmd":["sh","-c","echo $DAY"],"Env":["A=b=c","DAY=monday"],"At":"2026-11-20 09:00","By":"ann@db"}
    {"Cmd":["sh","-c","echo","--","x"],"By":"bob@db"}
    "#);
    assert_eq!(stub.lines(), ["POST /foo/runs"; 3]);
}

#[test]
fn a_run_that_a_policy_does_not_allow_fails_with_its_reason() {
    let stub = Stub::tcp(|_| skipped());
    assert_snapshot!(stub.transcript(&mut docket(["run", "foo"])), @"
    exit code 1
    --- stderr
    error: foo did not start: an older run is under way, and Overlap is Forbid (foo/20261121T090000.123Z was skipped)
    ");
    assert_snapshot!(stub.transcript(&mut docket(["run", "foo", "--wait"])), @"
    exit code 125
    --- stderr
    foo/20261121T090000.123Z: skipped: an older run is under way, and Overlap is Forbid
    ");
}

#[test]
fn an_error_of_the_server_is_not_an_exit_code_of_a_container() {
    let refusals = || {
        [
            problem("404 Not Found", "there is no `fo`: did you mean `foo`?"),
            problem("409 Conflict", "foo has that run already"),
            problem("422 Unprocessable Entity", "At: `noon` is no time"),
        ]
    };
    let stub = Stub::tcp(in_turn(refusals().into_iter().chain(refusals())));
    let run =
        |arguments: &[&str]| stub.transcript(&mut docket([&["run", "foo"], arguments].concat()));
    assert_snapshot!(run(&[]) + &run(&[]) + &run(&[]), @"
    exit code 1
    --- stderr
    error: <server> answered 404 Not Found: there is no `fo`: did you mean `foo`?
    exit code 1
    --- stderr
    error: <server> answered 409 Conflict: foo has that run already
    exit code 1
    --- stderr
    error: <server> answered 422 Unprocessable Entity: At: `noon` is no time
    ");
    let waited = [run(&["--wait"]), run(&["--wait"]), run(&["--wait"])];
    assert!(waited.iter().all(|text| text.starts_with("exit code 125\n")), "{waited:?}");
}

#[test]
fn wait_prints_the_output_and_exits_with_the_container_s_code() {
    let (_, good) = wait([accepted(), ok("hello\n"), ok(over("succeeded", 0, 6))]);
    assert_snapshot!(good, @"
    exit code 0
    --- stdout
    hello
    --- stderr
    foo/20261121T090000.123Z: starting
    foo/20261121T090000.123Z: succeeded after 2.3s
    ");
    let (_, bad) = wait([accepted(), ok("oh\n"), ok(over("failed", 3, 3))]);
    assert_snapshot!(bad, @"
    exit code 3
    --- stdout
    oh
    --- stderr
    foo/20261121T090000.123Z: starting
    foo/20261121T090000.123Z: failed after 2.3s: exit code 3
    ");
}

#[test]
fn wait_exits_with_125_for_a_run_that_never_started() {
    let rest = r#""Reason":"cancelled by bob@db","Ended":"2026-11-21T09:00:09Z",
        "Attempts":[{"Attempt":1,"OutOfMemory":false}]"#;
    let waiting = answer("202 Accepted", None, record("waiting", r#""Attempts":[]"#));
    let none = ok(r#"{"Runs":[]}"#);
    let (_, text) = wait([waiting, none, ok(""), ok(record("cancelled", rest))]);
    assert_snapshot!(text, @"
    exit code 125
    --- stderr
    foo/20261121T090000.123Z: waiting
    foo/20261121T090000.123Z: cancelled: cancelled by bob@db
    ");
}

#[test]
fn wait_survives_a_restart_of_the_server() {
    let (stub, text) = wait([
        accepted(),
        cut("one\n"),
        silent(),
        ok("two\n"),
        silent(),
        ok(""),
        ok(running()),
        ok("three\n"),
        ok(over("failed", 7, 14)),
    ]);
    assert_snapshot!(text, @"
    exit code 7
    --- stdout
    one
    two
    three
    --- stderr
    foo/20261121T090000.123Z: starting
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    <server> is back
    warning: cannot reach <server>: connection closed before message completed; reconnecting
    <server> is back
    foo/20261121T090000.123Z: failed after 2.3s: exit code 7
    ");
    assert!(stub.lines()[7].ends_with("/output?follow=true&skip=8"), "{:?}", stub.lines());
}

#[test]
fn wait_ends_if_the_server_no_longer_has_the_run() {
    let gone = problem("404 Not Found", "there is no `foo/20261121T090000.123Z`");
    let (_, text) = wait([accepted(), cut("one\n"), gone]);
    assert_snapshot!(text, @"
    exit code 125
    --- stdout
    one
    --- stderr
    foo/20261121T090000.123Z: starting
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    error: the server no longer has `foo/20261121T090000.123Z`: was it restarted with a memory store?: <server> answered 404 Not Found: there is no `foo/20261121T090000.123Z`
    ");
}

/// A command that waits for a run that has written a line.
fn waiting(stub: &Stub) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("docket"));
    command.args(["run", "foo", "--wait"]).env_clear().env("DOCKET_SERVER", &stub.address);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
    child
}

#[test]
fn a_signal_ends_the_wait_and_leaves_the_run_running() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let stub = Stub::tcp(in_turn([accepted(), held("one\n")]));
        let child = waiting(&stub);

        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());

        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8(output.stderr).unwrap();
        let run = "foo/20261121T090000.123Z";
        assert_eq!(
            text,
            format!(
                "{run}: starting\n{run} is still running: cancel it with `docket cancel {run}`\n"
            )
        );
        assert_eq!(stub.lines().len(), 2);
    }
}

#[test]
fn a_reader_that_closes_the_pipe_does_not_change_the_exit_code() {
    let stub =
        Stub::tcp(in_turn([accepted(), ok("x".repeat(1 << 20)), ok(over("failed", 3, 1 << 20))]));
    let mut child = waiting(&stub);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8(output.stderr).unwrap().ends_with("failed after 2.3s: exit code 3\n")
    );
}

#[test]
fn wait_keeps_standard_output_and_standard_error_apart() {
    let output = frames(&[
        (FrameKind::Output, "one\n"),
        (FrameKind::Error, "oh\n"),
        (FrameKind::Output, "two\n"),
        (FrameKind::Error, "no\n"),
    ]);
    let (stub, text) = wait([accepted(), output, ok(over("succeeded", 0, 14))]);
    assert_snapshot!(text, @"
    exit code 0
    --- stdout
    one
    two
    --- stderr
    foo/20261121T090000.123Z: starting
    oh
    no
    foo/20261121T090000.123Z: succeeded after 2.3s
    ");
    let accept = stub.requests()[1]
        .headers
        .iter()
        .any(|header| header.starts_with("accept: application/vnd.docket.output-frames"));
    assert!(accept, "{:?}", stub.requests()[1].headers);
}

#[test]
fn wait_prints_what_the_run_waits_for() {
    let waiting = || record("waiting", r#""Attempts":[]"#);
    let older = running().replace("20261121T090000.123Z", "20261121T080000Z");
    let runs = format!(r#"{{"Runs":[{},{older}]}}"#, waiting());
    let failed = r#""Reason":"exit code 3","NextAttempt":"2020-01-01T00:00:00Z",
        "Attempts":[{"Attempt":1,"OutOfMemory":false}]"#;
    let output = frames(&[
        (FrameKind::Record, &waiting()),
        (
            FrameKind::Record,
            &record("claimed", r#""Attempts":[{"Attempt":1,"OutOfMemory":false}]"#),
        ),
        (FrameKind::Record, &running()),
        (FrameKind::Output, "oh\n"),
        (FrameKind::Record, &record("between-attempts", failed)),
        (FrameKind::Record, &running()),
        (FrameKind::Output, "well\n"),
    ]);
    let (_, text) = wait([
        answer("202 Accepted", None, waiting()),
        ok(runs),
        output,
        ok(over("succeeded", 0, 8)),
    ]);
    assert_snapshot!(text, @"
    exit code 0
    --- stdout
    oh
    well
    --- stderr
    foo/20261121T090000.123Z: waiting for foo/20261121T080000Z to end
    foo/20261121T090000.123Z: starting
    foo/20261121T090000.123Z: running
    foo/20261121T090000.123Z: retrying now: exit code 3
    foo/20261121T090000.123Z: running
    foo/20261121T090000.123Z: succeeded after 2.3s
    ");
}
