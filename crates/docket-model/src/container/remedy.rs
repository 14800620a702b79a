//! What to write instead of a value of the wrong type, with the user's own entries.

use serde_json::{Map, Value};

use super::{engine_option_units::Unit, yaml_in_messages};
use crate::finding::{Place, expected, expected_with, shortened};

/// The message for a value of the wrong type at a path, with what to write instead.
pub(crate) fn expected_at(at: Place<'_>, kind: &str, found: &Value) -> String {
    match of(at, kind, found) {
        Some(remedy) => expected_with(kind, found, &remedy),
        None => expected(kind, found),
    }
}

/// What to write instead of a value that should be of this type, if that is known.
fn of(at: Place<'_>, kind: &str, found: &Value) -> Option<String> {
    match kind {
        "a whole number" => number(at, found),
        "a string" => element(at, found),
        "a list" => list(key(at)?, found),
        "a mapping" | "a mapping of strings" => mapping(at, found),
        _ => None,
    }
}

/// The key of a value, or of the list that it is in.
fn key(at: Place<'_>) -> Option<&str> {
    match at {
        Place::Key(_, key) => Some(key),
        Place::Index(parent, _) => key(*parent),
        Place::Start(_) => None,
    }
}

fn number(at: Place<'_>, found: &Value) -> Option<String> {
    let unit = Unit::at(at)?;
    let number = unit.number(found)?;
    Some(format!("write {number}, the number of {}", unit.words()))
}

/// A string in a list that YAML reads as a mapping, as in `- KEY: value`.
fn element(at: Place<'_>, found: &Value) -> Option<String> {
    let (Place::Index(..), Value::Object(entries)) = (at, found) else {
        return None;
    };
    // YAML makes `- A: b` a mapping with one entry; one with more was meant as a mapping.
    let (name, value) = entries.iter().next().filter(|_| entries.len() == 1)?;
    let value = plain(value)?;
    let text = match key(at)? {
        "Env" => format!("{name}={value}"),
        "Binds" | "ExtraHosts" | "VolumesFrom" | "Links" => format!("{name}:{value}"),
        _ => return None,
    };
    Some(format!("write `{}`", yaml_in_messages::word(&text)))
}

fn list(key: &str, found: &Value) -> Option<String> {
    let entries = match found {
        Value::Object(entries) => {
            let joint = match key {
                "Env" => "=",
                "ExtraHosts" => ":",
                _ => return None,
            };
            pairs(entries)?.map(|(name, value)| format!("{name}{joint}{value}")).collect::<Vec<_>>()
        }
        // A health check as one string is what Compose runs in a shell.
        Value::String(command) if key == "Test" => vec!["CMD-SHELL".to_owned(), command.clone()],
        Value::String(_) | Value::Number(_) => vec![plain(found)?],
        _ => return None,
    };
    let list = yaml_in_messages::list(entries.iter().map(String::as_str));
    Some(format!("write `{key}: {list}`"))
}

fn mapping(at: Place<'_>, found: &Value) -> Option<String> {
    let key = key(at)?;
    if let (Place::Index(..), Value::String(text)) = (at, found) {
        return structure(key, text).map(|structure| format!("write {structure}"));
    }
    let texts: Vec<String> = match found {
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(plain).collect::<Option<_>>()?
        }
        Value::String(_) | Value::Number(_) => vec![plain(found)?],
        _ => return None,
    };
    let split = |text, joint| str::split_once(text, joint).unwrap_or((text, ""));
    // `-e` and `--label` of Docker's command line take such texts.
    let entries = texts.iter().map(String::as_str);
    let mapping = match key {
        "Labels" | "Annotations" | "Sysctls" | "StorageOpt" | "DriverOpts" => {
            yaml_in_messages::mapping(entries.map(|text| {
                let (name, value) = split(text, '=');
                (name, yaml_in_messages::word(value))
            }))
        }
        "Tmpfs" => yaml_in_messages::mapping(entries.map(|text| {
            let (path, options) = split(text, ':');
            (path, yaml_in_messages::word(options))
        })),
        // Compose writes binds under `volumes`; the Engine API has anonymous volumes there.
        "Volumes" if texts.iter().any(|text| text.contains(':')) => {
            let binds = yaml_in_messages::list(texts.iter().map(String::as_str));
            return Some(format!("write `Binds: {binds}` under `HostConfig`"));
        }
        "Volumes" => yaml_in_messages::mapping(entries.map(|path| (path, "{}".to_owned()))),
        "ExposedPorts" => {
            let ports: Vec<_> = texts.iter().map(|port| with_protocol(port)).collect();
            yaml_in_messages::mapping(ports.iter().map(|port| (port.as_str(), "{}".to_owned())))
        }
        "PortBindings" => bindings(&texts),
        _ => return None,
    };
    Some(format!("write `{key}: {mapping}`"))
}

/// An option of Docker's command line, as the mapping that the Engine API has.
fn structure(key: &str, text: &str) -> Option<String> {
    let entries = match key {
        "Ulimits" => {
            let (name, limits) = text.split_once('=')?;
            let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
            let number = |text: &str| text.parse::<i64>().ok().map(|number| number.to_string());
            vec![
                ("Name", yaml_in_messages::word(name)),
                ("Soft", number(soft)?),
                ("Hard", number(hard)?),
            ]
        }
        "Devices" => {
            let mut parts = text.split(':');
            let host = parts.next()?;
            let inside = parts.next().unwrap_or(host);
            let permissions = parts.next().unwrap_or("rwm");
            vec![
                ("PathOnHost", yaml_in_messages::word(host)),
                ("PathInContainer", yaml_in_messages::word(inside)),
                ("CgroupPermissions", yaml_in_messages::word(permissions)),
            ]
        }
        _ => return None,
    };
    Some(format!("`{}`", yaml_in_messages::mapping(entries)))
}

fn bindings(texts: &[String]) -> String {
    let each: Vec<_> = texts
        .iter()
        .map(|text| {
            // The container's port is last, after an optional address that may have colons itself.
            let (outside, inside) = text.rsplit_once(':').unwrap_or((text, text));
            let (host, port) = outside.rsplit_once(':').unwrap_or(("", outside));
            // The engine expects the port as a string, so it is quoted.
            let port = ("HostPort", format!("'{}'", shortened(port)));
            let host = (!host.is_empty()).then(|| ("HostIp", yaml_in_messages::word(host)));
            let binding = yaml_in_messages::mapping(host.into_iter().chain([port]));
            (with_protocol(inside), format!("[{binding}]"))
        })
        .collect();
    yaml_in_messages::mapping(each.iter().map(|(port, binding)| (port.as_str(), binding.clone())))
}

fn with_protocol(port: &str) -> String {
    if port.contains('/') { port.to_owned() } else { format!("{port}/tcp") }
}

fn pairs(entries: &Map<String, Value>) -> Option<impl Iterator<Item = (&String, String)>> {
    let pairs: Option<Vec<_>> =
        entries.iter().map(|(key, value)| Some((key, plain(value)?))).collect();
    // An entry without a name has nothing to write before its `=`.
    Some(pairs?.into_iter().filter(|(key, _)| !key.is_empty()))
}

/// A scalar as a text; null is empty.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
