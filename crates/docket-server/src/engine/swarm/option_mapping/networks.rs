//! `NetworkMode` and `NetworkingConfig`: which networks a task joins.

use serde_json::{Map, Value, json};

use super::{
    template_builder::TemplateBuilder,
    value_reader::{is_unset, mapping_at},
};

/// Maps both.
pub(super) fn map(
    host: &Map<String, Value>,
    networking: &Map<String, Value>,
    mapping: &mut TemplateBuilder,
) {
    let mode = host.get("NetworkMode").and_then(Value::as_str).unwrap_or_default();
    let endpoints = mapping_at(networking, "EndpointsConfig");
    match mode {
        // A task without networks has the bridge of its node.
        "" | "default" | "bridge" => {}
        "none" => mapping.refuse("HostConfig.NetworkMode", "Swarm has no network `none`"),
        mode if mode.starts_with("container:") => mapping.refuse(
            "HostConfig.NetworkMode",
            "a Swarm service cannot share the network of another container",
        ),
        // What its endpoint says is mapped below.
        mode if endpoints.iter().any(|(name, _)| *name == mode) => {}
        mode => mapping.networks.push(json!({"Target": mode})),
    }
    for (name, endpoint) in endpoints {
        map_endpoint(name, endpoint, mapping);
    }
    let others = networking.iter().filter(|(key, _)| *key != "EndpointsConfig");
    mapping.refuse_unmapped("NetworkingConfig", others);
}

fn map_endpoint(name: &str, endpoint: &Value, mapping: &mut TemplateBuilder) {
    let mut attachment = Map::from_iter([("Target".to_owned(), name.into())]);
    let empty = Map::new();
    let options = endpoint.as_object().unwrap_or(&empty);
    for (key, value) in options.iter().filter(|(_, value)| !is_unset(value)) {
        match key.as_str() {
            "Aliases" | "DriverOpts" => drop(attachment.insert(key.clone(), value.clone())),
            key => {
                let field = format!("NetworkingConfig.EndpointsConfig.{name}.{key}");
                mapping.has_no_counterpart(field);
            }
        }
    }
    if !matches!(name, "default" | "bridge") {
        mapping.networks.push(attachment.into());
    } else if attachment.len() > 1 {
        let field = format!("NetworkingConfig.EndpointsConfig.{name}");
        mapping.refuse(field, "the bridge of a node takes no options from a Swarm service");
    }
}
