//! Output: exactly what the container wrote, compared with the script that wrote it.

use chrono::TimeDelta;
use docket_tests::{
    Engine, Gate, Server,
    allocation::{allocation, once, script_once, with_host_option, with_option},
    eventually, wall_clock,
};
use serde_json::{Value, json};

/// How much of an output is kept.
const KEPT: usize = 1 << 20;

/// Runs the allocation to its end; returns the newest attempt and the output.
fn run(allocation: &Value) -> (Value, Vec<u8>) {
    let server = Server::start(Engine::shared());
    let name = allocation["Name"].as_str().unwrap();
    server.push(allocation);
    let run = server.ended_run(name);
    let output = server.output(name, &run);
    (run["Attempts"][0].clone(), output)
}

#[test]
fn of_200_000_lines_head_and_tail_are_stored_and_the_gap_is_marked() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let server = Server::start(engine);
    // It stays until all is logged: an engine drops what it could not log soon after the end.
    let script = format!("seq 200000; {}", Gate::WAIT);
    server.push(&gate.before(script_once("foo", wall_clock::soon(), &script)));
    let container = server.running_container("foo");
    eventually("the last line in the engine's log", || {
        (engine.docker(["logs", "--tail", "1", &container]) == "200000").then_some(())
    });
    gate.open();
    let run = server.ended_run("foo");
    let (attempt, output) = (&run["Attempts"][0], server.output("foo", &run));

    let written: Vec<u8> = (1..=200_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let omitted = written.len() - KEPT;
    assert_eq!(attempt["OutputBytes"], written.len());
    assert_eq!(attempt["OutputOmitted"], omitted);
    assert!(output.starts_with(&written[..KEPT / 2]));
    assert!(output.ends_with(&written[written.len() - KEPT / 2..]));
    let note = String::from_utf8(output[KEPT / 2..output.len() - KEPT / 2].to_vec()).unwrap();
    assert!(note.len() < 100 && note.contains(&omitted.to_string()), "{note}");
}

#[test]
fn one_line_of_a_mebibyte_is_whole() {
    let script = "head -c 1048576 /dev/zero | tr '\\0' x";

    let (attempt, output) = run(&script_once("foo", wall_clock::soon(), script));

    assert_eq!(attempt["OutputOmitted"], 0);
    assert!(output.len() == KEPT && output.iter().all(|byte| *byte == b'x'));
}

#[test]
fn bytes_of_all_values_are_kept_as_they_are() {
    let script = r#"i=0; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i+1)); done"#;
    // The engine's default log is JSON, which has room for UTF-8 only.
    let log = json!({ "Type": "local" });
    let foo = script_once("foo", wall_clock::soon(), script);

    let (_, output) = run(&with_host_option(foo, "LogConfig", log));

    assert_eq!(output, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn the_order_of_each_stream_is_kept() {
    let script = "for i in $(seq 500); do echo out $i; echo err $i >&2; done";

    let (_, output) = run(&script_once("foo", wall_clock::soon(), script));

    let text = String::from_utf8(output).unwrap();
    for stream in ["out", "err"] {
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(stream)).collect();
        let expected: Vec<_> = (1..=500).map(|number| format!("{stream} {number}")).collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn a_terminals_output_has_its_line_ends_and_no_frames() {
    let script = "printf '\\001 one\\ntwo\\n'";

    let (_, output) =
        run(&with_option(script_once("foo", wall_clock::soon(), script), "Tty", json!(true)));

    assert_eq!(output, b"\x01 one\r\ntwo\r\n");
}

#[test]
fn output_of_containers_that_end_at_once_is_never_lost() {
    let server = Server::start(Engine::shared());
    let first = wall_clock::soon().format("%Y-%m-%dT%H:%M:%SZ");

    server.push(&allocation("foo", &format!("R5/{first}/PT1S"), &["echo", "hi"]));
    let runs = server.ended_runs("foo", 5);

    for run in runs {
        assert_eq!(server.output("foo", &run), b"hi\n", "{run}");
    }
}

#[test]
fn a_container_that_writes_nothing_has_an_empty_output() {
    let (attempt, output) = run(&once("foo", wall_clock::soon(), &["true"]));

    assert_eq!((attempt["OutputBytes"].as_u64(), output.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn an_output_that_the_engine_does_not_keep_is_said_to_be_missing() {
    let unlogged = with_host_option(
        once("foo", wall_clock::soon(), &["echo", "lost"]),
        "LogConfig",
        json!({ "Type": "none" }),
    );

    let (attempt, output) = run(&unlogged);

    assert_eq!((attempt["ExitCode"].as_i64(), output.as_slice()), (Some(0), &b""[..]));
    let remarks = attempt["Remarks"].as_array().unwrap();
    assert!(remarks.iter().any(|remark| remark.as_str().unwrap().contains("output")), "{attempt}");
}

#[test]
fn each_run_has_an_output_of_its_own() {
    let server = Server::start(Engine::shared());
    let first = wall_clock::soon();
    let cron = format!("R2/{}/PT2S", first.format("%Y-%m-%dT%H:%M:%SZ"));

    server.push(&allocation("foo", &cron, &["sh", "-c", "echo $DOCKET_INSTANT"]));
    let runs = server.ended_runs("foo", 2);

    for (run, instant) in runs.iter().rev().zip([first, first + TimeDelta::seconds(2)]) {
        let expected = instant.format("%Y-%m-%dT%H:%M:%SZ\n").to_string();
        assert_eq!(server.output("foo", run), expected.into_bytes());
    }
    assert_eq!(server.get("/foo/runs/20000101T000000Z/output").status, 404);
}
