//! How a server ends, and what that is to its containers.

use docket_tests::{
    Engine, Home, Server,
    allocation::{idle, with_host_option, with_option},
    eventually,
};
use serde_json::{Value, json};

/// Writes a line, and goes on until a file is there.
fn patient(home: &Home) -> Value {
    std::fs::create_dir_all(home.path("gate")).unwrap();
    let script = "echo begun; until [ -e /gate/open ]; do sleep 0.1; done; echo done; exit 5";
    let scripted = with_option(idle("foo"), "Cmd", json!(["sh", "-c", script]));
    let binds = json!([format!("{}:/gate", home.path("gate").display())]);
    with_option(with_host_option(scripted, "Binds", binds), "StopTimeout", json!(1))
}

fn open_gate(home: &Home) {
    std::fs::write(home.path("gate/open"), "").unwrap();
}

/// Starts the run by hand; returns its container.
fn start(server: &Server, home: &Home) -> String {
    server.await_ready();
    server.push(&patient(home));
    server.run_by_hand("foo");
    server.running_container("foo")
}

fn is_running(engine: &Engine, container: &str) -> bool {
    engine.inspect(container).unwrap()["State"]["Running"] == true
}

#[test]
fn a_server_that_is_stopped_and_started_again_follows_its_container_to_the_real_end() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server();
    let container = start(&server, &home);

    server.stop();
    let goes_on = is_running(engine, &container);
    let server = home.server();
    open_gate(&home);
    let run = server.ended_run("foo");

    assert!(goes_on);
    let attempt = &run["Attempts"][0];
    assert_eq!((&attempt["Container"], &attempt["ExitCode"]), (&json!(container), &json!(5)));
    assert_eq!(server.output("foo", &run), b"begun\ndone\n");
}

#[test]
fn a_container_that_ended_while_no_server_was_there_is_recorded_with_its_real_end() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server();
    let container = start(&server, &home);

    server.crash();
    open_gate(&home);
    eventually("the container's end", || (!is_running(engine, &container)).then_some(()));
    let server = home.server();
    let run = server.ended_run("foo");

    let attempt = &run["Attempts"][0];
    assert_eq!((&attempt["Container"], &attempt["ExitCode"]), (&json!(container), &json!(5)));
    assert_eq!(server.output("foo", &run), b"begun\ndone\n");
}

#[test]
fn a_server_with_stop_runs_stops_its_containers_and_keeps_the_record_of_it() {
    let engine = Engine::shared();
    let home = Home::durable(engine.address());
    let server = home.server_with(|command| {
        command.arg("--stop-runs");
    });
    let container = start(&server, &home);

    server.stop();
    let ended = engine.inspect(&container).is_none_or(|it| it["State"]["Running"] == false);
    let run = home.server().runs("foo").remove(0);

    assert!(ended);
    assert_eq!(run["State"], "cancelled", "{run}");
    assert!(run["Reason"].as_str().unwrap().contains("--stop-runs"), "{run}");
}

#[test]
fn the_container_of_a_forgetful_server_that_was_killed_is_nobodys_and_stays() {
    let engine = Engine::shared();
    let home = Home::forgetful(engine.address());
    let server = home.server();
    let container = start(&server, &home);

    server.crash();
    let server = home.server();
    start(&server, &home);
    open_gate(&home);
    let run = server.ended_run("foo");
    eventually("the container's end", || (!is_running(engine, &container)).then_some(()));

    assert_ne!(run["Attempts"][0]["Container"], container.as_str());
    assert_eq!(server.runs("foo").len(), 1);
    assert_eq!(engine.inspect(&container).unwrap()["State"]["ExitCode"], 5);
    engine.docker(["rm", &container]);
}
