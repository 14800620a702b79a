//! Maps mounts to the pod: folders of the node, volumes, and file systems in memory.

use serde_json::{Map, Value, json};

use super::draft::{Draft, is_unset, texts};

/// What is said of a folder of a node, where the node is not known.
const NODE_BOUND: &str = "the folder is that of one node: name the node (`Placement.Where: \
                          [node.hostname==NAME]`), or say that each node has it (`Placement.Shared: true`)";

/// Maps an option of `HostConfig` about mounts; false for all others.
pub(super) fn map(draft: &mut Draft, key: &str, value: &Value) -> bool {
    match key {
        "Binds" => {
            for (index, bind) in texts(value).into_iter().enumerate() {
                map_bind(draft, &format!("HostConfig.Binds[{index}]"), bind);
            }
        }
        "Mounts" => {
            for (index, mount) in value.as_array().into_iter().flatten().enumerate() {
                map_mount(draft, &format!("HostConfig.Mounts[{index}]"), mount);
            }
        }
        "Tmpfs" => {
            for (target, options) in value.as_object().into_iter().flatten() {
                map_tmpfs(draft, target, options.as_str().unwrap_or_default());
            }
        }
        "ShmSize" => draft.mount(memory(value.as_i64()), "/dev/shm", Map::new()),
        _ => return false,
    }
    true
}

/// `SOURCE:TARGET[:OPTIONS]`: a folder of the node, or the claim of a volume.
fn map_bind(draft: &mut Draft, field: &str, bind: &str) {
    let mut words = bind.splitn(3, ':');
    let (Some(source), Some(target)) = (words.next(), words.next()) else {
        return draft.mount(("emptyDir", json!({})), bind, Map::new());
    };
    let mut options = Map::new();
    for option in words.next().unwrap_or_default().split(',').filter(|option| !option.is_empty()) {
        match option {
            "rw" => {}
            "ro" => drop(options.insert("readOnly".to_owned(), true.into())),
            option => match propagation(option) {
                Some(mode) => drop(options.insert("mountPropagation".to_owned(), mode.into())),
                None => return draft.refuse(field, &format!("a mount has no option `{option}`")),
            },
        }
    }
    let source = source_of(draft, field, source);
    draft.mount(source, target, options);
}

/// A folder of the node where it is a path, else the claim of a volume of this name.
fn source_of(draft: &mut Draft, field: &str, source: &str) -> (&'static str, Value) {
    if source.starts_with('/') {
        if !draft.may_be_node_bound {
            draft.refuse(field, NODE_BOUND);
        }
        return ("hostPath", json!({"path": source}));
    }
    ("persistentVolumeClaim", json!({"claimName": source}))
}

fn propagation(word: &str) -> Option<&'static str> {
    match word {
        "private" | "rprivate" => Some("None"),
        "slave" | "rslave" => Some("HostToContainer"),
        "shared" | "rshared" => Some("Bidirectional"),
        _ => None,
    }
}

fn map_mount(draft: &mut Draft, field: &str, mount: &Value) {
    let text = |key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default();
    let (kind, source, target) = (text("Type"), text("Source"), text("Target"));
    let mut options = Map::new();
    if mount.get("ReadOnly").and_then(Value::as_bool) == Some(true) {
        options.insert("readOnly".to_owned(), true.into());
    }
    let known = match kind {
        "bind" => &["BindOptions.Propagation"][..],
        "volume" => &["VolumeOptions.Subpath"],
        "tmpfs" => &["TmpfsOptions.SizeBytes"],
        _ => return draft.refuse(format!("{field}.Type"), "write `bind`, `volume` or `tmpfs`"),
    };
    for unknown in unknown_options(mount, known) {
        draft.refuse_without_counterpart(format!("{field}.{unknown}"));
    }
    let detail = |part: &str, key: &str| mount.get(part).and_then(|part| part.get(key));
    if let Some(mode) = detail("BindOptions", "Propagation").and_then(Value::as_str) {
        let mode = propagation(mode).unwrap_or("None");
        options.insert("mountPropagation".to_owned(), mode.into());
    }
    if let Some(path) = detail("VolumeOptions", "Subpath").and_then(Value::as_str) {
        options.insert("subPath".to_owned(), path.into());
    }
    let source = match kind {
        "tmpfs" => memory(detail("TmpfsOptions", "SizeBytes").and_then(Value::as_i64)),
        "volume" if source.is_empty() => ("emptyDir", json!({})),
        _ => source_of(draft, field, source),
    };
    draft.mount(source, target, options);
}

/// The options of a mount beside these, such as `BindOptions.NonRecursive`.
fn unknown_options(mount: &Value, known: &[&str]) -> Vec<String> {
    const PLAIN: [&str; 4] = ["Type", "Source", "Target", "ReadOnly"];
    let given = mount.as_object().into_iter().flatten().filter(|(_, value)| !is_unset(value));
    let options = given.filter(|(key, _)| !PLAIN.contains(&key.as_str())).flat_map(
        |(key, value)| match value {
            Value::Object(options) => options
                .iter()
                .filter(|(_, value)| !is_unset(value))
                .map(|(option, _)| format!("{key}.{option}"))
                .collect(),
            _ => vec![key.clone()],
        },
    );
    options.filter(|option| !known.contains(&option.as_str())).collect()
}

/// `Tmpfs`: of its options only the size has a counterpart.
fn map_tmpfs(draft: &mut Draft, target: &str, options: &str) {
    let mut size = None;
    for option in options.split(',').filter(|option| !option.is_empty() && *option != "rw") {
        let Some(bytes) = option.strip_prefix("size=").and_then(bytes) else {
            let field = format!("HostConfig.Tmpfs ({target})");
            return draft.refuse(field, &format!("there is no option `{option}`, only `size=64m`"));
        };
        size = Some(bytes);
    }
    draft.mount(memory(size), target, Map::new());
}

/// Bytes of a size such as `64m`.
fn bytes(size: &str) -> Option<i64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match size[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

/// A volume in memory, of at most so many bytes.
fn memory(bytes: Option<i64>) -> (&'static str, Value) {
    let mut volume = json!({"medium": "Memory"});
    if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
        volume["sizeLimit"] = bytes.to_string().into();
    }
    ("emptyDir", volume)
}
