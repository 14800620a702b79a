//! Pods whose container cannot be created, on the stub of an API server.

use docket_server::engine::{Condition, EngineError, Observation};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::{cluster_bed::name, contract::Subject, stub_api::StubApi};

/// A pod whose container waits for this reason.
fn waiting(reason: &str, message: Option<&str>) -> Value {
    let waiting = json!({"reason": reason, "message": message});
    json!({"phase": "Pending", "containerStatuses": [{"name": "main", "state": {"waiting": waiting}}]})
}

/// How a pod fails whose container waits for this reason, with these events: reason, words and seconds.
async fn failure(
    stub: &StubApi,
    subject: &Subject,
    of: &str,
    status: Value,
    events: &[(&str, &str, i64)],
) -> String {
    let handle = stub.started_without_program(subject, of).await;
    stub.change(|objects| {
        objects.set_status(name(&handle), status);
        for (reason, message, seconds) in events {
            objects.say(name(&handle), reason, message, *seconds);
        }
    });

    let failed = subject.follow(&handle).await;

    let Err(EngineError::NotStartable(words)) = failed else { panic!("{failed:?}") };
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    words
}

#[tokio::test]
async fn a_container_that_cannot_be_created_fails_its_pod_in_the_words_of_the_node() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let creating = || waiting("ContainerCreating", None);
    let missing = waiting("CreateContainerConfigError", Some("configmap \"x\" not found"));

    let (config, mount, sandbox) = tokio::join!(
        failure(&stub, &subject, "config", missing, &[]),
        failure(&stub, &subject, "mount", creating(), &[("FailedMount", "/x is not a file", 32)]),
        failure(
            &stub,
            &subject,
            "sandbox",
            json!({"phase": "Pending"}),
            &[
                ("FailedCreatePodSandBox", "no runtime for \"y\"", 25),
                ("FailedCreatePodSandBox", "no runtime for \"x\"", 30),
            ],
        ),
    );

    assert_eq!(config, "CreateContainerConfigError: configmap \"x\" not found");
    assert_eq!(mount, "FailedMount: /x is not a file");
    assert_eq!(sandbox, "FailedCreatePodSandBox: no runtime for \"x\"");
    assert_eq!(stub.objects.lock().pods().count(), 0);
}

#[tokio::test]
async fn a_volume_that_takes_long_to_attach_is_waited_for_with_its_reason() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle = stub.started_without_program(&subject, "attach").await;
    let words = "Multi-Attach error: the volume is used by another node";
    stub.change(|objects| {
        objects.set_status(name(&handle), waiting("ContainerCreating", None));
        objects.say(name(&handle), "FailedAttachVolume", words, 300);
    });

    let mut seen = subject.engine.watch(&handle);
    let reason = loop {
        match seen.next().await.unwrap().unwrap() {
            Observation::Waiting(Some(reason)) => break reason,
            Observation::Waiting(None) => {}
            other => panic!("{other:?}"),
        }
    };
    stub.change(|objects| objects.end(name(&handle), 0));

    assert_eq!(reason, format!("FailedAttachVolume: {words}"));
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
}
