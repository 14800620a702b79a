//! Maps `Config` to the service: the program, its environment, and how it is stopped.

use serde_json::{Map, Value, json};

use super::{template_builder::TemplateBuilder, value_reader::texts};
use crate::engine::Grace;

/// The key of a container specification that has the option.
fn renamed(key: &str) -> Option<&'static str> {
    Some(match key {
        "Image" => "Image",
        "Env" => "Env",
        "User" => "User",
        "Hostname" => "Hostname",
        "OpenStdin" => "OpenStdin",
        "StopSignal" => "StopSignal",
        "Labels" => "Labels",
        "WorkingDir" => "Dir",
        "Tty" => "TTY",
        "Healthcheck" => "Healthcheck",
        _ => return None,
    })
}

/// True for what has no effect on a container without an attached client.
fn has_no_effect(key: &str) -> bool {
    matches!(key, "AttachStdin" | "AttachStdout" | "AttachStderr" | "ExposedPorts")
}

/// Maps `Config`.
pub(super) fn map(config: &Map<String, Value>, mapping: &mut TemplateBuilder) {
    let mut unmapped = Vec::new();
    for (key, value) in config.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            // The engine takes a text for a list of one, and Swarm does not.
            "Entrypoint" => mapping.copy("Command", &json!(texts(value))),
            "Cmd" => mapping.copy("Args", &json!(texts(value))),
            "StopTimeout" => {
                let grace = Grace::of(value.as_i64()).length().as_nanos();
                mapping.copy("StopGracePeriod", &json!(i64::try_from(grace).unwrap_or(i64::MAX)));
            }
            "Volumes" => anonymous_volumes(value, mapping),
            key if has_no_effect(key) => {}
            key => match renamed(key) {
                Some(renamed) => mapping.copy(renamed, value),
                None => unmapped.push(key),
            },
        }
    }
    mapping.refuse_unmapped(
        "Config",
        config.iter().filter(|(key, _)| unmapped.contains(&key.as_str())),
    );
}

/// Each is made anew on the node, so none is bound to one.
fn anonymous_volumes(value: &Value, mapping: &mut TemplateBuilder) {
    for target in value.as_object().into_iter().flat_map(Map::keys) {
        mapping.mounts.push(json!({"Type": "volume", "Target": target}));
    }
}
