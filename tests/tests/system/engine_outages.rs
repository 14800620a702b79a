//! An engine that goes away and comes back; each test breaks an engine of its own.

use chrono::TimeDelta;
use docket_tests::{
    Engine, Registry, Server,
    allocation::{allocation, once, with_option},
    eventually, wall_clock,
};
use serde_json::{Value, json};

fn own_engine() -> Engine {
    Engine::start(Registry::shared())
}

#[test]
fn an_engine_restarted_between_two_instants_runs_both() {
    let engine = own_engine();
    let server = Server::start(&engine);
    let first = wall_clock::soon();
    let second = first + TimeDelta::seconds(12);
    let cron = format!("R2/{}/PT12S", first.format("%Y-%m-%dT%H:%M:%SZ"));

    server.push(&allocation("foo", &cron, &["echo", "hi"]));
    let before = server.ended_run_at("foo", first);
    engine.stop();
    engine.start_again();
    let after = server.ended_run_at("foo", second);

    for run in [before, after] {
        assert_eq!(run["State"], "succeeded", "{run}");
        assert_eq!(server.output("foo", &run), b"hi\n");
    }
    assert_eq!(server.runs("foo").len(), 2);
}

#[test]
fn a_container_that_its_engine_stopped_is_a_failed_run_with_its_output() {
    let engine = own_engine();
    let server = Server::start(&engine);
    server.push(&interruptible());
    server.running_container("foo");

    engine.stop();
    engine.start_again();
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed", "{run}");
    assert_eq!(run["Attempts"][0]["ExitCode"], 137, "{run}");
    assert_eq!(server.output("foo", &run), b"so far\n");
}

#[test]
fn a_container_that_went_down_with_its_engine_is_a_failed_run_that_says_so() {
    let engine = own_engine();
    let server = Server::start(&engine);
    server.push(&interruptible());
    server.running_container("foo");

    engine.crash();
    engine.start_again();
    let run = server.ended_run("foo");

    assert_eq!(run["State"], "failed");
    assert_eq!(run["ReasonCode"], "engine-went-down", "{run}");
    assert_eq!(server.output("foo", &run), b"so far\n");
}

/// An allocation that writes a line and goes on until it is stopped.
fn interruptible() -> Value {
    let script = ["sh", "-c", "echo so far; sleep 60"];
    with_option(once("foo", wall_clock::soon(), &script), "StopTimeout", json!(1))
}

#[test]
fn a_server_starts_without_its_engine_says_so_and_goes_on_when_it_is_there() {
    let engine = own_engine();
    engine.stop();
    let server = Server::start(&engine);
    let at = wall_clock::soon();

    let alive = server.get("/-/health").status;
    let unready = server.get("/-/ready");
    server.push(&once("foo", at, &["echo", "late"]));
    eventually("the instant is past", || (wall_clock::now() > at).then_some(()));
    engine.start_again();
    eventually("a server that is ready", || (server.get("/-/ready").status == 200).then_some(()));
    let run = server.ended_run_at("foo", at);

    assert_eq!((alive, unready.status), (200, 503));
    assert!(unready.text().contains("engine"), "{}", unready.text());
    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(server.output("foo", &run), b"late\n");
}
