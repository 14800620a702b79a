//! Maps `HostConfig` to the service: limits, logging, security, and how the node runs the container.

use serde_json::{Map, Value, json};

use super::{
    mounts,
    template_builder::TemplateBuilder,
    value_reader::{is_unset, number, texts},
};

/// The period of `CpuQuota` where none is given, in microseconds, as Linux has it.
const CPU_PERIOD: i64 = 100_000;

/// The key of a container specification that has the option.
fn renamed(key: &str) -> Option<&'static str> {
    Some(match key {
        "CapAdd" => "CapabilityAdd",
        "CapDrop" => "CapabilityDrop",
        "Sysctls" => "Sysctls",
        "Ulimits" => "Ulimits",
        "Init" => "Init",
        "ReadonlyRootfs" => "ReadOnly",
        "GroupAdd" => "Groups",
        "Isolation" => "Isolation",
        _ => return None,
    })
}

/// True for what docket does itself, and what has no effect without a terminal of the caller.
fn has_no_effect(key: &str) -> bool {
    matches!(key, "ConsoleSize" | "AutoRemove" | "RestartPolicy")
}

/// Maps `HostConfig` but for its networks.
pub(super) fn map(host: &Map<String, Value>, mapping: &mut TemplateBuilder) {
    let mut unmapped = Vec::new();
    for (key, value) in host.iter().filter(|(_, value)| !is_unset(value)) {
        let is_mapped = map_limit(key, value, host, mapping)
            || map_names(key, value, mapping)
            || mounts::map(key, value, mapping);
        match renamed(key) {
            // Swarm takes only lists.
            Some(renamed) if value.is_string() && key.starts_with("Cap") => {
                mapping.copy(renamed, &json!(texts(value)));
            }
            Some(renamed) => mapping.copy(renamed, value),
            // `networks` maps it.
            None if is_mapped || has_no_effect(key) || key == "NetworkMode" => {}
            None => unmapped.push(key.as_str()),
        }
    }
    mapping.refuse_unmapped(
        "HostConfig",
        host.iter().filter(|(key, _)| unmapped.contains(&key.as_str())),
    );
}

/// Maps a limit of memory, processor time or processes; false where the option is none.
fn map_limit(
    key: &str,
    value: &Value,
    host: &Map<String, Value>,
    mapping: &mut TemplateBuilder,
) -> bool {
    match key {
        "Memory" => drop(mapping.limits.insert("MemoryBytes".to_owned(), value.clone())),
        "NanoCpus" => drop(mapping.limits.insert("NanoCPUs".to_owned(), value.clone())),
        // Below 1 there is no limit.
        "PidsLimit" if value.as_i64().is_some_and(|limit| limit < 1) => {}
        "PidsLimit" => drop(mapping.limits.insert("Pids".to_owned(), value.clone())),
        "CpuQuota" => {
            let period = host.get("CpuPeriod").and_then(number).unwrap_or(CPU_PERIOD);
            let quota = number(value).filter(|quota| *quota > 0);
            let nanos =
                quota.and_then(|quota| quota.checked_mul(1_000_000_000)?.checked_div(period));
            mapping.limits.extend(nanos.map(|nanos| ("NanoCPUs".to_owned(), nanos.into())));
        }
        // Part of the quota.
        "CpuPeriod" => {}
        "MemoryReservation" => {
            mapping.reservations.insert("MemoryBytes".to_owned(), value.clone());
            let remark =
                "Swarm places the container only on a node that has so much memory unreserved";
            mapping.remark("HostConfig.MemoryReservation", remark);
        }
        _ => return false,
    }
    true
}

/// Maps names, the log driver and labels of `SELinux`; false where the option is none of them.
fn map_names(key: &str, value: &Value, mapping: &mut TemplateBuilder) -> bool {
    match key {
        "Dns" => drop(mapping.dns.insert("Nameservers".to_owned(), value.clone())),
        "DnsSearch" => drop(mapping.dns.insert("Search".to_owned(), value.clone())),
        "DnsOptions" => drop(mapping.dns.insert("Options".to_owned(), value.clone())),
        "ExtraHosts" => extra_hosts(value, mapping),
        "LogConfig" => log_config(value, mapping),
        "SecurityOpt" => security_options(value, mapping),
        _ => return false,
    }
    true
}

/// Swarm has the address before the name.
fn extra_hosts(value: &Value, mapping: &mut TemplateBuilder) {
    let mut hosts = Vec::new();
    for (index, line) in texts(value).into_iter().enumerate() {
        let parts = line.split_once([':', '=']);
        match parts.map(|(name, address)| (name, address.trim_matches(['[', ']']))) {
            Some((_, "host-gateway")) | None => mapping.refuse(
                format!("HostConfig.ExtraHosts[{index}]"),
                format!("`{line}`: Swarm needs an address, as in `name:10.0.0.1`"),
            ),
            Some((name, address)) => hosts.push(format!("{address} {name}")),
        }
    }
    mapping.copy("Hosts", &json!(hosts));
}

fn log_config(value: &Value, mapping: &mut TemplateBuilder) {
    let driver = value.get("Type").and_then(Value::as_str).unwrap_or_default();
    // Without a driver the options are those of the node's own.
    let mut mapped = json!({"Options": value.get("Config")});
    if !driver.is_empty() {
        mapped = json!({"Name": driver, "Options": value.get("Config")});
    }
    mapping.log_driver = Some(mapped);
    if !matches!(driver, "" | "json-file" | "local" | "journald") {
        let remark = format!("Swarm cannot read the log of `{driver}`, so runs have no output");
        mapping.remark("HostConfig.LogConfig.Type", remark);
    }
}

/// Only labels of `SELinux` are in each version of Swarm's API.
fn security_options(value: &Value, mapping: &mut TemplateBuilder) {
    let mut context = Map::new();
    for (index, option) in texts(value).into_iter().enumerate() {
        let label = option.strip_prefix("label").and_then(|rest| rest.strip_prefix([':', '=']));
        let entry = match label.map(|label| label.split_once(':').unwrap_or((label, ""))) {
            Some(("disable", "")) => Some(("Disable", Value::Bool(true))),
            Some(("user", user)) => Some(("User", user.into())),
            Some(("role", role)) => Some(("Role", role.into())),
            Some(("type", kind)) => Some(("Type", kind.into())),
            Some(("level", level)) => Some(("Level", level.into())),
            _ => None,
        };
        match entry {
            Some((key, value)) => drop(context.insert(key.to_owned(), value)),
            None => mapping.refuse(
                format!("HostConfig.SecurityOpt[{index}]"),
                format!("`{option}`: docket passes only `label:…` to Swarm"),
            ),
        }
    }
    mapping.copy("Privileges", &json!({"SELinuxContext": context}));
}
