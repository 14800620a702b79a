//! One server with two Docker engines, mostly `web1` and `web2`.

use std::{collections::BTreeMap, os::unix::fs::symlink};

use docket_stub_engine::{Call, EngineId, Fault, Faults, Options};
use docket_tests::{
    Engine, Gate, Registry, Server, StubEngine,
    allocation::{allocation, idle, of_image, once, script_once, with_host_option},
    eventually,
    wait::BOUND,
    wall_clock,
};
use serde_json::{Value, json};

use crate::two_engine_setup::{add, home, placed, second, server, server_with, starts};

/// The allocation as one of an engine.
fn on(engine: &str, allocation: Value) -> Value {
    placed(allocation, json!({ "Engine": engine }))
}

/// An allocation that is due each second, none of whose instants is missed.
fn each_second(name: &str) -> Value {
    let first = wall_clock::soon().format("%Y-%m-%dT%H:%M:%SZ");
    let often = allocation(name, &format!("R10000/{first}/PT1S"), &["true"]);
    let mut often = with_host_option(often, "AutoRemove", json!(true));
    often["CatchUp"] = json!("All");
    often["StartingDeadline"] = json!("1h");
    often["Keep"] = json!({ "Runs": 1_000 });
    often
}

#[test]
fn runs_land_on_the_engine_that_their_placement_names() {
    let (web1, web2, home) = (Engine::shared(), second(), home());
    let events = [web1, web2].map(|engine| engine.events(home.namespace()));
    let server = server(&home, web1, web2);
    let at = wall_clock::soon();
    let echo = |name| once(name, at, &["echo", name]);

    server.push(&on("web1", echo("first")));
    server.push(&on("web2", echo("second")));
    server.push(&placed(echo("by-label"), json!({ "Where": ["zone==b"] })));
    server.push(&echo("anywhere"));
    let runs = ["first", "second", "by-label", "anywhere"].map(|name| {
        let run = server.ended_run_at(name, at);
        assert_eq!(server.output(name, &run), format!("{name}\n").as_bytes());
        run["Attempts"][0]["EngineName"].as_str().unwrap().to_owned()
    });

    assert_eq!(runs, ["web1", "web2", "web2", "web1"]);
    let started = events.map(|events| {
        eventually("two starts", || {
            let starts: Vec<_> = events.starts_of_attempts().into_keys().collect();
            (starts.len() >= 2).then_some(starts)
        })
    });
    let start = |name| format!("{name}/{} 1", wall_clock::run_at(at));
    assert_eq!(started[0], [start("anywhere"), start("first")]);
    assert_eq!(started[1], [start("by-label"), start("second")]);
}

#[test]
fn the_variables_of_dockers_client_are_not_read_where_options_name_the_engines() {
    let (web1, home) = (Engine::shared(), home());
    let mut server = home.server_with(|command| {
        add(command, "web1", web1);
        command.env("DOCKER_CONTEXT", "no-such-context").env("DOCKER_TLS_VERIFY", "1");
        command.env("DOCKER_CERT_PATH", "/no/such/folder");
        command.env("DOCKER_DEFAULT_PLATFORM", "no-such-platform");
    });

    let line = server.await_log("DOCKER_HOST");
    server.await_engines(&["up"]);
    let at = wall_clock::soon();
    server.push(&once("foo", at, &["true"]));
    let run = server.ended_run_at("foo", at);

    let variables = "`DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`, \
                     `DOCKER_DEFAULT_PLATFORM` not read: --engine and --engines name the engines";
    assert!(line.contains("WARN") && line.contains(variables), "{line}");
    assert_eq!(run["State"], "succeeded", "{run}");
}

#[test]
fn an_engine_that_is_killed_and_started_again_delays_no_run_of_the_other() {
    let (web1, web2, home) = (Engine::start(Registry::shared()), second(), home());
    let events = [&web1, web2].map(|engine| engine.events(home.namespace()));
    let server = server(&home, &web1, web2);
    server.push(&on("web1", each_second("broken")));
    server.push(&on("web2", each_second("sound")));
    await_successes(&server, "sound", 2);
    await_successes(&server, "broken", 2);

    web1.crash();
    server.await_engines(&["away", "up"]);
    let away_since = wall_clock::now();
    // The first engine is only started once the second one has run these.
    let during = eventually("ten more runs on the second engine", || {
        let runs = successes(&server, "sound");
        let later = runs.into_iter().filter(|run| instant(run) > away_since);
        Some(later.collect::<Vec<_>>()).filter(|runs| runs.len() >= 10)
    });
    let waiting = successes(&server, "broken").into_iter().filter(|run| instant(run) > away_since);
    assert_eq!(waiting.count(), 0);
    let ready = server.get("/-/ready");
    let why = server.docket(["why", "broken"]);
    web1.start_again();
    server.await_engines(&["up", "up"]);
    let journal = server.docket(["journal", "-o", "table"]);
    let runs = ["broken", "sound"].map(|name| all_ended(&server, name));

    // A busy machine may take seconds for a start; the outage lasted longer than this.
    let latest = during.iter().map(|run| run["LatenessMilliseconds"].as_i64().unwrap()).max();
    assert!(latest < Some(5_000), "{latest:?} ms late while the other engine was away");
    assert_eq!(ready.status, 200, "{}", ready.text());
    assert!(ready.json()["Away"][0].as_str().unwrap().contains("`web1`"), "{}", ready.text());
    assert!(why.out.contains("`web1`"), "{why:?}");
    assert!(journal.out.contains("the engine `web1` was away from"), "{journal:?}");
    for (name, runs) in ["broken", "sound"].into_iter().zip(&runs) {
        assert_each_instant_once(name, runs);
    }
    let is_right = |run: &Value| run["State"] == "succeeded";
    assert!(runs[1].iter().all(is_right), "{:?}", runs[1]);
    // What ran when its engine was killed has failed; nothing else of it has.
    let killed = |run: &Value| run["ReasonCode"] == "engine-went-down";
    assert!(runs[0].iter().all(|run| is_right(run) || killed(run)), "{:?}", runs[0]);
    for events in &events {
        let twice = events.starts_of_attempts().into_iter().filter(|(_, at)| at.len() > 1);
        assert_eq!(twice.collect::<BTreeMap<_, _>>(), BTreeMap::new());
    }
}

fn instant(run: &Value) -> chrono::DateTime<chrono::Utc> {
    wall_clock::parse(run["Instant"].as_str().unwrap())
}

fn successes(server: &Server, name: &str) -> Vec<Value> {
    let runs = server.runs(name).into_iter();
    runs.filter(|run| run["State"] == "succeeded").collect()
}

fn await_successes(server: &Server, name: &str, count: usize) {
    eventually(&format!("{count} successes of {name}"), || {
        (successes(server, name).len() >= count).then_some(())
    });
}

/// Ends the schedule of an allocation, and returns its runs once all of them are over.
fn all_ended(server: &Server, name: &str) -> Vec<Value> {
    let suspended = server.docket(["suspend", name]);
    assert_eq!(suspended.code, 0, "{suspended:?}");
    let runs = server.all_ended_within(BOUND, name);
    // An instant at the moment of the suspension may be recorded as missed.
    runs.into_iter().skip_while(|run| run["ReasonCode"] == "suspended").collect()
}

/// Asserts that the runs, newest first, are those of one second after the other.
fn assert_each_instant_once(name: &str, runs: &[Value]) {
    for pair in runs.windows(2) {
        let apart = instant(&pair[0]) - instant(&pair[1]);
        assert_eq!(apart.num_milliseconds(), 1_000, "{name}: {pair:?}");
    }
}

#[test]
fn an_engine_under_a_second_name_is_refused() {
    let (web1, home) = (Engine::shared(), home());
    let other_path = home.path("engine.sock");
    symlink(web1.socket(), &other_path).unwrap();
    let server = home.server_with(|command| {
        add(command, "web1", web1);
        command.args(["--engine", &format!("again=unix://{}", other_path.display())]);
    });

    server.await_engines(&["up", "refused"]);
    let engines = server.docket(["engines", "-o", "table"]);
    let at = wall_clock::soon();
    server.push(&once("foo", at, &["true"]));
    let run = server.ended_run_at("foo", at);

    assert!(engines.out.contains("the engine `web1` under a second name"), "{engines:?}");
    assert_eq!(run["Attempts"][0]["EngineName"], "web1", "{run}");
    assert_eq!(run["State"], "succeeded", "{run}");
}

#[test]
fn a_run_stays_with_its_engine_when_the_server_is_started_again() {
    let (web1, web2, home, gate) = (Engine::shared(), second(), home(), Gate::closed());
    let events = web2.events(home.namespace());
    let before = server(&home, web1, web2);
    let script = format!("{}; echo end; exit 3", Gate::WAIT);
    let at = wall_clock::soon();
    before.push(&on("web2", gate.before(script_once("foo", at, &script))));
    let container = before.running_container("foo");
    before.crash();

    // In another order, so that another engine is the default.
    let after = server_with(&home, [("web2", web2), ("web1", web1)]);
    let same = after.running_container("foo");
    gate.open();
    let run = after.ended_run_at("foo", at);

    assert_eq!(same, container);
    assert_eq!(run["Attempts"][0]["EngineName"], "web2", "{run}");
    assert_eq!(run["Attempts"][0]["ExitCode"], 3, "{run}");
    assert_eq!(after.output("foo", &run), b"end\n");
    assert_eq!(starts(&events), 1);
}

#[test]
fn an_engine_that_was_taken_out_leaves_its_run_lost_until_it_is_back() {
    let (web1, web2, home, gate) = (Engine::shared(), second(), home(), Gate::closed());
    let events = web2.events(home.namespace());
    let with_both = server(&home, web1, web2);
    let script = format!("{}; echo end", Gate::WAIT);
    let mut lasting = gate.before(idle("foo"));
    lasting["Container"]["Config"]["Cmd"] = json!(["sh", "-c", script]);
    with_both.push(&on("web2", lasting));
    with_both.run_manually("foo");
    let container = with_both.running_container("foo");
    with_both.stop();

    let with_one = home.server_with(|command| add(command, "web1", web1));
    let lost = with_one.ended_run("foo");
    with_one.stop();
    let runs_on = web2.inspect(&container).unwrap()["State"]["Running"].clone();
    let with_both = server(&home, web1, web2);
    gate.open();
    let found = eventually("a run that was found again", || {
        with_both.runs("foo").into_iter().find(|run| run["State"] == "succeeded")
    });

    assert_eq!(lost["State"], "lost", "{lost}");
    assert_eq!(lost["ReasonCode"], "engine-not-configured", "{lost}");
    assert!(lost["Reason"].as_str().unwrap().contains("its engine `web2` is not configured"));
    assert_eq!(runs_on, true);
    assert_eq!(found["Run"], lost["Run"]);
    assert_eq!(found["Attempts"][0]["Container"].as_str(), Some(&*container));
    assert_eq!(with_both.output("foo", &found), b"end\n");
    with_both.await_no_containers(web2);
    assert_eq!(starts(&events), 1);
}

#[test]
fn pulls_of_one_engine_take_no_place_of_another() {
    let [full, free] = ["full", "free"].map(|name| {
        StubEngine::start(Options { id: EngineId::Lasting(name.to_owned()), ..Options::default() })
    });
    let hangs = |call, _: &str| (call == Call::Pull).then_some(Fault::HangBefore);
    full.set_faults(Faults::none().by(hangs));
    let home = home();
    let server = home.server_with(|command| {
        for (name, stub) in [("full", &full), ("free", &free)] {
            command.args(["--engine", &format!("{name}={}", stub.docker_host())]);
        }
        command.args(["--max-pulling", "1"]);
    });
    server.await_engines(&["up", "up"]);
    let at = wall_clock::soon();
    let of_own_image = |name: &str| of_image(once(name, at, &["true"]), name);

    for name in ["first", "second"] {
        server.push(&on("full", of_own_image(name)));
    }
    server.push(&on("free", of_own_image("third")));
    let run = server.ended_run_at("third", at);

    assert_eq!(run["State"], "succeeded");
    eventually("a pull that hangs", || (full.count(Call::Pull) > 0).then_some(()));
    assert_eq!(full.count(Call::Pull), 1);
}
