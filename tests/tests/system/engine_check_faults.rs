//! `docket check --engine` on an engine of which each call is broken in each way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    thread,
};

use docket_stub_engine::{Call, Fault, Faults, Options};
use docket_tests::{
    Home, StubEngine,
    allocation::{idle, of_image, with_host_option},
    eventually,
    fault_matrix::faults,
    raw_http_client::Request,
    undisturbed_allocation::ControlRun,
};
use serde_json::{Value, json};

/// The calls of an engine check. Its request for the engine's version is also made by others.
const CALLS: [Call; 7] = [
    Call::Pull,
    Call::InspectImage,
    Call::Networks,
    Call::InspectVolume,
    Call::Inspect,
    Call::Create,
    Call::Remove,
];

/// A fault in one call of one engine check.
#[derive(Debug, Clone)]
struct FaultCase {
    /// The allocation's name, and that of its image, its volume and the container it refers to.
    name: String,
    call: Call,
    fault: Fault,
}

impl FaultCase {
    fn all() -> Vec<Self> {
        let of_call = |call: Call| {
            let named = move |(number, fault)| {
                let name = format!("{call:?}{number}").to_lowercase();
                Self { name, call, fault }
            };
            faults::all().into_iter().enumerate().map(named)
        };
        CALLS.into_iter().flat_map(of_call).collect()
    }

    /// An allocation whose engine check makes the call.
    fn allocation(&self) -> Value {
        let name = &self.name;
        let mut allocation = of_image(idle(name), name);
        let of_host = |key, value| with_host_option(of_image(idle(name), name), key, value);
        match self.call {
            Call::InspectImage => allocation["Pull"] = json!("Missing"),
            Call::Networks => return of_host("NetworkMode", json!(name)),
            Call::Inspect => return of_host("NetworkMode", json!(format!("container:{name}"))),
            Call::InspectVolume => return of_host("Binds", json!([format!("{name}:/data")])),
            _ => {}
        }
        allocation
    }

    /// Whether the engine was only late. The order of requests for networks is random.
    fn is_late(&self) -> bool {
        let is_late = matches!(self.fault, Fault::Delay(_) | Fault::AnswerLate(_));
        is_late && self.call != Call::Networks
    }
}

/// Each break meets the first call that is its own.
fn each_once(pending: &Arc<Mutex<HashMap<String, FaultCase>>>) -> Faults {
    let pending = Arc::clone(pending);
    let rule = move |call, subject: &str| {
        let mut pending = pending.lock().unwrap();
        let mut parts = subject.split(['.', ':']);
        let name = parts.find(|part| pending.get(*part).is_some_and(|it| it.call == call))?;
        pending.remove(name).map(|it| it.fault)
    };
    // A list of networks is about none of them.
    Faults::none().first(Call::Networks, faults::all()).by(rule)
}

#[test]
fn an_engine_check_with_any_faulty_call_leaves_no_container_and_stops_no_run() {
    let stub = StubEngine::start(Options::default());
    let home = Home::durable(&stub.docker_host());
    let server = home.server();
    server.await_ready();
    let control_run = ControlRun::push(&server);
    let cases = FaultCase::all();
    let named = cases.iter().filter(|it| it.call != Call::Networks);
    let pending = named.map(|it| (it.name.clone(), it.clone())).collect();
    let pending = Arc::new(Mutex::new(pending));
    stub.set_faults(each_once(&pending));

    let replies = thread::scope(|scope| {
        let check = |it: &FaultCase| {
            let request = Request::post_to("/-/check?engine=default", it.allocation());
            let server = &server;
            scope.spawn(move || server.send(&request))
        };
        let checks: Vec<_> = cases.iter().map(check).collect();
        eventually("all cases to be met", || pending.lock().unwrap().is_empty().then_some(()));
        assert_eq!(control_run.goes_on(&server), None);
        stub.go_away_until_noticed_by(&server);
        let replies = checks.into_iter().map(|it| it.join().unwrap());
        replies.collect::<Vec<_>>()
    });

    for (it, reply) in cases.iter().zip(replies) {
        let is_expected = reply.status == 200 || (reply.status == 503 && !it.is_late());
        assert!(is_expected, "{it:?}: {}", reply.text());
    }
    assert_eq!(control_run.goes_on(&server), None);
    assert_eq!(control_run.end(&server, &stub).1, Vec::<String>::new());
    let none_left = || (stub.containers() == 0).then_some(());
    eventually("no container left", none_left);
}
