//! The nodes of the stub, and where its scheduler puts a pod.

use serde_json::{Value, json};

use super::objects::{Refused, StubNode};

/// The names of the nodes, which are their only labels, too.
const NAMES: [&str; 2] = ["node-1", "node-2"];
/// The label that has the name.
const HOST_NAME: &str = "kubernetes.io/hostname";

/// The nodes in this state.
pub(super) fn list(state: StubNode) -> Result<Value, Refused> {
    let nodes = NAMES.iter().map(|name| node(state, name)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({"items": nodes}))
}

/// A node in this state.
pub(super) fn node(state: StubNode, name: &str) -> Result<Value, Refused> {
    let ready = match state {
        StubNode::Ready => "True",
        StubNode::CutOff => "Unknown",
        StubNode::Hidden => return Err((403, "Forbidden", "nodes is forbidden".to_owned())),
    };
    let conditions = json!([{"type": "Ready", "status": ready}]);
    let metadata = json!({"name": name, "labels": {HOST_NAME: name}});
    Ok(json!({"metadata": metadata, "status": {"conditions": conditions}}))
}

/// The first node that a pod may go to; none where it has to wait.
pub(super) fn node_for(spec: &Value) -> Option<&'static str> {
    let affinity = &spec["affinity"]["nodeAffinity"];
    let required = &affinity["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array();
    let selector = spec["nodeSelector"].as_object();
    NAMES.into_iter().find(|name| {
        let label = |key: &str| (key == HOST_NAME).then_some(*name);
        selector.into_iter().flatten().all(|(key, value)| label(key) == value.as_str())
            && terms.is_none_or(|terms| terms.iter().any(|term| fits(term, name, label)))
    })
}

/// Whether all that a term requires holds for the node of this name.
fn fits<'a>(term: &Value, name: &'a str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let field = |key: &str| (key == "metadata.name").then_some(name);
    let required = |key: &str| term[key].as_array().into_iter().flatten();
    let key = |expression: &Value| expression["key"].as_str().unwrap().to_owned();
    required("matchFields").all(|it| holds(it, field(&key(it))))
        && required("matchExpressions").all(|it| holds(it, label(&key(it))))
}

fn holds(expression: &Value, value: Option<&str>) -> bool {
    let listed = || expression["values"].as_array().unwrap().iter().any(|it| it.as_str() == value);
    match expression["operator"].as_str().unwrap() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        operator => panic!("{operator:?}"),
    }
}
