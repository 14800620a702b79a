//! Servers on one engine, and in one namespace: none touches the containers of another.

use docket_tests::{
    Engine, Home, Server,
    allocation::{idle, once},
    docket_server::new_namespace,
    eventually, wall_clock,
};
use serde_json::{Value, json};

/// Runs until it is stopped, and then leaves no container.
fn lasting(mut allocation: Value) -> Value {
    allocation["Container"]["Config"]["Cmd"] = json!(["sleep", "600"]);
    allocation["Container"]["Config"]["StopSignal"] = json!("SIGKILL");
    allocation["Container"]["HostConfig"]["AutoRemove"] = json!(true);
    allocation
}

/// Two servers that forget, and two with files.
fn homes(engine: &Engine) -> [Home; 4] {
    let namespace = new_namespace();
    let in_one = |home: Home| home.in_namespace(&namespace);
    let address = engine.address();
    [
        Home::in_memory(address),
        Home::in_memory(address),
        Home::durable(address),
        Home::durable(address),
    ]
    .map(in_one)
}

/// Starts a lasting manual run; returns its container.
fn start_lasting(server: &Server, name: &str) -> String {
    server.await_ready();
    server.push(&lasting(idle(name)));
    server.run_manually(name);
    server.running_container(name)
}

/// When a container started, of one that runs.
fn running_since(engine: &Engine, container: &str) -> String {
    let inspected = engine.inspect(container).unwrap();
    assert_eq!(inspected["State"]["Running"], true, "{}", inspected["State"]);
    inspected["State"]["StartedAt"].to_string()
}

#[test]
fn four_servers_in_one_namespace_leave_one_anothers_containers_alone() {
    let engine = Engine::shared();
    let homes = homes(engine);
    let mut servers: Vec<_> = homes.iter().map(Home::server).collect();
    let names = ["forgotten", "remembered-by-one", "kept", "kept-too"];
    let containers: Vec<_> =
        servers.iter().zip(names).map(|(server, name)| start_lasting(server, name)).collect();
    let since: Vec<_> = containers.iter().map(|it| running_since(engine, it)).collect();

    // Each start looks for what was left behind.
    for place in [0, 2] {
        servers.remove(place).crash();
        servers.insert(place, homes[place].server());
        servers[place].await_ready();
        start_lasting(&servers[place], "another");
    }

    let since_now: Vec<_> = containers.iter().map(|it| running_since(engine, it)).collect();
    assert_eq!(since_now, since);
    assert_eq!(servers[0].get("/forgotten").status, 404);
    for (place, name) in [(1, names[1]), (2, names[2]), (3, names[3])] {
        engine.docker(["kill", &containers[place]]);
        let run = servers[place].ended_run(name);
        assert_eq!(run["Attempts"][0]["Container"], containers[place].as_str(), "{run}");
        eventually("a container that is gone", || {
            engine.inspect(&containers[place]).is_none().then_some(())
        });
    }
    let forgotten = running_since(engine, &containers[0]);
    assert_eq!(forgotten, since[0], "no server manages it");
    clear_away(engine, &homes);
}

#[test]
fn of_four_servers_with_one_name_and_one_instant_one_starts_and_the_others_say_who_has_the_name() {
    let engine = Engine::shared();
    let homes = homes(engine);
    let events = engine.events(homes[0].namespace());
    let servers: Vec<_> = homes.iter().map(Home::server).collect();
    servers.iter().for_each(Server::await_ready);
    let same = lasting(once("same", wall_clock::soon(), &["true"]));

    for server in &servers {
        server.push(&same);
    }
    let states = eventually("three refusals and a running container", || {
        let runs: Vec<_> = servers.iter().filter_map(|server| server.runs("same").pop()).collect();
        let settled = |run: &Value| run["State"] == "running" || run["Ended"].is_string();
        (runs.len() == 4 && runs.iter().all(settled)).then_some(runs)
    });

    let (running, refused): (Vec<_>, Vec<_>) =
        states.iter().partition(|run| run["State"] == "running");
    assert_eq!((running.len(), refused.len()), (1, 3), "{states:?}");
    for run in refused {
        assert_eq!(run["ReasonCode"], "name-held", "{run}");
        let holder = run["ReasonValues"]["Holder"].as_str().unwrap();
        assert!(holder.ends_with("give one of the two servers another `--namespace`"), "{run}");
    }
    let starts = events.starts();
    assert_eq!(starts.values().map(Vec::len).collect::<Vec<_>>(), [1], "{starts:?}");
    running_since(engine, running[0]["Attempts"][0]["Container"].as_str().unwrap());
    clear_away(engine, &homes);
}

#[test]
fn a_second_server_in_a_namespace_says_at_its_start_what_to_do() {
    let engine = Engine::shared();
    let homes = homes(engine);
    let first = homes[2].server();
    start_lasting(&first, "kept");

    let mut second = homes[3].server();
    let warning = second.await_log("containers of another store run in this namespace");

    assert!(warning.contains("give one of the two another `--namespace`"), "{warning}");
    second.stop();
    first.stop();
    clear_away(engine, &homes);
}

/// Ends what was to outlast the test's servers.
fn clear_away(engine: &Engine, homes: &[Home]) {
    let label = format!("io.docket.namespace={}", homes[0].namespace());
    for container in engine.containers_labelled(&label) {
        engine.try_docker(["rm", "--force", &container]);
    }
}
