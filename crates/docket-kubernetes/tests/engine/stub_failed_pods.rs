//! Pods that fail as a whole, or whose program is started a second time, on the stub of an API server.

use docket_model::run::Exit;
use docket_server::engine::{Condition, EngineError, Handle, Observation};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{
    cluster_bed::name,
    contract::{PLENTY, Program, Subject},
    stub_api::{Objects, StubApi},
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

#[tokio::test]
async fn a_second_start_that_docket_did_not_see_is_reported() {
    let lost = json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}});
    for (last_state, words) in
        [(lost, "started the program a second time"), (json!({}), "may have run")]
    {
        let stub = StubApi::start().await;
        let before = stub.subject().await;
        let handle = running(&before, "twice").await;
        let restarted = |objects: &mut Objects| {
            let mut status = objects.pod(name(&handle)).unwrap()["status"].clone();
            status["containerStatuses"][0]["containerID"] = "stub://second".into();
            status["containerStatuses"][0]["restartCount"] = 1.into();
            status["containerStatuses"][0]["lastState"] = last_state;
            objects.set_status(name(&handle), status);
        };
        drop(before);
        stub.change(restarted);

        // Another life of docket, which follows it to its end, or comes after that.
        let following = stub.subject().await;
        let running = following.engine.watch(&handle).next().await.unwrap();
        assert!(matches!(running, Ok(Observation::Running { .. })), "{running:?}");
        stub.change(|objects| objects.end(name(&handle), 0));
        assert_eq!(following.follow(&handle).await.unwrap().code, Some(0));
        for subject in [following, stub.subject().await] {
            let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
            assert!(captured.remark.unwrap_or_default().contains(words));
        }
    }
}
