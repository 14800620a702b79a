//! A server that is started with another time zone: no instant of the past starts, and none is lost.

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::Options;
use docket_tests::{Home, Server, StubEngine, allocation::allocation, eventually, wall_clock};
use serde_json::{Value, json};

/// One hour behind UTC.
const BEHIND: &str = "Etc/GMT+1";

fn server(home: &Home, zone: &str) -> Server {
    home.server_with(|command| {
        command.args(["--time-zone", zone]);
    })
}

/// An allocation in the zone of the server that is due each day when the clock shows this.
fn daily(name: &str, clock: DateTime<Utc>) -> Value {
    let mut daily = allocation(name, &clock.format("%-S %-M %-H * * * *").to_string(), &["true"]);
    daily.as_object_mut().unwrap().remove("TimeZone");
    daily
}

fn zone_changes(server: &Server) -> Vec<Value> {
    let journal = server.get("/-/journal?limit=1000").json();
    let entries = journal.as_array().unwrap().iter();
    entries
        .map(|entry| entry["Event"]["ServerZoneChanged"].clone())
        .filter(Value::is_object)
        .collect()
}

fn why(server: &Server, name: &str, at: DateTime<Utc>) -> String {
    server.get(&format!("/{name}/why?at={}", at.format("%Y-%m-%dT%H:%M:%SZ"))).text()
}

#[test]
fn another_zone_of_the_server_starts_no_instant_of_the_past_and_loses_none() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let at = wall_clock::ahead(2);
    let first = server(&home, "UTC");
    first.push(&daily("lost", at));
    first.push(&daily("past", at - TimeDelta::hours(1)));
    let mut own = daily("own", at);
    own["TimeZone"] = json!("UTC");
    first.push(&own);
    let mut exact =
        allocation("exact", &format!("R1/{}/PT1S", at.format("%Y-%m-%dT%H:%M:%SZ")), &["true"]);
    exact.as_object_mut().unwrap().remove("TimeZone");
    first.push(&exact);
    first.stop();
    eventually("the instant is past", || (wall_clock::now() > at).then_some(()));

    let mut second = server(&home, BEHIND);
    second.await_log("the server's time zone has changed");
    let own = second.ended_run_at("own", at);
    let exact = second.ended_run_at("exact", at);
    // A run that comes later than all that the past could have started.
    let later = wall_clock::soon();
    second.push(&daily("later", later - TimeDelta::hours(1)));
    let later = second.ended_run_at("later", later);

    for run in [own, exact, later] {
        assert_eq!(run["State"], "succeeded", "{run}");
    }
    assert_eq!(second.runs("past"), Vec::<Value>::new());
    let lost = second.runs("lost");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(
        (&lost[0]["State"], wall_clock::of_run(lost[0]["Run"].as_str().unwrap())),
        (&json!("missed"), at)
    );
    let values = &lost[0]["ReasonValues"];
    assert_eq!(values["Outage"]["Cause"], "NotRunning", "{values}");
    assert_eq!(values["What"], json!({"ServerZone": {"From": "UTC", "To": BEHIND}}), "{values}");
    assert_eq!(zone_changes(&second), [json!({ "From": "UTC", "To": BEHIND })]);
    for name in ["lost", "past"] {
        let why = why(&second, name, at);
        assert!(why.contains("time zone of the server was changed"), "{name}: {why}");
    }
    second.stop();

    let third = server(&home, BEHIND);
    third.await_ready();
    assert_eq!(zone_changes(&third).len(), 1);
    assert_eq!(third.runs("past"), Vec::<Value>::new());
}
