//! Maps networks and name resolution to the pod.

use serde_json::{Map, Value, json};

use super::draft::{Draft, is_unset, list, object, texts};

/// Maps an option of `HostConfig` about the network; false for all others.
pub(super) fn map(draft: &mut Draft, key: &str, value: &Value) -> bool {
    match key {
        "NetworkMode" => match value.as_str().unwrap_or_default() {
            "default" | "bridge" => {}
            "host" => drop(draft.pod.insert("hostNetwork".to_owned(), true.into())),
            _ => draft.refuse(
                "HostConfig.NetworkMode",
                "a pod has the network of its cluster, or that of its node (`host`)",
            ),
        },
        "Dns" => {
            // The cluster's own name servers are not asked, as on Docker.
            draft.pod.insert("dnsPolicy".to_owned(), "None".into());
            extend(draft, "nameservers", value);
        }
        "DnsSearch" => extend(draft, "searches", value),
        "DnsOptions" => {
            for option in texts(value) {
                let option = match option.split_once(':') {
                    Some((name, value)) => json!({"name": name, "value": value}),
                    None => json!({"name": option}),
                };
                list(object(&mut draft.pod, "dnsConfig"), "options").push(option);
            }
        }
        "ExtraHosts" => map_extra_hosts(draft, value),
        _ => return false,
    }
    true
}

fn extend(draft: &mut Draft, key: &str, value: &Value) {
    let names = texts(value).into_iter().map(Value::from);
    list(object(&mut draft.pod, "dnsConfig"), key).extend(names);
}

/// `NAME:ADDRESS`, or `NAME=ADDRESS`.
fn map_extra_hosts(draft: &mut Draft, value: &Value) {
    for (index, host) in texts(value).into_iter().enumerate() {
        let parts = host.split_once('=').or_else(|| host.split_once(':'));
        let parts = parts.map(|(name, address)| (name, address.trim_matches(['[', ']'])));
        match parts {
            Some((name, address)) if address.parse::<std::net::IpAddr>().is_ok() => {
                let alias = json!({"ip": address, "hostnames": [name]});
                list(&mut draft.pod, "hostAliases").push(alias);
            }
            _ => draft.refuse(format!("HostConfig.ExtraHosts[{index}]"), "write `NAME:ADDRESS`"),
        }
    }
}

/// `NetworkingConfig`: a pod has one network, so only the default one may be named.
pub(super) fn map_endpoints(draft: &mut Draft, networking: &Map<String, Value>) {
    for (key, value) in networking.iter().filter(|(_, value)| !is_unset(value)) {
        let field = format!("NetworkingConfig.{key}");
        for (network, settings) in value.as_object().into_iter().flatten() {
            let has_settings =
                settings.as_object().is_some_and(|settings| !settings.values().all(is_unset));
            if has_settings || !matches!(network.as_str(), "bridge" | "default") {
                draft.refuse(format!("{field}.{network}"), "a pod has the network of its cluster");
            }
        }
        if !value.is_object() {
            draft.refuse_without_counterpart(field);
        }
    }
}
