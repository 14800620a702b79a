//! Maps memory, processors and devices to the pod.

use serde_json::{Map, Value};

use super::draft::{Draft, is_unset, object};

/// The length of a period of the processor in microseconds, where none is given.
const DEFAULT_PERIOD: i64 = 100_000;

/// Maps an option of `HostConfig` about resources; false for all others.
pub(super) fn map(
    draft: &mut Draft,
    host_config: &Map<String, Value>,
    key: &str,
    value: &Value,
) -> bool {
    let number = value.as_i64().unwrap_or_default();
    match key {
        "Memory" => limit(draft, "memory", number.to_string()),
        "MemoryReservation" => request(draft, "memory", number.to_string()),
        "NanoCpus" => limit(draft, "cpu", milli(number, 1_000_000)),
        "CpuQuota" => {
            let period = host_config.get("CpuPeriod").and_then(Value::as_i64);
            let period = period.filter(|period| *period > 0).unwrap_or(DEFAULT_PERIOD);
            // A negative quota is none.
            if number > 0 {
                limit(draft, "cpu", milli(number.saturating_mul(1000), period));
            }
        }
        "CpuShares" => request(draft, "cpu", milli(number.saturating_mul(1000), 1024)),
        "DeviceRequests" => map_device_requests(draft, value),
        _ => return false,
    }
    true
}

/// A number of thousandths, rounded up: Kubernetes knows no smaller part of a processor.
fn milli(amount: i64, unit: i64) -> String {
    let whole = amount / unit + i64::from(amount % unit != 0);
    format!("{whole}m")
}

fn limit(draft: &mut Draft, resource: &str, amount: String) {
    let resources = object(&mut draft.container, "resources");
    object(resources, "limits").insert(resource.to_owned(), amount.into());
}

fn request(draft: &mut Draft, resource: &str, amount: String) {
    let resources = object(&mut draft.container, "resources");
    object(resources, "requests").insert(resource.to_owned(), amount.into());
}

/// A number of graphics processors; which ones, and all of a node, cannot be said.
fn map_device_requests(draft: &mut Draft, value: &Value) {
    for (index, device) in value.as_array().into_iter().flatten().enumerate() {
        let field = format!("HostConfig.DeviceRequests[{index}]");
        let has_none = |key: &str| device.get(key).is_none_or(is_unset);
        let capabilities = device.get("Capabilities").map(Value::to_string).unwrap_or_default();
        let count = device.get("Count").and_then(Value::as_i64).unwrap_or_default();
        if capabilities.contains("\"gpu\"")
            && count > 0
            && has_none("DeviceIDs")
            && has_none("Options")
        {
            limit(draft, "nvidia.com/gpu", count.to_string());
        } else {
            draft.refuse(
                field,
                "only a `Count` of devices with the capability `gpu` can be asked for",
            );
        }
    }
}
