//! Engines with a new id in each response, as Podman.

use std::time::Duration;

use docket_stub_engine::{EngineId, Options, Program};
use docket_tests::{Home, StubEngine, allocation::idle};

/// An engine whose ids say nothing, and whose containers run until they are stopped.
fn engine() -> StubEngine {
    let options = Options::of(Program::lasting(Duration::MAX));
    StubEngine::start(Options { id: EngineId::NewEachTime, ..options })
}

/// Starts a run of `foo`, and kills the server; returns the id of the container, which runs on.
fn run_under_way(home: &Home) -> String {
    let server = home.server();
    server.await_ready();
    server.push(&idle("foo"));
    server.run_manually("foo");
    let container = server.running_container("foo");
    server.crash();
    container
}

#[test]
fn a_container_that_was_removed_while_no_server_ran_is_not_said_to_be_on_another_engine() {
    let engine = engine();
    let home = Home::durable(&engine.docker_host());
    let container = run_under_way(&home);
    assert!(engine.remove_by_force(&container));

    let server = home.server();
    let run = server.ended_run("foo");

    // The engine's events report its end.
    assert_eq!(run["State"], "failed", "{run}");
    assert_eq!(run["ReasonCode"], "killed", "{run}");
    assert_eq!(run["ReasonValues"]["ExitCode"], 137, "{run}");
}

#[test]
fn a_container_that_runs_on_while_no_server_runs_is_followed_to_its_end() {
    let engine = engine();
    let home = Home::durable(&engine.docker_host());
    let container = run_under_way(&home);

    let server = home.server();
    server.await_ready();
    let same = server.running_container("foo");
    assert!(engine.end_by_force(&container));
    let run = server.ended_run("foo");

    assert_eq!(same, container);
    assert_eq!(run["Attempts"][0]["ExitCode"], 137, "{run}");
}
