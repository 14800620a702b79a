//! What a service is made of that a container's options ask for. Nothing here asks an engine.
//!
//! 1. Swarm drops keys that it does not know, so the mapping is total: each option is mapped, has no
//!    effect on a service, or is refused by its name.

mod host_config_options;
mod mounts;
mod networks;
mod program_options;
mod template_builder;
mod value_reader;

use docket_model::container::Platform;
use serde_json::{Map, Value, json};

use self::template_builder::TemplateBuilder;
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

/// What Swarm cannot do of the options, and what it does in another way.
pub(super) fn check(options: Options<'_>) -> Vec<Finding> {
    map(options).findings
}

/// The template of the service's tasks, whose containers have these options besides; the first option that is
/// refused, where there is one.
pub(super) fn task_template(
    options: Options<'_>,
    constraints: &[String],
    besides: Map<String, Value>,
) -> Result<Value, Finding> {
    let mut mapping = map(options);
    mapping.container.extend(besides);
    match mapping.findings.iter().find(|finding| finding.is_fatal) {
        Some(refusal) => Err(refusal.clone()),
        None => Ok(mapping.into_template(constraints)),
    }
}

fn map(options: Options<'_>) -> TemplateBuilder {
    let Options { config, host_config, networking_config, platform, may_be_node_bound } = options;
    let mut mapping = TemplateBuilder { may_be_node_bound, ..TemplateBuilder::default() };
    program_options::map(config, &mut mapping);
    host_config_options::map(host_config, &mut mapping);
    networks::map(host_config, networking_config, &mut mapping);
    if let Some(platform) = platform {
        map_platform(platform, &mut mapping);
    }
    mapping
}

fn map_platform(platform: &str, mapping: &mut TemplateBuilder) {
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

#[cfg(test)]
mod tests;
