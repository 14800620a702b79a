//! Networks, and containers whose network is shared, that are not there.
//!
//! An engine takes them at the creation as they are, and fails at the start.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{EngineError, Finding, docker_api::engine_client::Client};

/// Networks that every engine has, and words for them.
const BUILT_IN: [&str; 6] = ["", "default", "bridge", "host", "none", "nat"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    name: String,
    id: String,
}

/// The networks that the container names and the engine does not have.
pub(super) async fn missing(
    client: &Client,
    container: &Value,
) -> Result<Vec<Finding>, EngineError> {
    let mut findings = Vec::new();
    let mut wanted = Vec::new();
    if let Some(mode) = container.pointer("/HostConfig/NetworkMode").and_then(Value::as_str) {
        let field = "HostConfig.NetworkMode".to_owned();
        match mode.strip_prefix("container:") {
            Some(other) => findings.extend(missing_container(client, field, other).await?),
            None => wanted.push((field, mode)),
        }
    }
    let endpoints = container.pointer("/NetworkingConfig/EndpointsConfig");
    for name in endpoints.and_then(Value::as_object).into_iter().flat_map(|named| named.keys()) {
        wanted.push((format!("NetworkingConfig.EndpointsConfig.{name}"), name));
    }
    wanted.retain(|(_, name)| !BUILT_IN.contains(name));
    if !wanted.is_empty() {
        let networks: Vec<Network> = client.get_json("/networks", &[]).await?;
        // An engine takes a name, an id or the beginning of one.
        let is_there = |name: &str| {
            networks.iter().any(|network| network.name == name || network.id.starts_with(name))
        };
        wanted.retain(|(_, name)| !is_there(name));
    }
    let missing = wanted.into_iter();
    findings.extend(missing.map(|(field, name)| {
        Finding::fatal(
            field,
            format!("there is no network `{name}`: no container of it would start"),
        )
    }));
    Ok(findings)
}

async fn missing_container(
    client: &Client,
    field: String,
    name: &str,
) -> Result<Option<Finding>, EngineError> {
    // No container has a name that cannot be part of an address.
    let is_there = is_name(name)
        && match client.inspect(name).await {
            Ok(_) => true,
            Err(EngineError::Gone) => false,
            Err(error) => return Err(error),
        };
    let message = format!("there is no container `{name}` whose network could be shared");
    Ok((!is_there).then(|| Finding::fatal(field, message)))
}

/// True for what can stand in an address: what engines allow as names of containers and volumes.
pub(super) fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inside)
}
