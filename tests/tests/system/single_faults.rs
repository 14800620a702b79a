//! Single faults in engine calls: the run has the expected end, and no container is left.

use docket_stub_engine::{Call, Fault, Faults, Line, Options};
use docket_tests::{
    Home, Server, StubEngine,
    allocation::{idle, with_host_option},
    eventually,
};
use serde_json::{Value, json};

/// A server on a stub, an allocation that leaves no container, and one manual run of it.
struct Bed {
    stub: StubEngine,
    server: Server,
    _home: Home,
}

impl Bed {
    fn new(faults: Faults) -> Self {
        let stub = StubEngine::start(Options::default());
        let home = Home::in_memory(&stub.docker_host());
        let server = home.server();
        let removed = with_host_option(idle("foo"), "AutoRemove", json!(true));
        server.push(&removed);
        eventually("a server that is ready", || {
            (server.get("/-/ready").status == 200).then_some(())
        });
        stub.set_faults(faults);
        server.run_manually("foo");
        Self { stub, server, _home: home }
    }

    /// The record, once it is over, and what became of its container, once that is gone.
    fn end(&self) -> (Value, Line) {
        let run = self.server.ended_run("foo");
        eventually("no container left", || (self.stub.containers() == 0).then_some(()));
        let mut ledger = self.stub.ledger();
        assert_eq!(ledger.len(), 1, "{}", self.stub.story());
        (run, ledger.remove(0))
    }
}

#[test]
fn a_start_that_failed_after_its_effect_is_followed_also_where_a_look_at_it_fails() {
    let faults = Faults::none()
        .first(Call::Start, [Fault::fail_after()])
        .first(Call::Inspect, [Fault::fail_before()]);

    let (run, line) = Bed::new(faults).end();

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(line.starts, 1);
}

#[test]
fn a_container_whose_removal_was_refused_is_removed_later() {
    let (run, line) = Bed::new(Faults::none().first(Call::Remove, [Fault::fail_before()])).end();

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(line.starts, 1);
}

#[test]
fn a_container_that_was_created_although_the_engine_refused_is_removed_later() {
    let (run, line) = Bed::new(Faults::none().first(Call::Create, [Fault::fail_after()])).end();

    assert_eq!(run["State"], "failed", "{run}");
    assert_eq!(line.starts, 0);
}

/// The engine's answer where an image was pruned after its pull.
fn no_such_image() -> Fault {
    let message = "No such image: busybox:latest".to_owned();
    Fault::FailBefore { status: 404, message }
}

#[test]
fn an_image_that_is_pruned_between_pull_and_create_is_pulled_once_more() {
    let bed = Bed::new(Faults::none().first(Call::Create, [no_such_image()]));

    let (run, line) = bed.end();

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!((line.starts, bed.stub.count(Call::Pull)), (1, 2));
}

#[test]
fn an_image_that_is_missing_at_each_create_fails_the_run() {
    let bed = Bed::new(Faults::none().by(|call, _| (call == Call::Create).then(no_such_image)));

    let run = bed.server.ended_run("foo");

    assert_eq!((&run["State"], bed.stub.count(Call::Pull)), (&json!("failed"), 2), "{run}");
    assert_eq!(run["ReasonCode"], "image-not-found", "{run}");
}
