//! Mounts, and what they have to do with the node that the container runs on.

use serde_json::{Map, Value, json};

use super::{
    template_builder::TemplateBuilder,
    value_reader::{is_unset, texts},
};

/// What binds a container to a node, and the remedy.
const NODE_BOUND: &str = "is on one node, and Swarm may choose another one: name the node \
                          (`Placement.Where: [node.hostname==NAME]`), or set `Placement.Shared: true` where \
                          each node has the same";

/// Maps an option about mounts; false where the option is none.
pub(super) fn map(key: &str, value: &Value, mapping: &mut TemplateBuilder) -> bool {
    match key {
        "Binds" => {
            for (index, bind) in texts(value).into_iter().enumerate() {
                map_bind(bind, &format!("HostConfig.Binds[{index}]"), mapping);
            }
        }
        "Mounts" => {
            for (index, mount) in value.as_array().into_iter().flatten().enumerate() {
                map_mount(mount, &format!("HostConfig.Mounts[{index}]"), mapping);
            }
        }
        "Tmpfs" => {
            for (target, options) in value.as_object().into_iter().flatten() {
                map_tmpfs(target, options.as_str().unwrap_or_default(), mapping);
            }
        }
        "ShmSize" => mapping.mounts.push(json!({
            "Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": {"SizeBytes": value},
        })),
        _ => return false,
    }
    true
}

/// Maps `SOURCE:TARGET[:OPTIONS]`, or a target alone, which is an anonymous volume.
fn map_bind(bind: &str, field: &str, mapping: &mut TemplateBuilder) {
    let (source, target, options) = match bind.splitn(3, ':').collect::<Vec<_>>()[..] {
        [target] => ("", target, ""),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return,
    };
    let kind = if source.starts_with('/') { "bind" } else { "volume" };
    let mut mount = json!({"Type": kind, "Target": target});
    if !source.is_empty() {
        mount["Source"] = source.into();
        check_node(kind, source, field, mapping);
    }
    for option in options.split(',') {
        match option {
            // What the engine has without being asked, and what only matters on a Mac.
            "" | "rw" | "consistent" | "cached" | "delegated" => {}
            "ro" => mount["ReadOnly"] = true.into(),
            "nocopy" => mount["VolumeOptions"] = json!({"NoCopy": true}),
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {
                mount["BindOptions"] = json!({"Propagation": option});
            }
            option => mapping.refuse(field, format!("Swarm has no mount option `{option}`")),
        }
    }
    mapping.mounts.push(mount);
}

fn check_node(kind: &str, source: &str, field: &str, mapping: &mut TemplateBuilder) {
    if !mapping.may_be_node_bound {
        let what = if kind == "bind" { "the path" } else { "the volume" };
        mapping.refuse(field, format!("{what} `{source}` {NODE_BOUND}"));
    }
}

/// Maps a mount, whose form is Swarm's but for options that came later.
fn map_mount(mount: &Value, field: &str, mapping: &mut TemplateBuilder) {
    let text = |key| mount.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, source) = (text("Type"), text("Source"));
    let empty = Map::new();
    for (key, value) in mount.as_object().unwrap_or(&empty) {
        let known: &[&str] = match key.as_str() {
            "Target" | "Source" | "Type" | "ReadOnly" | "Consistency" => continue,
            "BindOptions" => &["Propagation", "NonRecursive"],
            "VolumeOptions" => &["NoCopy", "Labels", "DriverConfig"],
            "TmpfsOptions" => &["SizeBytes", "Mode"],
            _ => &[],
        };
        let fields = value.as_object().unwrap_or(&empty).iter();
        for (option, _) in
            fields.filter(|(option, set)| !known.contains(&option.as_str()) && !is_unset(set))
        {
            mapping.has_no_counterpart(format!("{field}.{key}.{option}"));
        }
    }
    match kind {
        "bind" => check_node(kind, source, field, mapping),
        // A driver of its own may have the volume on each node; one of no name is made where it runs.
        "volume" if !source.is_empty() && !has_own_driver(mount) => {
            check_node(kind, source, field, mapping);
        }
        "volume" | "tmpfs" | "npipe" | "cluster" => {}
        kind => mapping.refuse(field, format!("Swarm has no mounts of type `{kind}`")),
    }
    mapping.mounts.push(mount.clone());
}

fn has_own_driver(mount: &Value) -> bool {
    let name = mount.pointer("/VolumeOptions/DriverConfig/Name").and_then(Value::as_str);
    name.is_some_and(|name| !matches!(name, "" | "local"))
}

fn map_tmpfs(target: &str, options: &str, mapping: &mut TemplateBuilder) {
    let mut mount = json!({"Type": "tmpfs", "Target": target, "TmpfsOptions": {}});
    for option in options.split(',') {
        match option.split_once('=').unwrap_or((option, "")) {
            // What each tmpfs has.
            ("" | "rw" | "noexec" | "nosuid" | "nodev", "") => {}
            ("ro", "") => mount["ReadOnly"] = true.into(),
            ("size", size) if bytes(size).is_some() => {
                mount["TmpfsOptions"]["SizeBytes"] = bytes(size).into();
            }
            ("mode", mode) if u32::from_str_radix(mode, 8).is_ok() => {
                mount["TmpfsOptions"]["Mode"] = u32::from_str_radix(mode, 8).ok().into();
            }
            _ => mapping.refuse(
                format!("HostConfig.Tmpfs.{target}"),
                format!("Swarm has no option `{option}` for a tmpfs: it has `size` and `mode`"),
            ),
        }
    }
    mapping.mounts.push(mount);
}

/// A size as Linux reads it: bytes, or a number with `k`, `m` or `g`.
fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['k', 'm', 'g']);
    let power = match lower.strip_prefix(digits)? {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << power)
}
