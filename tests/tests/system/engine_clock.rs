//! An engine whose clock differs from docket's: each time span is measured by one of the two.

use chrono::TimeDelta;
use docket_tests::{
    Engine, Gate, Home, Server,
    allocation::{idle, with_option},
    eventually,
    settable_clock::FakeClock,
    wall_clock,
};
use serde_json::{Value, json};

/// How far docket's clock is ahead of the engine's.
const DIFFERENCES: [TimeDelta; 2] = [TimeDelta::hours(1), TimeDelta::hours(-1)];

fn at(record: &Value, key: &str) -> chrono::DateTime<chrono::Utc> {
    wall_clock::parse(record[key].as_str().unwrap_or_else(|| panic!("no {key}: {record}")))
}

/// Starts a server whose clock is wrong by so much, and a run of a script with a timeout on it.
fn begin(home: &Home, clock: &FakeClock, script: &str, gate: &Gate, timeout: &str) -> Server {
    let server = home.server_with(|command| clock.apply_to(command));
    server.await_ready();
    let mut posted = gate.before(with_option(idle("foo"), "Cmd", json!(["sh", "-c", script])));
    posted["Timeout"] = json!(timeout);
    server.push(&with_option(posted, "StopSignal", json!("SIGKILL")));
    server.run_manually("foo");
    server.running_container("foo");
    server
}

#[test]
fn a_run_within_its_timeout_is_not_stopped_after_a_restart_and_its_times_agree() {
    let engine = Engine::shared();
    for difference in DIFFERENCES {
        let mut clock = FakeClock::right();
        clock.set_ahead(difference);
        let (home, gate) = (Home::durable(engine.address()), Gate::closed());
        begin(&home, &clock, Gate::WAIT, &gate, "10m").crash();

        let server = home.server_with(|command| clock.apply_to(command));
        server.await_ready();
        let health = server.get("/-/health").json();
        gate.open();
        let run = server.ended_run("foo");

        assert_eq!(run["State"], "succeeded", "{difference}: {run}");
        let side = if difference > TimeDelta::zero() { "behind" } else { "ahead of" };
        let notice = health["EngineClock"].as_str().unwrap_or_default();
        assert!(notice.contains(side), "{difference}: {health}");
        let attempt = &run["Attempts"][0];
        // By docket's clock, so it fits in between what docket noted.
        let (decided, started, ended) =
            (at(&run, "Decided"), at(attempt, "Started"), at(attempt, "Ended"));
        assert!(decided <= started && started <= ended, "{difference}: {run}");
        assert!(ended <= clock.now(), "{difference}: {run}");
        // The record of the run has milliseconds.
        let apart = (at(&run, "Ended") - ended).abs();
        assert!(apart < TimeDelta::milliseconds(1), "{difference}: {run}");
        assert!(run["LatenessMilliseconds"].as_i64() >= Some(0), "{difference}: {run}");
        server.docket(["delete", "foo"]).ok();
        server.await_no_containers(engine);
    }
}

#[test]
fn a_run_beyond_its_timeout_is_stopped_after_a_restart() {
    let engine = Engine::shared();
    for difference in DIFFERENCES {
        let mut clock = FakeClock::right();
        clock.set_ahead(difference);
        let (home, gate) = (Home::durable(engine.address()), Gate::closed());
        // The server dies before it has noted that the container started.
        let mut dying = home.server_with(|command| {
            clock.apply_to(command);
            command.env("DOCKET_DIE_AT", "Started:1");
        });
        dying.await_ready();
        let mut posted = gate.before(with_option(idle("foo"), "Cmd", json!(["sleep", "600"])));
        posted["Timeout"] = json!("3s");
        dying.push(&with_option(posted, "StopSignal", json!("SIGKILL")));
        dying.run_manually("foo");
        dying.await_end();

        let server = home.server_with(|command| clock.apply_to(command));
        let run = eventually("a run that timed out", || {
            server.runs("foo").into_iter().next().filter(|run| run["State"] == "timed-out")
        });

        let attempt = &run["Attempts"][0];
        let took = at(attempt, "Ended") - at(attempt, "Started");
        assert!(took >= TimeDelta::seconds(3), "{difference}: {run}");
        server.docket(["delete", "foo"]).ok();
        server.await_no_containers(engine);
    }
}
