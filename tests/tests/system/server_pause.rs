//! The pause of the whole server.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use docket_stub_engine::{Options, Program};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{allocation, idle, of_image, once},
    eventually,
    raw_http_client::Request,
    wall_clock,
};
use serde_json::{Value, json};

fn each_second(name: &str) -> Value {
    let mut each_second = allocation(name, "* * * * * * *", &["true"]);
    each_second["Keep"] = json!({ "Runs": 1000 });
    each_second
}

/// Waits until the newest run is in a state.
fn newest(server: &Server, name: &str, state: &str) -> Value {
    eventually(&format!("a run of {name} that is {state}"), || {
        server.runs(name).into_iter().next().filter(|run| run["State"] == state)
    })
}

/// Waits until a record is about an instant after this moment.
fn missed_after(server: &Server, name: &str, after: DateTime<Utc>) -> Value {
    eventually(&format!("a missed instant of {name} after {after}"), || {
        let newest = server.runs(name).into_iter().next()?;
        let last = newest["Last"].as_str().or(newest["Run"].as_str())?;
        (newest["State"] == "missed" && wall_clock::of_run(last) > after).then_some(newest)
    })
}

/// The events of the journal about the pause, the oldest first, with their moments.
fn of_pause(server: &Server) -> Vec<(DateTime<Utc>, Value)> {
    let journal = server.get("/-/journal?limit=1000").json();
    let entries = journal.as_array().unwrap().iter().rev();
    let entries = entries.filter(|entry| {
        entry["Event"]["ServerPaused"].is_object() || entry["Event"] == "ServerUnpaused"
    });
    let text =
        |entry: &Value| (wall_clock::parse(entry["At"].as_str().unwrap()), entry["Event"].clone());
    entries.map(text).collect()
}

#[test]
fn a_paused_server_starts_nothing_by_itself_until_it_is_unpaused() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let mut server = home.server();
    server.await_ready();
    server.push(&each_second("foo"));
    newest(&server, "foo", "succeeded");

    let paused = server.docket(["pause", "--reason", "the database moves"]).ok();
    let missed = missed_after(&server, "foo", wall_clock::now());
    server.docket(["pause", "--reason", "the database moves"]).ok();
    let health = server.get("/-/health").json();
    let ready = server.get("/-/ready");
    let text = server.docket(["health"]).ok();
    let why = server.docket(["why", "foo"]).ok();
    let unpaused = server.docket(["unpause"]).ok();
    newest(&server, "foo", "succeeded");
    let again = server.docket(["unpause"]).ok();
    server.await_log("the server was paused");
    server.await_log("the server was unpaused");

    assert!(again.trim_end().ends_with(" was not paused"), "{again}");
    assert!(paused.starts_with("Paused http://"), "{paused}");
    assert!(paused.contains(" until it is unpaused"), "{paused}");
    assert!(unpaused.starts_with("Unpaused http://"), "{unpaused}");
    let given = &missed["ReasonValues"]["Why"];
    assert_eq!((&missed["ReasonCode"], given), (&json!("paused"), &json!("the database moves")));
    let pause = &health["Pause"];
    assert_eq!(pause["Reason"], "the database moves", "{health}");
    assert_eq!((ready.status, &ready.json()["Pause"]), (200, pause));
    assert!(
        text.contains("; it has been paused since ") && text.contains(" until it is unpaused"),
        "{text}"
    );
    assert!(text.contains(": the database moves;"), "{text}");
    assert!(why.contains("docket is paused and starts nothing by itself"), "{why}");
    assert_eq!(server.get("/-/health").json()["Pause"], Value::Null);
    let events = of_pause(&server);
    let [(since, _), (until, _)] = events.as_slice() else { panic!("{events:?}") };
    for run in server.runs("foo") {
        let instant = wall_clock::of_run(run["Run"].as_str().unwrap());
        let is_within = *since <= instant && instant < *until;
        assert_eq!(run["State"] == "missed", is_within, "{run}");
    }
}

#[test]
fn a_pause_outlives_the_server_and_ends_by_itself() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let start_paused = || {
        home.server_with(|command| {
            command.arg("--paused");
        })
    };
    let mut server = start_paused();
    server.push(&each_second("foo"));
    server.await_log("the server is paused: nothing starts by itself until `docket unpause`");
    let first = missed_after(&server, "foo", wall_clock::now());
    server.stop();
    let server = start_paused();
    let since = of_pause(&server);
    server.stop();
    let mut server = home.server();
    server.await_log("nothing starts by itself until `docket unpause`");
    missed_after(&server, "foo", wall_clock::now());
    let until = server.docket(["pause", "--until", "3s"]).ok();
    let after = newest(&server, "foo", "succeeded");
    server.await_log("the pause of the server ended by itself");

    assert_eq!(first["ReasonCode"], "paused", "{first}");
    assert_eq!(since.len(), 1, "{since:?}");
    assert!(!until.contains("until it is unpaused"), "{until}");
    let (_, event) = of_pause(&server).pop().unwrap();
    let until = wall_clock::parse(event["ServerPaused"]["Until"].as_str().unwrap());
    assert!(wall_clock::of_run(after["Run"].as_str().unwrap()) >= until, "{after} {until}");
    assert_eq!(event["ServerPaused"]["Since"], since[0].1["ServerPaused"]["Since"]);
}

#[test]
fn a_server_started_paused_has_no_end_of_a_pause_and_keeps_its_reason() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.docket(["pause", "--until", "1h", "--reason", "the database moves"]).ok();
    let until = server.get("/-/health").json()["Pause"]["Until"].as_str().unwrap().to_owned();
    server.stop();
    let mut server = home.server();
    server.await_log(&format!("until {until} or `docket unpause`"));
    server.stop();

    let mut server = home.server_with(|command| {
        command.arg("--paused");
    });

    let pause = server.get("/-/health").json()["Pause"].clone();
    assert_eq!(pause["Until"], Value::Null, "{pause}");
    assert_eq!(pause["Reason"], "the database moves", "{pause}");
    server.await_log("the server is paused: nothing starts by itself until `docket unpause`");
}

#[test]
fn a_reason_stays_until_a_new_one_is_given_and_an_empty_one_is_none() {
    let stub = StubEngine::start(Options::default());
    let home = Home::in_memory(&stub.docker_host());
    let server = home.server();
    let reason = || server.get("/-/health").json()["Pause"]["Reason"].clone();
    let mut reasons = Vec::new();
    for [option, value] in [["--reason", "moving"], ["--until", "1h"], ["--reason", ""]] {
        server.docket(["pause", option, value]).ok();
        reasons.push(reason());
    }
    server.push(&idle("foo"));
    let suspend = |option, value| {
        server.docket(["suspend", "foo", option, value]).ok();
        server.allocation("foo")["Status"]["Suspended"].clone()
    };
    let unexplained = suspend("--reason", "");
    suspend("--reason", "moving");
    let explained = suspend("--until", "1h");

    assert_eq!(reasons, ["moving", "moving", "moving"]);
    assert!(unexplained.is_object() && unexplained["Reason"] == Value::Null, "{unexplained}");
    assert_eq!(explained["Reason"], "moving", "{explained}");
    assert!(explained["Until"].is_string(), "{explained}");
}

#[test]
fn manual_runs_and_runs_under_way_go_on_in_a_paused_server_and_chains_do_not() {
    let failing = Program { lifetime: Duration::from_secs(1), exit_code: 1, ..Program::default() };
    let images = HashMap::from([("failing".to_owned(), failing)]);
    let stub = StubEngine::start(Options { images, ..Options::default() });
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let mut failing = of_image(once("failing", wall_clock::soon(), &["false"]), "failing");
    failing["Retries"] = json!({ "Limit": 1, "Delay": "1s" });
    server.push(&failing);
    server.push(&idle("parent"));
    let mut child = idle("child");
    child.as_object_mut().unwrap().remove("Cron");
    child.as_object_mut().unwrap().remove("TimeZone");
    child["After"] = json!(["parent"]);
    server.push(&child);
    server.running_container("failing");

    server.docket(["pause"]).ok();
    server.run_manually("parent");
    let parent = server.ended_run("parent");
    let child = server.ended_run("child");
    let failed = server.ended_run("failing");

    assert_eq!(parent["State"], "succeeded", "{parent}");
    assert_eq!(child["State"], "missed", "{child}");
    assert_eq!(child["ReasonCode"], "paused", "{child}");
    assert_eq!(failed["Attempts"].as_array().unwrap().len(), 2, "{failed}");
}

#[test]
fn what_is_suspended_stays_so_when_the_server_is_unpaused() {
    let stub = StubEngine::start(Options::default());
    let home = Home::in_memory(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    server.push(&each_second("foo"));
    server.docket(["suspend", "foo"]).ok();
    server.docket(["pause"]).ok();
    server.docket(["unpause"]).ok();

    let missed = missed_after(&server, "foo", wall_clock::now());

    assert_eq!(missed["ReasonCode"], "suspended", "{missed}");
    assert!(server.allocation("foo")["Status"]["Suspended"].is_object());
}

#[test]
fn a_pause_that_cannot_be_is_refused() {
    let stub = StubEngine::start(Options::default());
    let home = Home::in_memory(&stub.docker_host());
    let server = home.server();
    let bodies = [
        (r#"{"Until":"2020-01-01T00:00:00Z"}"#, "`Until` is in the past: 2020-01-01T00:00:00Z"),
        (r#"{"Why":"x"}"#, "unknown field `Why`"),
        (r#"{"Reason":"a\nb"}"#, "Reason: line breaks and other control characters"),
        (r#"{"By":"a\u001bb"}"#, "By: line breaks and other control characters"),
    ];

    for (body, detail) in bodies {
        let refused = server.send(&Request::post_to("/-/pause", body));
        assert_eq!(refused.status, 400);
        assert!(refused.problem().contains(detail), "{}", refused.problem());
    }

    assert_eq!(server.get("/-/pause").status, 405);
    assert_eq!(server.get("/-/health").json()["Pause"], Value::Null);
}
