//! Every call that docket makes of its engine, broken in every way: the scheduler goes on, each run
//! comes to its right end, and no container is left.

use std::thread;

use chrono::{DateTime, TimeDelta, Utc};
use docket_stub_engine::{Call, Fault, Faults, Line, Options};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, with_host_option},
    breaks::{self, Outcome, faults},
    bystander::Bystander,
    eventually,
};
use serde_json::{Value, json};

/// Lets both kinds of store go through the same at the same time.
fn with_each_store(weather: fn(fn(&str) -> Home) -> Outcome) {
    let outcomes = thread::scope(|scope| {
        let homes: [fn(&str) -> Home; 2] = [Home::forgetful, Home::durable];
        let under_way = homes.map(|home| scope.spawn(move || weather(home)));
        under_way.map(|outcome| outcome.join().unwrap())
    });
    for outcome in outcomes {
        assert_eq!(outcome.wrongs, Vec::<String>::new(), "{outcome}");
    }
}

/// An allocation that runs by hand and leaves no container.
fn by_hand(name: &str) -> Value {
    with_host_option(idle(name), "AutoRemove", json!(true))
}

/// When the calls were received that met a fault.
fn broken(stub: &StubEngine, call: Call) -> Vec<DateTime<Utc>> {
    let journal = stub.journal().into_iter();
    let broken = journal.filter(|stamp| stamp.call == call && stamp.fault.is_some());
    broken.map(|stamp| stamp.at).collect()
}

/// Waits until so many of these calls met a fault; returns when they did.
fn await_broken(stub: &StubEngine, call: Call, count: usize) -> Vec<DateTime<Utc>> {
    eventually(&format!("{count} broken calls of {call:?}"), || {
        Some(broken(stub, call)).filter(|broken| broken.len() >= count)
    })
}

fn await_no_containers(stub: &StubEngine) {
    let none_left = || (stub.containers() == 0).then_some(());
    eventually("no container left", none_left);
}

#[test]
fn whichever_call_is_answered_wrongly_or_late_or_cut_off_each_run_comes_to_its_right_end() {
    with_each_store(breaks::answered);
}

#[test]
fn others_go_on_while_calls_hang_and_each_run_outlives_an_engine_that_vanishes_in_its_call() {
    with_each_store(breaks::cut_short);
}

#[test]
fn an_engine_that_cannot_tell_what_it_is_is_asked_again_and_no_instant_is_lost() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let bystander = Bystander::push(&server);
    assert_eq!(bystander.goes_on(&server), None);

    let faults = Faults::none();
    let faults = faults.first(Call::Version, faults::all()).first(Call::Info, faults::all());
    stub.set_faults(faults);
    let versions = await_broken(&stub, Call::Version, faults::all().len());
    await_broken(&stub, Call::Info, faults::all().len());

    assert_eq!(bystander.goes_on(&server), None);
    let (_, wrongs) = bystander.end(&server, &stub);
    assert_eq!(wrongs, Vec::<String>::new(), "{}", stub.story());
    await_no_containers(&stub);
    // The first one hung for five seconds, and nobody waited for it.
    let hung = versions[0]..versions[0] + TimeDelta::seconds(4);
    let started = |line: &Line| hung.contains(&line.containers[0].starts[0]);
    assert!(stub.ledger().iter().any(started), "{}", stub.story());
}

#[test]
fn an_engine_that_refuses_and_then_breaks_a_ping_is_not_believed_and_asked_again() {
    let names: Vec<_> = (0..faults::all().len()).map(|number| format!("a{number}")).collect();
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    for name in &names {
        server.push(&by_hand(name));
    }
    let refusals = names.iter().map(|_| Fault::fail_before());
    let faults = Faults::none().first(Call::Create, refusals).first(Call::Ping, faults::all());
    stub.set_faults(faults);

    for name in &names {
        server.run_by_hand(name);
    }
    let runs: Vec<_> = names.iter().map(|name| server.ended_run(name)).collect();

    // A ping that is only late is answered, so the refusal stands.
    let in_state = |state: &str| runs.iter().filter(|run| run["State"] == state).count();
    assert_eq!((in_state("failed"), in_state("succeeded")), (2, 8), "{runs:?}");
    let starts: Vec<_> = stub.ledger().iter().map(|line| line.starts).collect();
    assert_eq!(starts, [1; 8]);
    await_no_containers(&stub);
}

#[test]
fn a_container_that_was_left_is_removed_whatever_becomes_of_the_list_of_those_left() {
    let stub = StubEngine::start(Options::default());
    let count = faults::all().len();
    let refusals = (0..count).map(|_| Fault::fail_after());
    let faults = Faults::none().first(Call::List, faults::all()).first(Call::Create, refusals);
    stub.set_faults(faults);
    // Each asks for the list when it finds the engine.
    let homes: Vec<_> = (0..count).map(|_| Home::durable(&stub.docker_host())).collect();
    let servers: Vec<_> = homes.iter().map(Home::server).collect();
    servers.iter().for_each(Server::await_ready);
    await_broken(&stub, Call::List, count);

    let after_a_run = |name: &str| -> Vec<_> {
        for server in &servers {
            server.push(&by_hand(name));
            server.run_by_hand(name);
        }
        servers.iter().map(|server| server.ended_run(name)["State"].clone()).collect()
    };
    let left = after_a_run("left");
    let goes_on = after_a_run("goes-on");
    let were_left = stub.ledger().iter().filter(|line| line.starts == 0).count();
    stub.vanish_from(&servers[0]);

    assert_eq!((left, goes_on), (vec![json!("failed"); count], vec![json!("succeeded"); count]));
    assert_eq!(were_left, count);
    await_no_containers(&stub);
    assert!(stub.ledger().iter().all(|line| line.starts <= 1));
}
