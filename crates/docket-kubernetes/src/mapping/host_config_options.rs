//! Maps `HostConfig` to the pod: each option goes to the file of its subject, or is refused.

use serde_json::{Map, Value};

use super::{
    draft::{Draft, is_unset},
    mounts, network, resources, security,
};

/// Options that change nothing in a pod: removal and restarts are docket's, and no terminal is attached.
const PASSED_OVER: [&str; 4] = ["AutoRemove", "ConsoleSize", "CpuPeriod", "RestartPolicy"];

pub(super) fn map(draft: &mut Draft, host_config: &Map<String, Value>) {
    for (key, value) in host_config {
        if is_unset(value) || PASSED_OVER.contains(&key.as_str()) {
            continue;
        }
        let is_mapped = resources::map(draft, host_config, key, value)
            || mounts::map(draft, key, value)
            || security::map(draft, key, value)
            || network::map(draft, key, value);
        if !is_mapped {
            draft.refuse_without_counterpart(format!("HostConfig.{key}"));
        }
    }
}
