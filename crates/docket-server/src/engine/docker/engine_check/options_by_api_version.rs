//! Options that came with a later version of the API: an engine that is older ignores them silently.

use serde_json::Value;

use crate::engine::Finding;

/// Options of a container's creation, and the version of the API that brought them.
///
/// From the Engine API's version history (moby, `api/docs/CHANGELOG.md`), `POST /containers/create`.
/// What an older engine refuses in words, such as a mount of type `image`, is not here.
const BROUGHT: [(&str, (u32, u32)); 14] = [
    ("Platform", (1, 41)),
    ("HostConfig.DeviceRequests", (1, 40)),
    ("HostConfig.Mounts[].BindOptions.NonRecursive", (1, 40)),
    ("HostConfig.CgroupnsMode", (1, 41)),
    ("HostConfig.Mounts[].BindOptions.CreateMountpoint", (1, 42)),
    ("HostConfig.ConsoleSize", (1, 42)),
    ("HostConfig.Annotations", (1, 43)),
    ("HostConfig.Mounts[].BindOptions.ReadOnlyNonRecursive", (1, 44)),
    ("HostConfig.Mounts[].BindOptions.ReadOnlyForceRecursive", (1, 44)),
    ("Config.Healthcheck.StartInterval", (1, 44)),
    ("NetworkingConfig.EndpointsConfig.*.MacAddress", (1, 44)),
    ("HostConfig.Mounts[].VolumeOptions.Subpath", (1, 45)),
    ("HostConfig.Mounts[].TmpfsOptions.Options", (1, 46)),
    ("NetworkingConfig.EndpointsConfig.*.GwPriority", (1, 48)),
];

/// The options that an engine with this version of the API does not know.
pub(super) fn ignored(container: &Value, api_version: &str) -> Vec<Finding> {
    let Some(spoken) = version(api_version) else { return Vec::new() };
    let mut findings = Vec::new();
    for (option, brought) in BROUGHT.into_iter().filter(|(_, brought)| *brought > spoken) {
        let (major, minor) = brought;
        let message = format!(
            "the engine would ignore it: it came with API {major}.{minor}, and the engine speaks {api_version}"
        );
        let steps: Vec<&str> = option.split('.').collect();
        let mut fields = Vec::new();
        walk(container, &steps, String::new(), &mut fields);
        findings.extend(fields.into_iter().map(|field| Finding::warning(field, message.clone())));
    }
    findings
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Notes each field that the steps lead to and that says something.
fn walk(value: &Value, steps: &[&str], path: String, fields: &mut Vec<String>) {
    let Some((step, rest)) = steps.split_first() else {
        if says_something(value) {
            fields.push(path);
        }
        return;
    };
    let dot = if path.is_empty() { "" } else { "." };
    if *step == "*" {
        for (key, value) in value.as_object().into_iter().flatten() {
            walk(value, rest, format!("{path}.{key}"), fields);
        }
    } else if let Some(key) = step.strip_suffix("[]") {
        let items = value.get(key).and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            walk(item, rest, format!("{path}{dot}{key}[{index}]"), fields);
        }
    } else if let Some(value) = value.get(step) {
        walk(value, rest, format!("{path}{dot}{step}"), fields);
    }
}

/// False for what an engine takes for nothing.
fn says_something(value: &Value) -> bool {
    match value {
        // These are the engine's defaults, so it makes no difference that it ignores them.
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_option_that_came_later_is_named_with_its_place() {
        let container = json!({
            "Config": {"Healthcheck": {"StartInterval": 5_000_000_000_u64, "Interval": 0}},
            "HostConfig": {
                "Annotations": {"a": "b"},
                "CgroupnsMode": "private",
                "ConsoleSize": null,
                "Mounts": [
                    {"Type": "bind", "BindOptions": {"CreateMountpoint": false}},
                    {"Type": "bind", "BindOptions": {"CreateMountpoint": true}},
                ],
            },
            "NetworkingConfig": {"EndpointsConfig": {"blue": {"GwPriority": 1}, "red": null}},
        });
        let fields = |api: &str| -> Vec<String> {
            ignored(&container, api).into_iter().map(|finding| finding.field).collect()
        };

        assert_eq!(
            fields("1.41"),
            [
                "HostConfig.Mounts[1].BindOptions.CreateMountpoint",
                "HostConfig.Annotations",
                "Config.Healthcheck.StartInterval",
                "NetworkingConfig.EndpointsConfig.blue.GwPriority",
            ]
        );
        assert_eq!(fields("1.44"), ["NetworkingConfig.EndpointsConfig.blue.GwPriority"]);
        assert_eq!(fields("1.48"), Vec::<String>::new());
        assert_eq!(fields("unknown"), Vec::<String>::new());
    }
}
