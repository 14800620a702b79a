//! The fault matrix, each engine call with each fault: other runs continue, each run has the expected end,
//! and no container is left.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use chrono::{DateTime, Utc};
use docket_stub_engine::{Call, Fault, Faults, Options};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, with_host_option},
    eventually,
    fault_matrix::{self, Outcome, faults},
    undisturbed_allocation::ControlRun,
};
use serde_json::{Value, json};

/// Lets both kinds of store go through the same at the same time.
fn with_each_store(run: fn(fn(&str) -> Home) -> Outcome) {
    let outcomes = thread::scope(|scope| {
        let homes: [fn(&str) -> Home; 2] = [Home::in_memory, Home::durable];
        let under_way = homes.map(|home| scope.spawn(move || run(home)));
        under_way.map(|outcome| outcome.join().unwrap())
    });
    for outcome in outcomes {
        assert_eq!(outcome.failures, Vec::<String>::new(), "{outcome}");
    }
}

/// An allocation that only runs manually and leaves no container.
fn manual(name: &str) -> Value {
    with_host_option(idle(name), "AutoRemove", json!(true))
}

/// When the calls were received that met a fault.
fn broken(stub: &StubEngine, call: Call) -> Vec<DateTime<Utc>> {
    let journal = stub.journal().into_iter();
    let broken = journal.filter(|stamp| stamp.call == call && stamp.fault.is_some());
    broken.map(|stamp| stamp.at).collect()
}

/// Waits until this number of these calls met a fault; returns when they did.
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
fn with_errors_delays_and_lost_connections_each_run_has_the_expected_end() {
    with_each_store(fault_matrix::errors_and_delays);
}

#[test]
fn other_runs_continue_while_calls_hang_and_each_run_survives_an_engine_restart_during_its_call() {
    with_each_store(fault_matrix::hangs_until_engine_restarts);
}

#[test]
fn an_engine_that_cannot_tell_what_it_is_is_asked_until_it_can_and_no_instant_is_lost() {
    let stub = StubEngine::start(Options::default());
    let kinds = [vec![Fault::HangBefore], faults::wrong()].concat();
    let faults =
        Faults::none().first(Call::Version, kinds.clone()).first(Call::Info, kinds.clone());
    stub.set_faults(faults);
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    let control_run = ControlRun::push(&server);

    await_broken(&stub, Call::Version, kinds.len());
    await_broken(&stub, Call::Info, kinds.len());

    assert_eq!(control_run.goes_on(&server), None);
    let (_, failures) = control_run.end(&server, &stub);
    assert_eq!(failures, Vec::<String>::new(), "{}", stub.story());
    await_no_containers(&stub);
}

/// How a run ends, and how often its container was started, where the engine refuses to create it
/// and each ping from then on meets a fault until the run has had its own.
fn refused_before_pings_meet(kind: &Fault) -> (Value, usize) {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    server.push(&manual("a"));
    let (was_refused, kind) = (AtomicBool::new(false), kind.clone());
    stub.set_faults(Faults::none().by(move |call, _| match call {
        Call::Create => (!was_refused.swap(true, Ordering::SeqCst)).then(Fault::fail_before),
        Call::Ping => was_refused.load(Ordering::SeqCst).then(|| kind.clone()),
        _ => None,
    }));

    server.run_manually("a");
    // The run asks at once; the server asks time and again.
    await_broken(&stub, Call::Ping, 3);
    stub.set_faults(Faults::none());
    let state = server.ended_run("a")["State"].clone();

    await_no_containers(&stub);
    (state, stub.ledger().iter().map(|line| line.starts).sum())
}

fn refused_before_pings_meet_each(kinds: &[Fault]) -> Vec<(Value, usize)> {
    thread::scope(|scope| {
        let runs: Vec<_> =
            kinds.iter().map(|kind| scope.spawn(move || refused_before_pings_meet(kind))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn an_engine_that_refuses_and_then_breaks_a_ping_is_not_believed_and_asked_again() {
    let kinds = [faults::hangs(), faults::wrong()].concat();

    let ended = refused_before_pings_meet_each(&kinds);

    assert_eq!(ended, vec![(json!("succeeded"), 1); kinds.len()], "{kinds:?}");
}

#[test]
fn an_engine_that_refuses_and_then_answers_a_ping_late_is_believed() {
    let kinds = faults::late();

    let ended = refused_before_pings_meet_each(&kinds);

    assert_eq!(ended, vec![(json!("failed"), 0); kinds.len()], "{kinds:?}");
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
            server.push(&manual(name));
            server.run_manually(name);
        }
        servers.iter().map(|server| server.ended_run(name)["State"].clone()).collect()
    };
    let left = after_a_run("left");
    let goes_on = after_a_run("goes-on");
    let were_left = stub.ledger().iter().filter(|line| line.starts == 0).count();
    stub.go_away_until_noticed_by(&servers[0]);

    assert_eq!((left, goes_on), (vec![json!("failed"); count], vec![json!("succeeded"); count]));
    assert_eq!(were_left, count);
    await_no_containers(&stub);
    assert!(stub.ledger().iter().all(|line| line.starts <= 1));
}
