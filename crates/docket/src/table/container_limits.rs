//! The limits of a container, with the Engine API's keys and readable units.

use serde_json::Value;

use crate::size_text;

/// Limits in bytes.
const BYTES: [&str; 5] =
    ["Memory", "MemoryReservation", "MemorySwap", "KernelMemoryTCP", "ShmSize"];

/// Limits without a unit.
const PLAIN: [&str; 9] = [
    "CpuShares",
    "CpuQuota",
    "CpuPeriod",
    "CpusetCpus",
    "CpusetMems",
    "PidsLimit",
    "BlkioWeight",
    "OomKillDisable",
    "MemorySwappiness",
];

/// One line for each limit that is set.
pub(super) fn of(host: &Value) -> String {
    // For the engine, 0, an empty value and `false` mean that there is no limit.
    let set = |key: &str| host.get(key).filter(|value| !is_unset(value));
    let bytes = BYTES.iter().filter_map(|key| Some(format!("{key} {}", bytes(set(key)?))));
    // `docker run --cpus` takes CPUs; the unit of the API is a billionth of one.
    let cpus = set("NanoCpus").and_then(Value::as_f64);
    let cpus = cpus.map(|nano| format!("NanoCpus {} CPUs", nano / 1e9));
    let plain = PLAIN.iter().filter_map(|key| Some(format!("{key} {}", plain(set(key)?))));
    let ulimits = set("Ulimits").and_then(Value::as_array).into_iter().flatten().map(ulimit);
    bytes.chain(cpus).chain(plain).chain(ulimits).collect::<Vec<_>>().join("\n")
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        value => value.as_i64() == Some(0),
    }
}

fn bytes(value: &Value) -> String {
    match (value.as_u64(), value.as_i64()) {
        (Some(bytes), _) => size_text::shown(bytes),
        // `MemorySwap` is -1 without a limit.
        (None, Some(-1)) => "unlimited".to_owned(),
        _ => plain(value),
    }
}

fn ulimit(limit: &Value) -> String {
    let field = |key| limit.get(key).map(plain).unwrap_or_default();
    format!("Ulimit {} {}:{}", field("Name"), field("Soft"), field("Hard"))
}

/// A string without its quotes, and anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
