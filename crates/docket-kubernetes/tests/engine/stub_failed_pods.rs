//! Pods that fail as a whole, on the stub of an API server.

use docket_model::run::Exit;
use docket_server::engine::{Condition, EngineError, Handle};
use serde_json::{Value, json};

use crate::{
    cluster_bed::name,
    contract::{PLENTY, Program, Subject},
    stub_api::StubApi,
};

/// A pod that runs, and has written `up`.
async fn running(subject: &Subject, of: &str) -> Handle {
    subject.start_and_read(&subject.plan(of, Program::EndsWhenAsked)).await.handle
}

/// What its node reports of a pod that it rejects or evicts.
fn failed(reason: &str, message: &str) -> Value {
    json!({"phase": "Failed", "reason": reason, "message": message})
}

#[tokio::test]
async fn a_pod_that_its_node_rejects_was_never_started() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    for (reason, message) in [
        ("OutOfcpu", "Node didn't have enough resource: cpu"),
        ("NodeAffinity", "Predicate NodeAffinity failed"),
        ("UnexpectedAdmissionError", "Allocate failed due to no devices"),
        ("SysctlForbidden", "forbidden sysctl"),
    ] {
        let handle = stub.started_without_program(&subject, &reason.to_lowercase()).await;
        stub.change(|objects| objects.set_status(name(&handle), failed(reason, message)));

        let ended = subject.follow(&handle).await;

        let expected = format!("its node rejected the pod: {reason}: {message}");
        assert_eq!(ended, Err(EngineError::NotStartable(expected)));
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
        assert!(!stub.objects.lock().has(name(&handle)));
    }
}

#[tokio::test]
async fn an_evicted_pod_may_have_run_and_keeps_what_is_known_of_it() {
    let words = "Evicted: The node was low on resource: memory.";
    let running_since = json!({"running": {"startedAt": "2026-11-21T09:00:00Z"}});
    let terminated = json!({"terminated": {
        "exitCode": 137, "reason": "Error",
        "startedAt": "2026-11-21T09:00:00Z", "finishedAt": "2026-11-21T09:00:01Z",
    }});
    for (number, (container, code)) in
        [(None, None), (Some(running_since), None), (Some(terminated), Some(137))]
            .into_iter()
            .enumerate()
    {
        let stub = StubApi::start().await;
        let subject = stub.subject().await;
        let handle = running(&subject, &format!("evicted-{number}")).await;
        let mut status = failed("Evicted", "The node was low on resource: memory.");
        if let Some(state) = container {
            status["containerStatuses"] = json!([{"name": "main", "state": state}]);
        }
        stub.change(|objects| objects.set_status(name(&handle), status));

        let exit: Exit = subject.follow(&handle).await.unwrap();
        let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();

        assert_eq!((exit.code, exit.error.as_deref()), (code, Some(words)), "{number}");
        assert_eq!(captured.output.to_bytes(), b"up\n", "{number}");
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
}
