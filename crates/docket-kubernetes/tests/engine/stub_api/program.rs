//! The node of the stub: it runs the steps that a container lists.

use std::{fs::File, io::Write, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{Objects, StubApi};

/// The exit code of a program that was killed.
const KILLED: i64 = 137;

/// Runs the container of a pod to its end.
pub(super) async fn run(stub: StubApi, name: String, uid: String, pod: Value) {
    let container = &pod["spec"]["containers"][0];
    let set = |phase: &str, state: Value| {
        stub.change(|objects| objects.set_state(&name, phase, state));
    };
    if container["image"] == "nothing" {
        let reason = json!({"reason": "ErrImagePull", "message": "manifest unknown"});
        set("Pending", json!({"waiting": reason}));
        stub.until(|objects| objects.is_unreported(&name).then_some(())).await;
        let report = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": uid}});
        // It may be gone by now.
        let _ = stub.change(|objects| objects.delete(&name, &report));
        return;
    }
    let steps = container["args"].as_array().cloned().unwrap_or_default();
    let write = |text: &str| {
        stub.change(|objects| objects.write(&name, text));
    };
    let print = |line: &str| write(&format!("{line}\n"));
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
            ("print", text) => write(text),
            ("exit", number) => code = number.parse().unwrap(),
            ("note", file) => note(&pod, file),
            ("wait", milliseconds) => {
                let length = Duration::from_millis(milliseconds.parse().unwrap());
                let deleted = stub.until(|objects| is_deleted(objects, &name).then_some(()));
                if tokio::time::timeout(length, deleted).await.is_ok() {
                    code = KILLED;
                    break;
                }
            }
            ("fails-before", attempt) => {
                let attempt: i64 = attempt.parse().unwrap();
                code =
                    i64::from(variable(&pod, "DOCKET_ATTEMPT").parse::<i64>().unwrap() < attempt);
            }
            ("asked", how) => match asked(&stub, &name, how == "ends", &print).await {
                Some(end) => code = end,
                None => return,
            },
            step => panic!("{step:?}"),
        }
    }
    stub.change(|objects| objects.end(&name, code));
}

/// Runs until the pod is deleted; returns the exit code, or none where the container was ended meanwhile.
async fn asked(stub: &StubApi, name: &str, ends: bool, print: &impl Fn(&str)) -> Option<i64> {
    let grace = |pod: &Value| {
        let metadata = &pod["metadata"];
        let is_deleted = !metadata["deletionTimestamp"].is_null();
        is_deleted.then(|| metadata["deletionGracePeriodSeconds"].as_u64().unwrap_or_default())
    };
    let is_over =
        |pod: &Value| !pod["status"]["containerStatuses"][0]["state"]["terminated"].is_null();
    let asked = |pod: &Value| match grace(pod) {
        Some(seconds) => Some(Some(seconds)),
        None => is_over(pod).then_some(None),
    };
    let seconds = stub.until(|objects| objects.pod(name).map_or(Some(None), asked)).await?;
    if ends {
        print("asked");
        return Some(7);
    }
    let shortened = stub.until(|objects| {
        objects
            .pod(name)
            .map_or(Some(()), |pod| grace(pod).is_some_and(|grace| grace < seconds).then_some(()))
    });
    let _ = tokio::time::timeout(Duration::from_secs(seconds), shortened).await;
    Some(KILLED)
}

fn is_deleted(objects: &Objects, name: &str) -> bool {
    objects.pod(name).map_or(true, |pod| pod["metadata"]["deletionTimestamp"].is_string())
}

/// Appends run and attempt to a file in the folder of the node that the container sees.
fn note(pod: &Value, file: &str) {
    let folder = Path::new(pod["spec"]["volumes"][0]["hostPath"]["path"].as_str().unwrap());
    let mut file = File::options().create(true).append(true).open(folder.join(file)).unwrap();
    let [run, attempt] = ["DOCKET_RUN", "DOCKET_ATTEMPT"].map(|name| variable(pod, name));
    file.write_all(format!("{run} {attempt}\n").as_bytes()).unwrap();
}

/// A variable of the container.
fn variable<'a>(pod: &'a Value, name: &str) -> &'a str {
    let mut variables = pod["spec"]["containers"][0]["env"].as_array().unwrap().iter();
    variables.find(|variable| variable["name"] == name).unwrap()["value"].as_str().unwrap()
}
