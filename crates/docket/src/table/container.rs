//! The container of an allocation: what it runs, and what it may use. Values of variables are not shown.

use serde_json::Value;

use super::{
    allocation_details::Row,
    container_limits::{self, plain},
};

/// What a container of the server's response runs, and what it may use: one row for each detail.
pub(super) fn rows(container: &Value, env_files: String) -> Vec<Row> {
    let config = |key| part(container, "Config", key);
    let text = |value: Option<&Value>| value.map(plain).unwrap_or_default();
    let json = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
    vec![
        ("Image", text(config("Image"))),
        ("Platform", text(container.get("Platform").filter(|value| !value.is_null()))),
        ("Entrypoint", json(config("Entrypoint"))),
        ("Command", json(config("Cmd"))),
        ("Environment", environment(config("Env"))),
        ("Env files", env_files),
        ("Mounts", mounts(container)),
        ("Network", network(container)),
        ("Limits", container.get("HostConfig").map(container_limits::of).unwrap_or_default()),
    ]
}

fn part<'a>(container: &'a Value, part: &str, key: &str) -> Option<&'a Value> {
    container.get(part)?.get(key).filter(|value| !value.is_null())
}

/// The names of the variables: a value may be a secret.
fn environment(lines: Option<&Value>) -> String {
    let lines = lines.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let names = lines.map(|line| line.split_once('=').map_or(line, |(name, _)| name));
    names.collect::<Vec<_>>().join(", ")
}

/// The mounts, one per line, as `docker run` writes them: `SOURCE:TARGET:OPTIONS`.
fn mounts(container: &Value) -> String {
    let host = |key| part(container, "HostConfig", key);
    let list = |key| host(key).and_then(Value::as_array).into_iter().flatten();
    let from = list("VolumesFrom").map(|name| format!("volumes of {}", plain(name)));
    let tmpfs = host("Tmpfs").and_then(Value::as_object).into_iter().flatten();
    let tmpfs = tmpfs.map(|(target, options)| match options.as_str() {
        None | Some("") => format!("tmpfs:{target}"),
        Some(options) => format!("tmpfs:{target}:{options}"),
    });
    let volumes = part(container, "Config", "Volumes").and_then(Value::as_object);
    let volumes = volumes.into_iter().flatten().map(|(target, _)| format!("new volume:{target}"));
    let mounts = list("Binds").map(plain).chain(list("Mounts").map(mount));
    mounts.chain(from).chain(tmpfs).chain(volumes).collect::<Vec<_>>().join("\n")
}

fn network(container: &Value) -> String {
    let mode = part(container, "HostConfig", "NetworkMode").map(plain);
    let endpoints = part(container, "NetworkingConfig", "EndpointsConfig");
    let endpoints = endpoints.and_then(Value::as_object).into_iter().flatten();
    let names = mode.into_iter().chain(endpoints.map(|(name, _)| name.clone()));
    let mut names: Vec<_> = names.collect();
    // The network of `NetworkMode` is usually an endpoint too.
    names.dedup();
    names.join(", ")
}

/// An entry of `Mounts` in short form: `/etc/ssl:/ssl:ro`.
fn mount(mount: &Value) -> String {
    let text = |key| mount.get(key).and_then(Value::as_str).unwrap_or_default();
    let source = match (text("Type"), text("Source")) {
        // A tmpfs and an anonymous volume have no source.
        (kind, "") => kind,
        (_, source) => source,
    };
    let is_read_only = mount.get("ReadOnly").and_then(Value::as_bool) == Some(true);
    format!("{source}:{}{}", text("Target"), if is_read_only { ":ro" } else { "" })
}
