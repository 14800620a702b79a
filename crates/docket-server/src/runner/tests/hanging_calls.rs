//! Calls that hang each time that they are made, on an engine that answers all others: how often each
//! request is posted until its run goes on without an answer.

use std::{sync::Arc, time::Duration};

use docket_model::{
    FieldPath, Origin, Run, Specification, Zone,
    container::UnknownOptions,
    run::{ManualRequest, RunState, StateWord},
};
use serde_json::json;

use crate::{
    clock::{Clock, TestClock},
    engine::{
        docker::tests::scripted_daemon::{Reply, Stub, inspection},
        engine_registry::EngineRegistry,
    },
    server::{Process, TermSettings},
    store::{Push, Store},
};

/// How often a call that hangs each time is made, by docs/promises.md.
const TRIES: usize = 10;

/// An engine that answers the requests of a run that goes well, but for those that begin with `hanging`.
fn stub(hanging: &'static str) -> Stub {
    let mut is_started = false;
    Stub::start(move |request| {
        if request.starts_with(hanging) {
            return Reply::Silence;
        }
        is_started |= request.ends_with("/start");
        match request.split_once(' ') {
            Some((_, "/_ping")) => Reply::Json(200, "OK".to_owned()),
            Some((_, "/version")) => Reply::Json(200, json!({"ApiVersion": "1.41"}).to_string()),
            Some((_, "/info")) => Reply::Json(200, json!({"ID": "E", "NCPU": 2}).to_string()),
            Some(("GET", path)) if path.starts_with("/containers/json") => {
                Reply::Json(200, "[]".to_owned())
            }
            Some(("GET", path)) if path.contains("/logs") => Reply::Bytes(Vec::new()),
            Some(("GET", path)) if path.starts_with("/images/") => {
                Reply::Json(200, "{}".to_owned())
            }
            Some(("GET", _)) if is_started => inspection("exited"),
            Some(("GET", _)) => inspection("created"),
            Some(("POST", path)) if path.starts_with("/containers/create") => {
                Reply::Json(201, json!({"Id": "c1"}).to_string())
            }
            Some(("POST", path)) if path.contains("/wait") => {
                Reply::Json(200, json!({"StatusCode": 0}).to_string())
            }
            Some(("POST", path)) if path.starts_with("/images/create") => Reply::Bytes(Vec::new()),
            _ => Reply::Json(204, String::new()),
        }
    })
}

/// Runs an allocation once on this engine; returns its record two hours later.
async fn run_on(stub: &Stub) -> Arc<Run> {
    let clock = Arc::new(TestClock::at("2026-11-21T09:00:00.250Z"));
    let settings = TermSettings::for_tests(Zone::utc());
    let process = Arc::new(Process::new(Store::in_memory(usize::MAX), clock.clone(), settings));
    let engines = EngineRegistry::for_tests(Arc::new(stub.engine()));
    let term = process.begin_term(engines).await.unwrap();
    let (store, runner) = (&process.store, &term.runner);
    let container = json!({"Config": {"Image": "busybox"}});
    let posted =
        json!({"Name": "report", "Cron": "@yearly", "Container": container, "Pull": "Always"});
    let read = Specification::read(posted, &FieldPath::default(), UnknownOptions::Refuse);
    let push = Push {
        specifications: vec![read.unwrap().specification],
        origin: Origin::Api,
        complete: false,
        at: clock.now(),
        by: "test".into(),
        only_if: crate::store::Condition::Nothing,
        circumstances: runner.circumstances(),
    };
    store.push(push).await.unwrap();
    let run = runner.run_manually("report", ManualRequest::default(), None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    store.run("report", run.id.instant).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_each_time_is_made_ten_times() {
    let mut outcomes = Vec::new();
    for hanging in ["POST /containers/create", "GET /containers/c1/logs", "DELETE /containers/c1"] {
        let stub = stub(hanging);

        let run = run_on(&stub).await;

        outcomes.push((hanging, run.state.word(), stub.count(hanging)));
    }
    let expected = [
        ("POST /containers/create", StateWord::Failed, TRIES),
        ("GET /containers/c1/logs", StateWord::Succeeded, TRIES),
        ("DELETE /containers/c1", StateWord::Succeeded, TRIES),
    ];
    assert_eq!(outcomes, expected);
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_hangs_is_given_up_after_its_timeout_where_the_image_is_there() {
    let stub = stub("POST /images/create");

    let run = run_on(&stub).await;

    assert_eq!(run.state, RunState::Succeeded);
    assert_eq!(stub.count("POST /images/create"), 1);
}
