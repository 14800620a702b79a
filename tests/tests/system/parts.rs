//! `Placement.On`: runs with a container on each of two Docker engines.

use docket_tests::{
    Engine, Gate, Registry, Server,
    allocation::{idle, script_once, with_option},
    eventually, wall_clock,
};
use serde_json::{Value, json};

use crate::two_engine_setup::{home, placed, second, server, starts};

/// An allocation that only runs manually, with a container on each engine.
fn on_both(script: &str) -> Value {
    let both = with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]));
    placed(both, json!({"On": "All"}))
}

/// The parts of a run in short: `web1 succeeded`.
fn parts(run: &Value) -> Vec<String> {
    let parts = run["Parts"].as_array().unwrap().iter();
    let word = |part: &Value, key: &str| part[key].as_str().unwrap().to_owned();
    parts.map(|part| format!("{} {}", word(part, "EngineName"), word(part, "State"))).collect()
}

/// The attempts of a run in short: part, number and exit code.
fn attempts(run: &Value) -> Vec<(u64, u64, Option<i64>)> {
    let attempts = run["Attempts"].as_array().unwrap().iter();
    let number = |attempt: &Value, key: &str| attempt[key].as_u64().unwrap();
    attempts
        .map(|of| (number(of, "Part"), number(of, "Attempt"), of["ExitCode"].as_i64()))
        .collect()
}

#[test]
fn a_run_has_a_container_on_each_engine_and_the_output_of_each_is_marked() {
    let (web1, web2, home) = (Engine::shared(), second(), home());
    let events = [web1, web2].map(|engine| engine.events(home.namespace()));
    let server = server(&home, web1, web2);
    let at = wall_clock::soon();
    let script = "echo $DOCKET_PART of $DOCKET_PARTS; echo aside >&2; printf rest";
    server.push(&placed(script_once("two", at, script), json!({"On": 2})));
    server.push(&placed(script_once("all", at, "true"), json!({"On": "All"})));

    let runs = ["two", "all"].map(|name| server.ended_run_at(name, at));
    let logs = server.docket(["logs", "two"]);
    let followed = server.docket(["logs", "two", "--follow"]);
    let second = server.docket(["logs", "two", "--part", "2"]);
    let listed = server.docket(["runs", "two", "-o", "table"]);

    for run in &runs {
        assert_eq!(run["State"], "succeeded", "{run}");
        assert_eq!(parts(run), ["web1 succeeded", "web2 succeeded"]);
    }
    let marked =
        "part 1, web1 | 1 of 2\npart 1, web1 | rest\npart 2, web2 | 2 of 2\npart 2, web2 | rest\n";
    assert_eq!(logs.out, marked, "{logs:?}");
    assert_eq!(logs.err, "part 1, web1 | aside\npart 2, web2 | aside\n");
    let mut lines: Vec<_> = followed.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, marked.lines().collect::<Vec<_>>());
    assert_eq!(second.out, "2 of 2\nrest", "{second:?}");
    assert!(listed.out.contains("web1") && listed.out.contains("web2"), "{listed:?}");
    for events in &events {
        eventually("a start of each", || (starts(events) == 2).then_some(()));
    }
}

#[test]
fn a_part_that_failed_is_retried_alone() {
    let (web1, web2, home) = (Engine::shared(), second(), home());
    let events = [web1, web2].map(|engine| engine.events(home.namespace()));
    let server = server(&home, web1, web2);
    let mut foo = on_both("echo $DOCKET_ATTEMPT; [ $DOCKET_PART$DOCKET_ATTEMPT != 21 ] || exit 3");
    foo["Retries"] = json!({"Limit": 2, "Delay": "1s"});
    server.push(&foo);

    server.run_manually("foo");
    let run = server.ended_run("foo");
    let logs = server.docket(["logs", "foo"]);
    let first = server.docket(["logs", "foo", "--attempt", "1"]);

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(attempts(&run), [(1, 1, Some(0)), (2, 1, Some(3)), (2, 2, Some(0))]);
    assert_eq!(logs.out, "part 1, web1 | 1\npart 2, web2 | 2\n");
    assert_eq!(first.out, "part 1, web1 | 1\npart 2, web2 | 1\n");
    assert_eq!(events.each_ref().map(starts), [1, 2]);
    server.await_no_containers(web1);
}

/// Waits until both parts of the newest run of `foo` run.
fn await_both_running(server: &Server) {
    eventually("two parts that run", || {
        let run = server.runs("foo").remove(0);
        (parts(&run) == ["web1 running", "web2 running"]).then_some(())
    });
}

#[test]
fn a_cancellation_ends_all_parts() {
    let (web1, web2, home, gate) = (Engine::shared(), second(), home(), Gate::closed());
    let server = server(&home, web1, web2);
    let ends = format!("trap 'exit 7' TERM; {}", Gate::WAIT);
    server.push(&gate.before(on_both(&ends)));
    server.run_manually("foo");
    await_both_running(&server);

    let cancelled = server.docket(["cancel", "foo"]);
    let run = server.ended_run("foo");

    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    assert_eq!(run["State"], "cancelled", "{run}");
    assert_eq!(parts(&run), ["web1 cancelled", "web2 cancelled"]);
    assert_eq!(attempts(&run), [(1, 1, Some(7)), (2, 1, Some(7))]);
}

#[test]
fn a_server_that_dies_in_the_middle_goes_on_with_all_parts() {
    let (web1, web2, home, gate) = (Engine::shared(), second(), home(), Gate::closed());
    let events = [web1, web2].map(|engine| engine.events(home.namespace()));
    let before = server(&home, web1, web2);
    let script = format!("{}; echo end; exit $(($DOCKET_PART - 1))", Gate::WAIT);
    before.push(&gate.before(on_both(&script)));
    before.run_manually("foo");
    await_both_running(&before);
    before.crash();

    let after = server(&home, web1, web2);
    gate.open();
    let run = after.ended_run("foo");

    assert_eq!(run["State"], "failed", "{run}");
    assert_eq!(run["Reason"], "1 of 2 parts failed: part 2 on web2 (exit code 1)");
    assert_eq!(parts(&run), ["web1 succeeded", "web2 failed"]);
    assert_eq!(attempts(&run), [(1, 1, Some(0)), (2, 1, Some(1))]);
    assert_eq!(after.docket(["logs", "foo"]).out, "part 1, web1 | end\npart 2, web2 | end\n");
    assert_eq!(events.each_ref().map(starts), [1, 1]);
}

#[test]
fn a_run_on_all_says_which_engine_was_away() {
    let (web1, web2, home) = (Engine::shared(), Engine::start(Registry::shared()), home());
    let server = server(&home, web1, &web2);
    server.push(&on_both("true"));

    web2.crash();
    server.await_engines(&["up", "away"]);
    server.run_manually("foo");
    let alone = server.ended_run("foo");

    assert_eq!(alone["State"], "succeeded", "{alone}");
    assert_eq!(alone["Parts"], Value::Null);
    assert_eq!(alone["Attempts"][0]["EngineName"], "web1");
    let remark = "the engine `web2` was away, so no part went to it";
    assert_eq!(alone["Attempts"][0]["Remarks"], json!([remark]));
}
