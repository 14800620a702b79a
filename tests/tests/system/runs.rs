//! Runs: each instant once, never early, with its output and its exit code.

use std::{collections::BTreeSet, net::TcpListener};

use chrono::{TimeDelta, Timelike};
use docket_tests::{
    Engine, Server,
    allocation::{allocation, idle, log_words, of_image, once, script_once},
    eventually,
    raw_http_client::Request,
    wall_clock,
};
use serde_json::{Value, json};

#[test]
fn a_container_runs_at_its_instant_and_its_output_and_exit_code_come_back() {
    let server = Server::start(Engine::shared());
    let at = wall_clock::soon();

    assert!(server.push(&script_once("foo", at, "echo out of luck; exit 3")));
    let run = server.ended_run("foo");

    let attempt = &run["Attempts"][0];
    assert_eq!(run["Run"], wall_clock::run_at(at));
    assert_eq!(run["Instant"], at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    assert_eq!(run["Trigger"], "schedule");
    assert_eq!(run["State"], "failed");
    assert_eq!((&attempt["Attempt"], &attempt["ExitCode"]), (&json!(1), &json!(3)));
    assert_eq!((&attempt["OutputBytes"], &attempt["OutputOmitted"]), (&json!(12), &json!(0)));
    assert_eq!(server.output("foo", &run), b"out of luck\n");
    assert_eq!(server.docket(["logs", "foo"]).ok(), "out of luck\n");
    assert_eq!(server.docket(["logs", "foo", &wall_clock::run_at(at)]).ok(), "out of luck\n");
    let last = &server.allocation("foo")["Status"]["LastRun"];
    assert_eq!((&last["State"], &last["ExitCode"]), (&json!("failed"), &json!(3)));
}

#[test]
fn what_happened_stands_in_the_logs_of_the_allocation() {
    let server = Server::start(Engine::shared());

    server.push(&once("foo", wall_clock::soon(), &["true"]));
    let run = server.ended_run("foo");

    let id = run["Attempts"][0]["Container"].as_str().unwrap();
    assert_eq!(id.len(), 64);
    let expected = [
        "Pulled busybox latest foo".to_owned(),
        format!("created: {id}"),
        format!("started: {id}"),
        format!("exited: {id} 0"),
    ];
    assert_eq!(log_words(&server.allocation("foo")), expected);
}

#[test]
fn a_schedule_with_seconds_starts_each_instant_once_and_none_early() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let events = engine.events(server.namespace());
    // Within one minute, so that one range of seconds says it.
    let soon = wall_clock::ahead(3);
    let first = if soon.second() > 54 {
        soon + TimeDelta::seconds(60 - i64::from(soon.second()))
    } else {
        soon
    };
    let seconds = format!("{}-{}", first.second(), first.second() + 5);
    let cron = first.format(&format!("{seconds} %-M %-H %-d %-m * %Y")).to_string();

    server.push(&allocation("foo", &cron, &["true"]));
    let starts = events.await_starts(6);
    server.await_no_containers(engine);

    for second in 0..6 {
        let instant = first + TimeDelta::seconds(second);
        let started = &starts[&wall_clock::run_at(instant)];
        assert_eq!(started.len(), 1, "{starts:?}");
        assert!(started[0] >= instant, "{instant} started at {}", started[0]);
    }
    assert_eq!(events.starts().len(), 6);
    assert_eq!(server.runs("foo").len(), 6);
    assert_eq!(server.allocation("foo")["Status"]["Next"], Value::Null);
}

#[test]
fn fifty_allocations_due_at_one_second_all_run_once_and_none_early() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let events = engine.events(server.namespace());
    let at = wall_clock::ahead(4);
    let names: Vec<_> = (0..50).map(|number| format!("due-{number}")).collect();
    let all: Value = names.iter().map(|name| once(name, at, &["echo", name])).collect();

    let pushed = server.send(&Request::post(all));
    let ended: Vec<_> = names.iter().map(|name| (name, server.ended_run(name))).collect();

    assert_eq!(pushed.json(), json!({ "created": 50, "updated": 0, "unchanged": 0 }));
    for (name, run) in ended {
        assert_eq!(run["State"], "succeeded", "{run}");
        assert_eq!(server.output(name, &run), format!("{name}\n").into_bytes());
    }
    let started = &events.starts()[&wall_clock::run_at(at)];
    assert_eq!(started.len(), 50);
    assert!(started.iter().all(|start| *start >= at), "{at}: {started:?}");
}

#[test]
fn a_container_knows_what_it_works_for_and_carries_it_in_its_name_and_labels() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let at = wall_clock::soon();
    let mut report = script_once("Report_1", at, "env; sleep 60");
    report["Labels"] = json!({ "team": "finance" });
    report["Container"]["Config"]["Labels"] = json!({ "floor": "3" });
    report["Container"]["Config"]["Env"] = json!(["KEPT=yes"]);

    server.push(&report);
    let id = server.running_container("Report_1");
    let container = engine.inspect(&id).unwrap();
    engine.docker(["kill", &id]);
    let run = server.ended_run("Report_1");

    let name = wall_clock::run_at(at);
    assert_eq!(container["Name"], format!("/{}.Report_1.{name}", server.namespace()));
    let labels = &container["Config"]["Labels"];
    let expected = [
        ("team", "finance"),
        ("floor", "3"),
        ("io.docket.namespace", server.namespace()),
        ("io.docket.allocation", "Report_1"),
        ("io.docket.instant", &name),
        ("io.docket.attempt", "1"),
    ];
    for (label, value) in expected {
        assert_eq!(labels[label], value, "{label}");
    }
    assert!(labels["io.docket.uid"].is_string() && labels["io.docket.store"].is_string());
    let output = String::from_utf8(server.output("Report_1", &run)).unwrap();
    let lines: BTreeSet<_> = output.lines().collect();
    let instant = at.format("DOCKET_INSTANT=%Y-%m-%dT%H:%M:%SZ").to_string();
    let run = format!("DOCKET_RUN=Report_1/{name}");
    for line in ["DOCKET_ALLOCATION=Report_1", &instant, &run, "DOCKET_ATTEMPT=1", "KEPT=yes"] {
        assert!(lines.contains(line), "no {line} in {output}");
    }
}

#[test]
fn a_slow_run_holds_up_neither_the_next_one_nor_others() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    let first = wall_clock::soon();
    let cron = format!("R2/{}/PT2S", first.format("%Y-%m-%dT%H:%M:%SZ"));

    server.push(&allocation("slow", &cron, &["sleep", "60"]));
    server.push(&once("quick", first + TimeDelta::seconds(1), &["true"]));
    let both = eventually("two runs at once", || {
        let runs = server.runs("slow");
        (runs.len() == 2 && runs.iter().all(|run| run["State"] == "running")).then_some(runs)
    });
    let running = server.allocation("slow")["Status"]["Running"].clone();
    let quick = server.ended_run("quick");

    assert_eq!(running, 2);
    assert_eq!(quick["State"], "succeeded");
    for run in both {
        engine.docker(["kill", run["Attempts"][0]["Container"].as_str().unwrap()]);
    }
}

#[test]
fn a_registry_that_never_responds_delays_no_other_run() {
    let server = Server::start(Engine::shared());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/never:1", silent.local_addr().unwrap());
    let at = wall_clock::soon();

    server.push(&of_image(once("stuck", at, &["true"]), &image));
    server.push(&once("other", at + TimeDelta::seconds(2), &["true"]));
    let other = server.ended_run("other");
    let stuck = server.runs("stuck");

    assert_eq!(other["State"], "succeeded");
    assert_eq!(stuck[0]["State"], "starting", "{stuck:?}");
}

#[test]
fn deleting_an_allocation_lets_its_containers_go_on() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    server.push(&once("foo", wall_clock::soon(), &["sleep", "60"]));
    let id = server.running_container("foo");

    let deleted = server.send(&Request::new("DELETE", "/foo"));

    assert_eq!(deleted.text(), r#"{"deleted":true}"#);
    assert_eq!(engine.inspect(&id).unwrap()["State"]["Running"], true);
    engine.docker(["kill", &id]);
    server.await_no_containers(engine);
}

#[test]
fn stopping_the_server_stops_no_container() {
    let engine = Engine::shared();
    let server = Server::start(engine);
    server.push(&once("foo", wall_clock::soon(), &["sleep", "60"]));
    let id = server.running_container("foo");

    server.stop();

    assert_eq!(engine.inspect(&id).unwrap()["State"]["Running"], true);
    engine.docker(["kill", &id]);
}

#[test]
fn an_edited_schedule_starts_nothing_for_the_past() {
    let server = Server::start(Engine::shared());
    server.push(&idle("foo"));

    let past = wall_clock::now() - TimeDelta::seconds(30);
    server.push(&once("foo", past, &["true"]));
    server.push(&once("start_log", wall_clock::soon(), &["true"]));
    server.ended_run("start_log");

    assert_eq!(server.runs("foo"), Vec::<Value>::new());
    assert_eq!(server.allocation("foo")["Status"]["Next"], Value::Null);
}
