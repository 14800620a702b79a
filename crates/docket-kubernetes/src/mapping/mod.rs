//! What the options of a container become in a pod. Pure: nothing here asks a cluster.
//!
//! 1. The mapping is total: each option of the Engine API is mapped, passed over because it changes nothing
//!    in a pod, or refused by its name. Nothing is dropped in silence.

mod draft;
mod host_config_options;
mod labels;
mod mounts;
mod network;
mod placement;
mod pod_options;
mod program_options;
mod resources;
mod security;
#[cfg(test)]
mod tests;

use docket_model::{
    allocation::Placement,
    container::{Parts, Platform},
};

use docket_server::engine::only_a_swarm_gives;

use self::draft::object;
pub(crate) use self::{
    draft::Draft,
    placement::{
        check as check_placement, fits as node_fits, has_patterns, map as map_placement, map_node,
    },
    pod_options::{check as check_pod_options, map as map_pod_options},
    program_options::SHORTEST_GRACE,
};

/// The name of the container in its pod.
pub(crate) const CONTAINER: &str = "main";

/// Maps the options of a container, with this environment and, where given, another command. The placement says
/// whether it may mount what is bound to a node.
pub(crate) fn map_options(
    parts: &Parts,
    environment: &[String],
    command: Option<&[String]>,
    placement: &Placement,
) -> Draft {
    let may_be_node_bound = placement::may_be_node_bound(placement);
    let mut draft = Draft { may_be_node_bound, ..Draft::default() };
    draft.container.insert("name".to_owned(), CONTAINER.into());
    program_options::map(&mut draft, &parts.config);
    program_options::map_environment(&mut draft, environment);
    if let Some(command) = command {
        draft.container.insert("args".to_owned(), program_options::escaped(command).into());
    }
    if let Some(host_config) = &parts.host_config {
        host_config_options::map(&mut draft, host_config);
    }
    if let Some(networking) = &parts.networking_config {
        network::map_endpoints(&mut draft, networking);
    }
    draft.findings.extend(only_a_swarm_gives(parts));
    if let Some(platform) = &parts.platform {
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
