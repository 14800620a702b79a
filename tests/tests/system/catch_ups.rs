//! Catch-up after a restart or an outage of the engine, beside a run that was under way before.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Meanwhile, Options, Program};
use docket_tests::{
    Engine, Gate, Home, Server, StubEngine,
    allocation::{allocation, with_option},
    eventually, wall_clock,
};
use serde_json::{Value, json};

/// Due every five seconds.
fn every_five_seconds(overlap: &str) -> Value {
    let mut posted = allocation("foo", "*/5 * * * * * *", &["true"]);
    posted["Overlap"] = overlap.into();
    posted
}

fn instant(run: &Value) -> DateTime<Utc> {
    wall_clock::parse(run["Instant"].as_str().unwrap())
}

/// Waits until an instant of the schedule has passed since a moment.
fn await_instant_after(ended_at: DateTime<Utc>) {
    let passed = ended_at + TimeDelta::seconds(6);
    eventually("an instant that no server decides", || (wall_clock::now() > passed).then_some(()));
}

/// The run that was under way has its real end, and no later instant was skipped because of it.
fn assert_does_not_block(server: &Server, run: &str, ended_at: DateTime<Utc>, overlap: &str) {
    let runs = eventually("further runs", || {
        let runs = server.runs("foo");
        let later = |run: &&Value| instant(run) > ended_at && run["State"] == "succeeded";
        (runs.iter().filter(later).count() >= 2).then_some(runs)
    });
    let before = runs.iter().find(|record| record["Run"] == run).unwrap();
    assert_eq!(before["State"], "succeeded", "{overlap}: {before}");
    // A run that is late after the outage may last until the next instant: that skip is its own.
    let is_because_of_it = |record: &&Value| record["ReasonValues"]["Older"] == run;
    let skipped: Vec<_> = runs.iter().filter(is_because_of_it).collect();
    assert!(skipped.is_empty(), "{overlap}: {skipped:?}");
}

#[test]
fn a_run_that_ended_while_the_server_was_down_blocks_no_other() {
    let engine = Engine::shared();
    for overlap in ["Forbid", "Replace", "Queue"] {
        let (home, gate) = (Home::durable(engine.address()), Gate::closed());
        let server = home.server();
        server.await_ready();
        let script = json!(["sh", "-c", Gate::WAIT]);
        server.push(&gate.before(with_option(every_five_seconds(overlap), "Cmd", script)));
        let container = server.running_container("foo");
        let run = server.runs("foo").into_iter().find(|run| run["State"] == "running").unwrap();
        server.crash();
        gate.open();
        eventually("the container's end", || {
            (engine.inspect(&container)?["State"]["Running"] == false).then_some(())
        });
        let ended_at = wall_clock::now();
        await_instant_after(ended_at);

        let server = home.server();

        assert_does_not_block(&server, run["Run"].as_str().unwrap(), ended_at, overlap);
        server.docket(["delete", "foo"]).ok();
        server.await_no_containers(engine);
    }
}

#[test]
fn a_run_that_ended_while_the_engine_was_away_blocks_no_other() {
    let lifetime = Duration::from_secs(2);
    for overlap in ["Forbid", "Replace", "Queue"] {
        let stub = StubEngine::start(Options::of(Program::lasting(lifetime)));
        let home = Home::in_memory(&stub.docker_host());
        let server = home.server();
        server.await_ready();
        server.push(&every_five_seconds(overlap));
        server.running_container("foo");
        let run = server.runs("foo").into_iter().find(|run| run["State"] == "running").unwrap();
        stub.vanish(Meanwhile::ContainersLive);
        let ended_at = wall_clock::now() + TimeDelta::from_std(lifetime).unwrap();
        await_instant_after(ended_at);

        stub.come_back().unwrap();

        assert_does_not_block(&server, run["Run"].as_str().unwrap(), ended_at, overlap);
    }
}
