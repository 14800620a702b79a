//! The body with which a pod is created.

use docket_model::{
    Specification,
    allocation::{Placement, Pull},
};
use docket_server::engine::{EngineError, Finding, Identity, Plan, short_name};
use serde_json::{Map, Value, json};

use crate::{
    api::Node,
    mapping::{
        Draft, check_placement, check_pod_options, map_node, map_options, map_placement,
        map_pod_options,
    },
    pod_owner::{self, FINALIZER, NEVER_RAN, REMOVED},
};

/// The gate that keeps a pod from being started. Clusters before 1.27 drop it in silence.
const GATE: &str = "docket.io/start";
/// No scheduler has this name, so a pod that names it is never started.
const NO_SCHEDULER: &str = "docket.io/none";

/// What a cluster cannot do of a specification.
pub(crate) fn check(specification: &Specification, on_nodes: &Placement) -> Vec<Finding> {
    let parts = specification.container.parts();
    let lines = parts.config.get("Env").and_then(Value::as_array);
    let lines: Vec<_> =
        lines.into_iter().flatten().filter_map(|line| line.as_str().map(str::to_owned)).collect();
    let of_options = map_options(&parts, &lines, None, on_nodes).findings.into_iter();
    let mut findings: Vec<_> = of_options.map(Finding::below_container).collect();
    let mut labels = Draft::default();
    for (key, value) in &specification.labels {
        labels.label("Labels", key, value);
    }
    findings.append(&mut labels.findings);
    findings.extend(check_placement(on_nodes));
    findings.extend(check_pod_options(on_nodes));
    findings
}

/// The pod of an attempt. The labels of the nodes are needed where its placement has patterns.
///
/// # Errors
/// [`EngineError::Refused`] names the first option that no pod can have.
pub(crate) fn of_run(plan: &Plan, nodes: &[Node]) -> Result<Value, EngineError> {
    let parts = plan.container.parts();
    let environment = plan.whole_environment(&parts.config);
    let command = plan.command.as_deref();
    let mut draft = map_options(&parts, &environment, command, &plan.placement);
    match &plan.node {
        Some(node) => map_node(&mut draft, node),
        None => map_placement(&mut draft, &plan.placement, nodes),
    }
    map_pod_options(&mut draft, &plan.placement);
    for (key, value) in &plan.labels {
        draft.label("Labels", key, value);
    }
    if let Some(finding) = draft.findings.iter().find(|finding| finding.is_fatal) {
        return Err(finding.refusal());
    }
    let metadata = metadata(plan, &draft);
    let Draft { pod: mut spec, mut container, .. } = draft;
    container.insert("imagePullPolicy".to_owned(), pull_policy(plan.pull).into());
    let own = json!({
        "containers": [container],
        "enableServiceLinks": false,
        "restartPolicy": "Never",
        "schedulingGates": [{"name": GATE}],
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
    annotations.insert(REMOVED.to_owned(), NEVER_RAN.into());
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
