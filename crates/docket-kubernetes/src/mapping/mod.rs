//! What the options of a container become in a pod. Pure: nothing here asks a cluster.
//!
//! 1. The mapping is total: each option of the Engine API is mapped, passed over because it changes nothing
//!    in a pod, or refused by its name. Nothing is dropped in silence.

mod config_options;
mod host_options;
mod labels;
mod mounts;
mod network;
mod resources;
mod security;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use docket_model::container::{Parts, Platform};
use docket_server::engine::Finding;
use serde_json::{Map, Value, json};

/// The name of the container in its pod.
pub(crate) const CONTAINER: &str = "main";

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
    /// What has no counterpart, or another effect than on Docker.
    pub(crate) findings: Vec<Finding>,
}

/// Maps the options of a container, with this environment and, where given, another command.
pub(crate) fn map_options(
    parts: &Parts,
    environment: &[String],
    command: Option<&[String]>,
) -> Draft {
    let mut draft = Draft::default();
    draft.container.insert("name".to_owned(), CONTAINER.into());
    config_options::map(&mut draft, &parts.config);
    config_options::map_environment(&mut draft, environment);
    if let Some(command) = command {
        draft.container.insert("args".to_owned(), config_options::escaped(command).into());
    }
    if let Some(host_config) = &parts.host_config {
        host_options::map(&mut draft, host_config);
    }
    if let Some(networking) = &parts.networking_config {
        network::map_endpoints(&mut draft, networking);
    }
    if let Some(platform) = parts.platform.as_deref().filter(|platform| !platform.is_empty()) {
        map_platform(&mut draft, platform);
    }
    draft
}

/// Chooses the nodes that have the platform of the image.
fn map_platform(draft: &mut Draft, platform: &str) {
    let mut words = platform.split('/');
    let (Ok(_), Some(os), Some(architecture)) =
        (Platform::parse(platform), words.next(), words.next())
    else {
        return draft.refuse("Platform", "write it as OS/ARCHITECTURE, such as `linux/arm64`");
    };
    let selector = object(&mut draft.pod, "nodeSelector");
    selector.insert("kubernetes.io/os".to_owned(), os.into());
    selector.insert("kubernetes.io/arch".to_owned(), architecture.into());
}

impl Draft {
    /// Notes an option with which no pod can be made.
    fn refuse(&mut self, field: impl Into<String>, why: &str) {
        self.findings.push(Finding::fatal(field, format!("not possible on Kubernetes: {why}")));
    }

    /// Notes an option with another effect than on Docker.
    fn warn(&mut self, field: impl Into<String>, message: &str) {
        self.findings.push(Finding::warning(field, message.to_owned()));
    }

    /// Notes an option for which pods have nothing.
    fn refuse_without_counterpart(&mut self, field: impl Into<String>) {
        self.refuse(field, "pods have no such option; remove it, or use an engine of kind docker");
    }

    /// The security context of the container.
    fn security(&mut self) -> &mut Map<String, Value> {
        object(&mut self.container, "securityContext")
    }

    /// The security context of the pod.
    fn pod_security(&mut self) -> &mut Map<String, Value> {
        object(&mut self.pod, "securityContext")
    }

    /// Adds a volume and mounts it into the container.
    fn mount(&mut self, (kind, source): (&str, Value), target: &str, options: Map<String, Value>) {
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
fn object<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
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
fn list<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it was made a list above"),
    }
}

/// True of a value that the Engine API takes for an option that is not given.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

/// The texts of a list; a single text counts as a list of one, as for `Cmd`.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
