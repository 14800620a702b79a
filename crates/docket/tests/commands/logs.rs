//! `docket logs`.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use docket_model::wire::{FrameKind, OUTPUT_FRAMES, output_frame};
use insta::assert_snapshot;

use crate::{
    docket,
    stub_server::{
        Stub, answer, cut, frames, held, in_turn, ok, over, problem, record, running, silent,
    },
};

const RUN: &str = "20261121T090000.123Z";

#[test]
fn logs_are_the_bytes_of_the_newest_run_or_of_the_one_that_is_named() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /foo/runs?limit=100" => ok(r#"{"Runs":[{"Run":"20261121T090000Z","Allocation":"foo",
            "Instant":"2026-11-21T09:00:00Z","Trigger":"Schedule","State":"failed",
            "Decided":"2026-11-21T09:00:00Z","Attempts":[{"Attempt":1,"Container":"abc",
            "OutOfMemory":false}]}]}"#),
        "GET /foo/runs/20261121T090000Z/output" => ok(*b"newest\xff\x00"),
        "GET /foo/runs/20261121T080000Z" => ok(over("succeeded", 0, 5)),
        "GET /foo/runs/20261121T080000Z/output" => ok("older"),
        "GET /foo/runs/20261121T080000Z/output?attempt=1" => ok("first"),
        "GET /foo/runs/20261121T080000Z/output?part=2" => ok("second part"),
        "GET /foo/runs/20261121T080000Z/output?part=2&attempt=1" => ok("its first"),
        line => panic!("{line}"),
    });
    let written = |arguments: &[&str]| {
        docket(arguments).env("DOCKET_SERVER", &stub.address).output().unwrap().stdout
    };
    assert_eq!(written(&["logs", "foo"]), b"newest\xff\x00");
    assert_eq!(written(&["logs", "foo", "20261121T080000Z"]), b"older");
    assert_eq!(written(&["logs", "foo/20261121T080000Z", "--attempt", "1"]), b"first");
    assert_eq!(written(&["logs", "foo/20261121T080000Z", "--part", "2"]), b"second part");
    let of_part = ["logs", "foo/20261121T080000Z", "--part", "2", "--attempt", "1"];
    assert_eq!(written(&of_part), b"its first");
}

#[test]
fn logs_explain_why_there_is_no_output() {
    let stub = Stub::tcp(|request| match request.line.as_str() {
        "GET /new/runs?limit=100" => ok(r#"{"Runs":[]}"#),
        _ => ok(r#"{"Runs":[{"Run":"20261121T090000Z","Allocation":"foo",
            "Instant":"2026-11-21T09:00:00Z","Trigger":"Schedule","State":"missed",
            "Reason":"the engine was away","Last":"20261121T090000Z","Count":1,
            "Decided":"2026-11-21T09:00:00Z","Attempts":[]}]}"#),
    });
    assert_snapshot!(stub.transcript(&mut docket(["logs", "new"])), @"
    exit code 1
    --- stderr
    error: new has no runs yet
    ");
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo"])), @"
    exit code 1
    --- stderr
    error: the newest run foo/20261121T090000Z has no output: missed: the engine was away
    ");
}

#[test]
fn a_run_under_way_comes_before_a_newer_skipped_one() {
    let skipped = record("skipped", r#""Ended":"2026-11-21T09:00:00Z","Attempts":[]"#);
    let older = running().replace(RUN, "20261121T080000Z");
    let stub = Stub::tcp(move |request| match request.line.as_str() {
        "GET /foo/runs?limit=100" => ok(format!(r#"{{"Runs":[{skipped},{older}]}}"#)),
        _ => ok("so far\n"),
    });
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo"])), @"
    exit code 0
    --- stdout
    so far
    ");
    assert_eq!(stub.lines()[1], "GET /foo/runs/20261121T080000Z/output");
}

#[test]
fn a_running_or_retrying_run_comes_before_newer_starting_or_waiting_ones() {
    let named = |at: &str, record: String| record.replace(RUN, at);
    let waiting = named(
        "20261121T090300Z",
        record("waiting", r#""Attempts":[{"Attempt":1,"OutOfMemory":false}]"#),
    );
    let starting = named(
        "20261121T090200Z",
        record("claimed", r#""Attempts":[{"Attempt":1,"Container":"b","OutOfMemory":false}]"#),
    );
    let retrying = record(
        "between-attempts",
        r#""NextAttempt":"2026-11-21T09:05:00Z","Attempts":[{"Attempt":1,"Container":"abc","OutOfMemory":false}]"#,
    );
    let retrying = named("20261121T090100Z", retrying);
    let ended = named("20261121T085900Z", over("succeeded", 0, 9));
    let cases = [
        (vec![&waiting, &starting, &retrying, &ended], "20261121T090100Z"),
        (vec![&waiting, &starting, &ended], "20261121T090200Z"),
        (vec![&waiting, &ended], "20261121T085900Z"),
        (vec![&waiting], "20261121T090300Z"),
    ];
    for (runs, shown) in cases {
        let runs: Vec<_> = runs.into_iter().cloned().collect();
        let runs = runs.join(",");
        let stub = Stub::tcp(move |request| match request.line.as_str() {
            "GET /foo/runs?limit=100" => ok(format!(r#"{{"Runs":[{runs}]}}"#)),
            _ => ok("so far\n"),
        });
        stub.transcript(&mut docket(["logs", "foo"]));
        assert_eq!(stub.lines()[1], format!("GET /foo/runs/{shown}/output"));
    }
}

#[test]
fn a_run_is_named_as_run_prints_it_but_only_once() {
    let stub = Stub::tcp(in_turn([ok(over("succeeded", 0, 6)), ok("hello\n")]));
    let name = format!("foo/{RUN}");
    assert_snapshot!(stub.transcript(&mut docket(["logs", &name])), @"
    exit code 0
    --- stdout
    hello
    ");
    let record = format!("GET /foo/runs/{RUN}");
    assert_eq!(stub.lines(), [record.clone(), format!("{record}/output")]);
    assert_snapshot!(stub.transcript(&mut docket(["logs", &name, "20261121T080000Z"])), @"
    exit code 1
    --- stderr
    error: two runs are named (20261121T090000.123Z and 20261121T080000Z): name one
    ");
}

#[test]
fn following_continues_to_the_end_of_the_run() {
    let stub = Stub::tcp(in_turn([
        ok(format!(r#"{{"Runs":[{}]}}"#, running())),
        ok("one\ntwo\n"),
        ok(over("failed", 3, 8)),
    ]));
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", "-f"])), @"
    exit code 0
    --- stdout
    one
    two
    ");
    let run = format!("GET /foo/runs/{RUN}");
    let output = format!("{run}/output?follow=true");
    assert_eq!(stub.lines(), ["GET /foo/runs?limit=100".to_owned(), output, run]);
}

#[test]
fn after_a_reconnection_following_continues_and_it_is_reported_once() {
    let stub = Stub::tcp(in_turn([
        ok(running()),
        cut("one\ntw"),
        silent(),
        problem("503 Service Unavailable", "the server stops"),
        cut("o\nthr"),
        ok("ee\n"),
        ok(over("succeeded", 0, 14)),
    ]));
    let followed = stub.transcript(&mut docket(["logs", "foo", RUN, "-f"]));
    assert_snapshot!(followed, @"
    exit code 0
    --- stdout
    one
    two
    three
    --- stderr
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    <server> is back
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    <server> is back
    ");
    let output = |skip: &str| format!("GET /foo/runs/{RUN}/output?follow=true{skip}");
    let skipping = [output(""), output("&skip=6"), output("&skip=6"), output("&skip=6")];
    assert_eq!(stub.lines()[1..5], skipping);
    assert_eq!(stub.lines()[5..], [output("&skip=11"), format!("GET /foo/runs/{RUN}")]);
}

#[test]
fn a_stream_that_a_stopping_server_closes_is_not_the_end_of_the_run() {
    let stub = Stub::tcp(in_turn([
        ok(running()),
        ok("one\n"),
        ok(running()),
        ok(""),
        ok(over("succeeded", 0, 8)),
        ok("two\n"),
    ]));
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "-f"])), @"
    exit code 0
    --- stdout
    one
    two
    ");
    let (run, skip) = (format!("GET /foo/runs/{RUN}"), "/output?follow=true&skip=4");
    let asked = [run.clone(), format!("{run}{skip}"), run.clone(), format!("{run}{skip}")];
    assert_eq!(stub.lines()[2..], asked);
}

#[test]
fn following_continues_at_the_server_s_position_after_missing_output() {
    let frames = |frames: &[(u64, &str)]| {
        let frames =
            frames.iter().map(|(end, text)| output_frame(FrameKind::Output, *end, text.as_bytes()));
        let kind = format!("Content-Type: {OUTPUT_FRAMES}");
        answer("200 OK", [kind], frames.collect::<Vec<_>>().concat())
    };
    let stub = Stub::tcp(in_turn([
        ok(running()),
        frames(&[(4, "one\n"), (1004, "[docket: 1000 bytes missing]\n")]),
        ok(running()),
        frames(&[(1008, "two\n")]),
        ok(over("succeeded", 0, 1008)),
    ]));
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "-f"])), @"
    exit code 0
    --- stdout
    one
    [docket: 1000 bytes missing]
    two
    ");
    assert!(stub.lines()[3].ends_with("/output?follow=true&skip=1004"), "{:?}", stub.lines());
    let accept = format!("accept: {OUTPUT_FRAMES}");
    assert!(stub.requests()[1].headers.contains(&accept), "{:?}", stub.requests()[1].headers);
}

#[test]
fn each_stream_is_printed_to_its_own() {
    for arguments in [&["logs", "foo", RUN][..], &["logs", "foo", RUN, "-f"]] {
        let streams = [(FrameKind::Output, "out\n"), (FrameKind::Error, "oh\n")];
        let over = || ok(over("succeeded", 0, 7));
        let stub = Stub::tcp(in_turn([over(), frames(&streams), over()]));
        let text = stub.transcript(&mut docket(arguments));

        assert_eq!(text, "exit code 0\n--- stdout\nout\n--- stderr\noh\n");
        let accept = format!("accept: {OUTPUT_FRAMES}");
        assert!(stub.requests()[1].headers.contains(&accept));
    }
}

#[test]
fn following_ends_if_the_server_no_longer_has_the_run() {
    let stub = Stub::tcp(in_turn([
        ok(running()),
        cut("one\n"),
        silent(),
        problem("404 Not Found", "there is no `foo/20261121T090000.123Z`"),
    ]));
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "-f"])), @"
    exit code 1
    --- stdout
    one
    --- stderr
    warning: lost the connection to <server>: end of file before message length reached; reconnecting
    error: the server no longer has `foo/20261121T090000.123Z`: was it restarted with a memory store?: <server> answered 404 Not Found: there is no `foo/20261121T090000.123Z`
    ");
}

#[test]
fn an_unknown_run_and_an_unreachable_server_are_errors_at_once() {
    let stub = Stub::tcp(|_| problem("404 Not Found", "there is no `fo`: did you mean `foo`?"));
    assert_snapshot!(stub.transcript(&mut docket(["logs", "fo", RUN, "-f"])), @"
    exit code 1
    --- stderr
    error: <server> answered 404 Not Found: there is no `fo`: did you mean `foo`?
    ");
    let mut nowhere = docket(["logs", "foo", RUN, "-f", "--host", "127.0.0.1:1"]);
    assert_snapshot!(crate::transcript(&mut nowhere), @"
    exit code 1
    --- stderr
    error: cannot reach http://127.0.0.1:1: Connection refused (os error 111) (is it running? `docket server` starts one)
    ");
}

fn following(stub: &Stub) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("docket"));
    command.args(["logs", "foo", RUN, "-f"]).env_clear().env("DOCKET_SERVER", &stub.address);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn output_is_printed_at_once() {
    let stub = Stub::tcp(in_turn([ok(running()), held("one\n")]));
    let mut child = following(&stub);
    let mut line = [0; 4];

    child.stdout.take().unwrap().read_exact(&mut line).unwrap();

    assert_eq!(&line, b"one\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let stub = Stub::tcp(|request| {
        if request.line.contains("/output") { ok("x".repeat(1 << 20)) } else { ok(running()) }
    });
    let mut child = following(&stub);

    drop(child.stdout.take());

    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// A record of a run with two parts, which is over.
fn with_parts() -> String {
    let part = |number, place: &str| format!(r#"{{"Part":{number},{place},"State":"succeeded"}}"#);
    let attempt = |part, number| {
        format!(
            r#"{{"Part":{part},"Attempt":{number},"Container":"c","OutOfMemory":false,"OutputBytes":4}}"#
        )
    };
    let parts =
        [part(1, r#""EngineName":"web1""#), part(2, r#""EngineName":"swarm","Node":"node-4""#)];
    let attempts = [attempt(1, 1), attempt(2, 1), attempt(2, 2)];
    record(
        "succeeded",
        &format!(
            r#""Ended":"2026-11-21T09:00:02Z","Parts":[{}],"Attempts":[{}]"#,
            parts.join(","),
            attempts.join(",")
        ),
    )
}

#[test]
fn all_parts_of_a_run_are_printed_and_each_line_is_marked() {
    let stub = Stub::tcp(move |request| match request.line.rsplit('/').next().unwrap() {
        "output?part=1" => frames(&[(FrameKind::Output, "one\ntwo")]),
        "output?part=2" => frames(&[(FrameKind::Output, "three\n"), (FrameKind::Error, "oh\n")]),
        "output?part=2&attempt=2" => ok("retried\n"),
        _ => ok(with_parts()),
    });
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN])), @"
    exit code 0
    --- stdout
    part 1, web1   | one
    part 1, web1   | two
    part 2, node-4 | three
    --- stderr
    part 2, node-4 | oh
    ");
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "--attempt", "2"])), @"
    exit code 0
    --- stdout
    part 2, node-4 | retried
    ");
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "--attempt", "3"])), @"
    exit code 1
    --- stderr
    error: no part of foo/20261121T090000.123Z has an attempt 3
    ");
}

#[test]
fn all_parts_are_followed_at_once_until_the_run_is_over() {
    let stub = Stub::tcp(move |request| match request.line.rsplit('/').next().unwrap() {
        "output?follow=true&part=1" => ok("1.1\n"),
        "output?follow=true&part=2" => ok("2.1\n2.2\n"),
        _ => ok(with_parts()),
    });

    let followed = stub.transcript(&mut docket(["logs", "foo", RUN, "-f"]));

    let mut lines: Vec<_> = followed.lines().skip(2).collect();
    lines.sort_unstable();
    let marked = ["part 1, web1   | 1.1", "part 2, node-4 | 2.1", "part 2, node-4 | 2.2"];
    assert_eq!(lines, marked);
}

#[test]
fn the_lines_to_print_are_requested_by_the_words_of_other_commands() {
    let stub =
        Stub::tcp(in_turn([ok(over("succeeded", 0, 5)), ok("2026-11-21T09:00:01.000Z two\n")]));
    let arguments = ["logs", "foo", RUN, "-n", "1", "--since", "10m", "-t", "--stdout"];
    assert_snapshot!(stub.transcript(&mut docket(arguments)), @"
    exit code 0
    --- stdout
    2026-11-21T09:00:01.000Z two
    ");
    let query = "tail=1&since=10m&timestamps=true&stream=stdout";
    assert_eq!(stub.lines()[1], format!("GET /foo/runs/{RUN}/output?{query}"));

    let stub = Stub::tcp(in_turn([ok(over("succeeded", 0, 5)), ok("two\n")]));
    let arguments = ["logs", "foo", RUN, "--tail", "all", "--stderr", "--attempt", "2"];
    stub.transcript(&mut docket(arguments));
    assert_eq!(stub.lines()[1], format!("GET /foo/runs/{RUN}/output?attempt=2&stream=stderr"));
}

#[test]
fn after_a_reconnection_nothing_of_the_last_lines_is_repeated_or_left_out() {
    let record = output_frame(FrameKind::Record, 90, running().as_bytes());
    let line = output_frame(FrameKind::Output, 94, b"one\n");
    let part = |frames: &[u8]| {
        // The stream ends too soon, as it does where a server stops.
        answer("200 OK", [format!("Content-Type: {OUTPUT_FRAMES}")], frames.to_vec())
    };
    let stub = Stub::tcp(in_turn([
        ok(running()),
        part(&record),
        ok(running()),
        part(&line),
        ok(running()),
        part(b""),
        ok(over("succeeded", 0, 94)),
    ]));

    let arguments = ["logs", "foo", RUN, "-f", "--tail", "5", "--since", "10m", "--timestamps"];
    stub.transcript(&mut docket(arguments));

    let output = |query: &str| format!("GET /foo/runs/{RUN}/output?follow=true&{query}");
    let lines = stub.lines();
    assert_eq!(lines[1], output("tail=5&since=10m&timestamps=true"));
    assert_eq!(lines[3], output("since=10m&timestamps=true&skip=90"));
    assert_eq!(lines[5], output("timestamps=true&skip=94"));
}

#[test]
fn each_part_is_printed_by_its_last_lines() {
    let stub = Stub::tcp(move |request| match request.line.rsplit('/').next().unwrap() {
        "output?part=1&tail=1" => frames(&[(FrameKind::Output, "two\n")]),
        "output?part=2&tail=1" => frames(&[(FrameKind::Error, "oh\n")]),
        "output?follow=true&part=1&tail=1" => ok("two\n"),
        "output?follow=true&part=2&tail=1" => ok("2.1\n2.2\n"),
        _ => ok(with_parts()),
    });
    assert_snapshot!(stub.transcript(&mut docket(["logs", "foo", RUN, "--tail", "1"])), @"
    exit code 0
    --- stdout
    part 1, web1   | two
    --- stderr
    part 2, node-4 | oh
    ");
    let followed = stub.transcript(&mut docket(["logs", "foo", RUN, "--tail", "1", "-f"]));
    let mut lines: Vec<_> = followed.lines().skip(2).collect();
    lines.sort_unstable();
    let marked = ["part 1, web1   | two", "part 2, node-4 | 2.1", "part 2, node-4 | 2.2"];
    assert_eq!(lines, marked);
}
