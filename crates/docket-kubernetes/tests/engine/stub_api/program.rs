//! The node of the stub: it runs the steps that a container lists.

use std::time::Duration;

use serde_json::{Value, json};

use super::StubApi;

/// Runs the container of a pod to its end.
pub(super) async fn run(stub: StubApi, name: String, uid: String, pod: Value) {
    let container = &pod["spec"]["containers"][0];
    let set = |phase: &str, state: Value| {
        stub.change(|objects| objects.set_state(&name, phase, state));
    };
    if container["image"] == "nothing" {
        let reason = json!({"reason": "ErrImagePull", "message": "manifest unknown"});
        return set("Pending", json!({"waiting": reason}));
    }
    let steps = container["args"].as_array().cloned().unwrap_or_default();
    let print = |line: &str| {
        stub.change(|objects| {
            let log = objects.logs.entry(uid.clone()).or_default();
            log.extend_from_slice(format!("{line}\n").as_bytes());
        });
    };
    let first = steps.first().and_then(Value::as_str).unwrap_or_default();
    if let Some(message) = first.strip_prefix("fail ") {
        let terminated = json!({"exitCode": 128, "reason": "StartError", "message": message});
        return set("Failed", json!({"terminated": terminated}));
    }
    set("Running", json!({"running": {"startedAt": "2026-11-21T09:00:00Z"}}));
    let mut code = 0;
    for step in steps.iter().filter_map(Value::as_str) {
        match step.split_once(' ').unwrap() {
            ("out", line) => {
                print(line);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            ("exit", number) => code = number.parse().unwrap(),
            ("asked", how) => code = asked(&stub, &name, how == "ends", &print).await,
            step => panic!("{step:?}"),
        }
    }
    stub.change(|objects| objects.end(&name, code));
}

/// Runs until the pod is deleted; returns the exit code.
async fn asked(stub: &StubApi, name: &str, ends: bool, print: &impl Fn(&str)) -> i64 {
    let is_over =
        |pod: &Value| !pod["status"]["containerStatuses"][0]["state"]["terminated"].is_null();
    let grace = |pod: &Value| {
        let metadata = &pod["metadata"];
        let is_deleted = !metadata["deletionTimestamp"].is_null() || is_over(pod);
        is_deleted.then(|| metadata["deletionGracePeriodSeconds"].as_u64().unwrap_or_default())
    };
    let seconds = stub.until(|objects| objects.pod(name).map_or(Some(0), grace)).await;
    if ends {
        print("asked");
        return 7;
    }
    let shortened = stub.until(|objects| {
        objects
            .pod(name)
            .map_or(Some(()), |pod| grace(pod).is_some_and(|grace| grace < seconds).then_some(()))
    });
    let _ = tokio::time::timeout(Duration::from_secs(seconds), shortened).await;
    137
}
