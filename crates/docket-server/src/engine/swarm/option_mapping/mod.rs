//! What a service is made of that a container's options ask for. Nothing here asks an engine.
//!
//! 1. Swarm drops keys that it does not know, so the mapping is total: each option is mapped, has no
//!    effect on a service, or is refused by its name.

mod host_options;
mod mounts;
mod networks;
mod program_options;
mod value_reader;

use docket_model::container::Platform;
use serde_json::{Map, Value, json};

use self::value_reader::is_unset;
use crate::engine::Finding;

/// The options of a container, as they are posted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) config: &'a Map<String, Value>,
    pub(super) host_config: &'a Map<String, Value>,
    pub(super) networking_config: &'a Map<String, Value>,
    pub(super) platform: Option<&'a str>,
    /// True where what is bound to a node is there on each node that the container may go to.
    pub(super) may_be_node_bound: bool,
}

/// A task template under way, and what was found.
#[derive(Debug, Default)]
struct Mapping {
    container: Map<String, Value>,
    limits: Map<String, Value>,
    reservations: Map<String, Value>,
    mounts: Vec<Value>,
    networks: Vec<Value>,
    dns: Map<String, Value>,
    log_driver: Option<Value>,
    platforms: Vec<Value>,
    may_be_node_bound: bool,
    findings: Vec<Finding>,
}

impl Mapping {
    fn refuse(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.findings.push(Finding::fatal(field, reason.into()));
    }

    fn remark(&mut self, field: impl Into<String>, remark: impl Into<String>) {
        self.findings.push(Finding::warning(field, remark.into()));
    }

    /// Copies an option under another key.
    fn copy(&mut self, key: &str, value: &Value) {
        self.container.insert(key.to_owned(), value.clone());
    }

    /// Notes an option that no service has.
    fn has_no_counterpart(&mut self, field: String) {
        self.refuse(field, "a Swarm service has no such option");
    }

    /// The template of the tasks; `constraints` say which nodes may run them.
    fn into_template(self, constraints: &[String]) -> Value {
        let Self { mut container, limits, reservations, mounts, networks, dns, .. } = self;
        // With a health check Swarm ends a container that is not healthy, which no other engine does. An
        // image may have one, so it is switched off unless the specification asks for it.
        container.entry("Healthcheck").or_insert_with(|| json!({"Test": ["NONE"]}));
        if !mounts.is_empty() {
            container.insert("Mounts".to_owned(), mounts.into());
        }
        if !dns.is_empty() {
            container.insert("DNSConfig".to_owned(), dns.into());
        }
        let mut template = json!({
            "ContainerSpec": container,
            "Resources": {"Limits": limits, "Reservations": reservations},
            // A run's retries are docket's.
            "RestartPolicy": {"Condition": "none"},
            "Placement": {"Constraints": constraints, "Platforms": self.platforms},
        });
        if let Some(template) = template.as_object_mut() {
            if !networks.is_empty() {
                template.insert("Networks".to_owned(), networks.into());
            }
            if let Some(log_driver) = self.log_driver {
                template.insert("LogDriver".to_owned(), log_driver);
            }
        }
        template
    }
}

/// What Swarm cannot do of the options, and what it does in another way.
pub(super) fn check(options: Options<'_>) -> Vec<Finding> {
    map(options).findings
}

/// The template of the service's tasks; the first option that is refused, where there is one.
pub(super) fn task_template(
    options: Options<'_>,
    constraints: &[String],
) -> Result<Value, Finding> {
    let mapping = map(options);
    match mapping.findings.iter().find(|finding| finding.is_fatal) {
        Some(refusal) => Err(refusal.clone()),
        None => Ok(mapping.into_template(constraints)),
    }
}

fn map(options: Options<'_>) -> Mapping {
    let Options { config, host_config, networking_config, platform, may_be_node_bound } = options;
    let mut mapping = Mapping { may_be_node_bound, ..Mapping::default() };
    program_options::map(config, &mut mapping);
    host_options::map(host_config, &mut mapping);
    networks::map(host_config, networking_config, &mut mapping);
    if let Some(platform) = platform {
        map_platform(platform, &mut mapping);
    }
    mapping
}

fn map_platform(platform: &str, mapping: &mut Mapping) {
    match platform.split('/').collect::<Vec<_>>()[..] {
        [os, architecture] if Platform::parse(platform).is_ok() => {
            mapping.platforms.push(json!({"OS": os, "Architecture": architecture}));
        }
        _ => mapping.refuse(
            "Platform",
            format!(
                "`{platform}`: Swarm places by system and architecture alone: write `linux/arm64`"
            ),
        ),
    }
}

/// Notes each option that is set and has no rule.
fn refuse_unmapped<'a>(
    part: &str,
    unmapped: impl Iterator<Item = (&'a String, &'a Value)>,
    mapping: &mut Mapping,
) {
    for (key, value) in unmapped {
        if !is_unset(value) {
            mapping.has_no_counterpart(format!("{part}.{key}"));
        }
    }
}

#[cfg(test)]
mod tests;
