//! A clock that is set while the server runs: nothing starts twice, and each instant has a record.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use docket_tests::{
    Engine, Home, Server,
    allocation::{allocation, idle, with_host_option},
    eventually,
    settable_clock::FakeClock,
    wall_clock,
};
use serde_json::{Value, json};

/// Due each second, by the server's clock.
fn each_second() -> Value {
    let removed = allocation("foo", "* * * * * * *", &["true"]);
    let mut each_second = with_host_option(removed, "AutoRemove", json!(true));
    each_second["Keep"] = json!({ "Runs": 1000 });
    each_second
}

/// Waits until a run for an instant after this moment has succeeded.
fn await_success_after(server: &Server, moment: DateTime<Utc>) {
    eventually(&format!("a run after {moment}"), || {
        let runs = server.runs("foo");
        let fits = |run: &&Value| run["State"] == "succeeded" && instant(run) > moment;
        runs.iter().find(fits).map(|_| ())
    });
}

fn instant(run: &Value) -> DateTime<Utc> {
    wall_clock::of_run(run["Run"].as_str().unwrap())
}

/// Asserts that the records follow one another without a gap or an overlap; returns the spans missed.
fn accounted_for(server: &Server) -> Vec<Value> {
    let mut runs = server.runs("foo");
    runs.reverse();
    let mut missed = Vec::new();
    let mut due = instant(&runs[0]);
    for run in runs {
        assert_eq!(instant(&run), due, "{run}");
        let last = run["Last"].as_str().map_or(due, wall_clock::of_run);
        due = last + TimeDelta::seconds(1);
        missed.extend((run["State"] == "missed").then_some(run));
    }
    missed
}

/// Asserts that no instant has more than one start.
fn none_twice(starts: &BTreeMap<String, Vec<DateTime<Utc>>>) {
    let twice: Vec<_> = starts.iter().filter(|(_, starts)| starts.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn a_clock_set_forward_skips_no_instant_in_silence() {
    let engine = Engine::shared();
    let mut clock = FakeClock::right();
    let home = Home::durable(engine.address());
    let events = engine.events(home.namespace());
    let server = home.server_with(|command| clock.apply_to(command));
    server.push(&each_second());
    await_success_after(&server, clock.now());

    clock.set_ahead(TimeDelta::hours(1));
    await_success_after(&server, clock.now());

    let spans = accounted_for(&server);
    let set = spans.iter().find(|run| run["Count"].as_i64() > Some(3590)).unwrap();
    assert_eq!(set["ReasonValues"]["Outage"]["Cause"], "ClockSetForward", "{set}");
    none_twice(&events.starts());
}

#[test]
fn a_clock_set_back_starts_nothing_twice_also_not_after_a_crash() {
    let engine = Engine::shared();
    let mut clock = FakeClock::right();
    let home = Home::durable(engine.address());
    let events = engine.events(home.namespace());
    let mut server = home.server_with(|command| clock.apply_to(command));
    server.push(&each_second());
    await_success_after(&server, clock.now());

    clock.set_ahead(TimeDelta::hours(-1));
    server.await_log("the clock was set back");
    let health = server.get("/-/health").json();
    let decided = server.runs("foo").len();
    server.crash();
    let server = home.server_with(|command| clock.apply_to(command));
    server.await_ready();
    // A start_log that time goes on: it is due by the clock as it is now.
    let at = clock.now() + TimeDelta::seconds(3);
    server.push(&allocation("bar", &wall_clock::only_at(at), &["true"]));
    server.ended_run("bar");
    let meanwhile = server.runs("foo").len();
    clock.set_ahead(TimeDelta::zero());
    // The loop looks at the clock at least once a minute, and whenever something is pushed.
    server.push(&idle("baz"));
    await_success_after(&server, clock.now());

    assert!(health["Clock"].as_str().unwrap().contains("set back by"), "{health}");
    assert_eq!(meanwhile, decided);
    accounted_for(&server);
    none_twice(&events.starts());
}
