//! A pod that is being put together, and what was found on the way.

use std::collections::BTreeMap;

pub(super) use docket_model::container::{is_unset, texts};
use docket_server::engine::Finding;
use serde_json::{Map, Value, json};

/// A pod as far as the options of its container say.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The `PodSpec`, without its containers.
    pub(crate) pod: Map<String, Value>,
    /// The container.
    pub(crate) container: Map<String, Value>,
    /// The labels that the pod can have.
    pub(crate) labels: BTreeMap<String, String>,
    /// The labels whose values only an annotation can have.
    pub(crate) annotations: BTreeMap<String, String>,
    /// True where what is bound to a node is there on each node that the pod may go to.
    pub(super) may_be_node_bound: bool,
    /// What has no counterpart, or another effect than on Docker.
    pub(crate) findings: Vec<Finding>,
}

impl Draft {
    /// Notes an option with which no pod can be made.
    pub(super) fn refuse(&mut self, field: impl Into<String>, why: &str) {
        self.findings.push(Finding::fatal(field, format!("not possible on Kubernetes: {why}")));
    }

    /// Notes an option with another effect than on Docker.
    pub(super) fn warn(&mut self, field: impl Into<String>, message: &str) {
        self.findings.push(Finding::warning(field, message.to_owned()));
    }

    /// Notes an option for which pods have nothing.
    pub(super) fn refuse_without_counterpart(&mut self, field: impl Into<String>) {
        self.refuse(field, "pods have no such option; remove it, or use an engine of kind docker");
    }

    /// The security context of the container.
    pub(super) fn security(&mut self) -> &mut Map<String, Value> {
        object(&mut self.container, "securityContext")
    }

    /// The security context of the pod.
    pub(super) fn pod_security(&mut self) -> &mut Map<String, Value> {
        object(&mut self.pod, "securityContext")
    }

    /// Adds a volume and mounts it into the container.
    pub(super) fn mount(
        &mut self,
        (kind, source): (&str, Value),
        target: &str,
        options: Map<String, Value>,
    ) {
        let volumes = list(&mut self.pod, "volumes");
        let name = format!("volume-{}", volumes.len() + 1);
        volumes.push(json!({"name": name, kind: source}));
        let mut mount = options;
        mount.insert("name".to_owned(), name.into());
        mount.insert("mountPath".to_owned(), target.into());
        list(&mut self.container, "volumeMounts").push(mount.into());
    }
}

/// The object under a key, which is made where there is none.
pub(super) fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object above"),
    }
}

/// The list under a key, which is made where there is none.
pub(super) fn list<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it was made a list above"),
    }
}
