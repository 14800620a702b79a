//! Stopping a server, and the effect on its containers.

use std::time::Duration;

use docket_stub_engine::{Call, Options, Program};
use docket_tests::{
    Engine, Gate, Home, Server, StubEngine,
    allocation::{idle, with_option},
    eventually,
};
use serde_json::{Value, json};

/// Writes a line, and goes on until the gate opens.
fn patient(gate: &Gate) -> Value {
    let script = format!("echo begun; {}; echo done; exit 5", Gate::WAIT);
    let scripted = with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]));
    with_option(gate.before(scripted), "StopTimeout", json!(1))
}

/// Starts a manual run; returns its container.
fn start(server: &Server, gate: &Gate) -> String {
    server.await_ready();
    server.push(&patient(gate));
    server.run_manually("foo");
    server.running_container("foo")
}

fn is_running(engine: &Engine, container: &str) -> bool {
    engine.inspect(container).unwrap()["State"]["Running"] == true
}

#[test]
fn a_server_that_is_stopped_and_started_again_follows_its_container_to_the_real_end() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let home = Home::durable(engine.address());
    let server = home.server();
    let container = start(&server, &gate);

    server.stop();
    let goes_on = is_running(engine, &container);
    let server = home.server();
    gate.open();
    let run = server.ended_run("foo");

    assert!(goes_on);
    assert!(server.log().contains("docket was stopped before this start"), "{}", server.log());
    let attempt = &run["Attempts"][0];
    assert_eq!((&attempt["Container"], &attempt["ExitCode"]), (&json!(container), &json!(5)));
    assert_eq!(server.output("foo", &run), b"begun\ndone\n");
}

#[test]
fn a_container_that_ended_while_no_server_was_there_is_recorded_with_its_real_end() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let home = Home::durable(engine.address());
    let server = home.server();
    let container = start(&server, &gate);

    server.crash();
    gate.open();
    eventually("the container's end", || (!is_running(engine, &container)).then_some(()));
    let server = home.server();
    let run = server.ended_run("foo");

    let log = server.log();
    assert!(log.contains("it crashed or was killed"), "{log}");
    assert!(log.contains("run was not over when docket last ran"), "{log}");
    let attempt = &run["Attempts"][0];
    assert_eq!((&attempt["Container"], &attempt["ExitCode"]), (&json!(container), &json!(5)));
    assert_eq!(server.output("foo", &run), b"begun\ndone\n");
}

#[test]
fn a_server_with_stop_runs_stops_its_containers_and_keeps_the_record_of_it() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let home = Home::durable(engine.address());
    let server = home.server_with(|command| {
        command.arg("--stop-runs");
    });
    let container = start(&server, &gate);

    server.stop();
    let ended = engine.inspect(&container).is_none_or(|it| it["State"]["Running"] == false);
    let run = home.server().runs("foo").remove(0);

    assert!(ended);
    assert_eq!(run["State"], "cancelled", "{run}");
    assert_eq!(run["ReasonCode"], "server-stopped", "{run}");
}

#[test]
fn the_container_of_a_killed_server_with_a_memory_store_stays() {
    let (engine, gate) = (Engine::shared(), Gate::closed());
    let home = Home::in_memory(engine.address());
    let server = home.server();
    let container = start(&server, &gate);

    server.crash();
    let server = home.server();
    start(&server, &gate);
    gate.open();
    let run = server.ended_run("foo");
    eventually("the container's end", || (!is_running(engine, &container)).then_some(()));

    assert_ne!(run["Attempts"][0]["Container"], container.as_str());
    assert_eq!(server.runs("foo").len(), 1);
    assert_eq!(engine.inspect(&container).unwrap()["State"]["ExitCode"], 5);
    engine.docker(["rm", &container]);
}

#[test]
fn each_stop_request_carries_the_grace_of_its_container() {
    let engine = StubEngine::start(Options::of(Program::lasting(Duration::MAX)));
    let home = Home::durable(&engine.docker_host());
    let server = home.server_with(|command| {
        command.arg("--stop-runs");
    });
    server.await_ready();
    let push = |name: &str, policy: &str, value: Value, stop_timeout: Value| {
        let mut allocation = with_option(idle(name), "StopTimeout", stop_timeout);
        allocation[policy] = value;
        server.push(&allocation);
        server.run_manually(name);
        server.running_container(name);
    };

    push("cancelled", "Overlap", json!("Allow"), Value::Null);
    assert_eq!(server.docket(["cancel", "cancelled"]).code, 0);
    server.ended_run("cancelled");
    push("timed-out", "Timeout", json!("1s"), json!(20));
    server.ended_run("timed-out");
    push("replaced", "Overlap", json!("Replace"), json!(0));
    server.run_manually("replaced");
    eventually("the newer run", || {
        (server.runs("replaced")[0]["State"] == "running").then_some(())
    });
    push("endless", "Overlap", json!("Allow"), json!(-1));
    server.stop();

    let mut graces: Vec<_> = engine
        .journal()
        .into_iter()
        .filter(|stamp| stamp.call == Call::Stop)
        .map(|stamp| (stamp.subject.split('.').nth(1).unwrap().to_owned(), stamp.query.to_string()))
        .collect();
    graces.sort();
    let expected = [
        ("cancelled", "t=10"),
        ("endless", "t=-1"),
        ("replaced", "t=0"),
        ("replaced", "t=0"),
        ("timed-out", "t=20"),
    ];
    assert_eq!(graces, expected.map(|(name, grace)| (name.to_owned(), grace.to_owned())));
}
