//! The body with which a pod is created.

use docket_model::{Specification, allocation::Pull};
use docket_server::engine::{EngineError, Finding, Identity, Plan, Refusal, short_name};
use serde_json::{Map, Value, json};

use crate::{
    mapping::{Draft, map_options},
    pod_owner::{self, FINALIZER, REMOVED},
};

/// The gate that keeps a pod from being started. Clusters before 1.27 drop it in silence.
const GATE: &str = "docket.io/start";
/// No scheduler has this name, so a pod that names it is never started.
const NO_SCHEDULER: &str = "docket.io/none";

/// What a cluster cannot do of a specification.
pub(crate) fn check(specification: &Specification) -> Vec<Finding> {
    let parts = specification.container.parts();
    let lines = parts.config.get("Env").and_then(Value::as_array);
    let lines: Vec<_> =
        lines.into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)).collect();
    let mut draft = map_options(&parts, &lines, None);
    for (key, value) in &specification.labels {
        draft.label("Labels", key, value);
    }
    draft.findings
}

/// The pod of an attempt.
///
/// # Errors
/// [`EngineError::Refused`] names the first option that no pod can have.
pub(crate) fn of_run(plan: &Plan) -> Result<Value, EngineError> {
    let parts = plan.container.parts();
    let mut draft = map_options(&parts, &plan.whole_environment(), plan.command.as_deref());
    for (key, value) in &plan.labels {
        draft.label("Labels", key, value);
    }
    if let Some(Finding { field, message, .. }) =
        draft.findings.iter().find(|finding| finding.is_fatal)
    {
        let message = format!("`Container.{field}`: {message}");
        return Err(EngineError::Refused { kind: Refusal::Invalid, message });
    }
    let metadata = metadata(plan, &draft);
    let Draft { pod: mut spec, mut container, .. } = draft;
    container.insert("imagePullPolicy".to_owned(), pull_policy(plan.pull).into());
    let own = json!({
        "automountServiceAccountToken": false,
        "containers": [container],
        "enableServiceLinks": false,
        "restartPolicy": "Never",
        "schedulingGates": [{"name": GATE}],
        "tolerations": tolerations(),
    });
    if let Value::Object(own) = own {
        spec.extend(own);
    }
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
}

fn metadata(plan: &Plan, draft: &Draft) -> Value {
    let texts = |texts: &std::collections::BTreeMap<String, String>| -> Map<String, Value> {
        texts.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
    };
    let (mut labels, mut annotations) = (texts(&draft.labels), texts(&draft.annotations));
    // docket's own come last, so that no label of the allocation takes the place of one.
    labels.extend(pod_owner::labels(&plan.identity));
    annotations.extend(pod_owner::annotations(plan));
    json!({
        "name": short_name(&plan.identity),
        "labels": labels,
        "annotations": annotations,
        "finalizers": [FINALIZER],
    })
}

/// Without a limit of time the pod stays with its node until that is back: by default Kubernetes deletes it
/// after 300 s, with its log.
fn tolerations() -> Value {
    let of = |condition: &str| {
        let key = format!("node.kubernetes.io/{condition}");
        json!({"key": key, "operator": "Exists", "effect": "NoExecute"})
    };
    [of("not-ready"), of("unreachable")].into()
}

fn pull_policy(pull: Pull) -> &'static str {
    match pull {
        Pull::Always => "Always",
        Pull::Missing => "IfNotPresent",
        Pull::Never => "Never",
    }
}

/// A pod that only holds the name of an attempt: it never starts.
pub(crate) fn name_holder(identity: &Identity) -> Value {
    let mut annotations: Map<String, Value> =
        identity.labels().map(|(key, value)| (key.to_owned(), value.into())).collect();
    annotations.insert(REMOVED.to_owned(), "never started".into());
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": short_name(identity),
            "labels": pod_owner::labels(identity),
            "annotations": annotations,
            "finalizers": [FINALIZER],
        },
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{"name": "none", "image": "docket.io/none"}],
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "schedulerName": NO_SCHEDULER,
        },
    })
}

/// A pod whose creation is only tried out: the answer shows whether the cluster has scheduling gates.
pub(crate) fn gate_trial() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "docket-trial-"},
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [{"name": "none", "image": "docket.io/none"}],
            "restartPolicy": "Never",
            "schedulerName": NO_SCHEDULER,
            "schedulingGates": [{"name": GATE}],
        },
    })
}
