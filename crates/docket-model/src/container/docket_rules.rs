//! docket's own rules for containers that the Engine API would accept.

use serde_json::{Map, Value};

use super::{Platform, findings::Findings};
use crate::finding::{Finding, Place, note, shortened};

/// Labels with this prefix are reserved for docket.
pub const LABEL_PREFIX: &str = "io.docket.";

/// Notes an error for each rule that a container breaks.
pub(super) fn check(container: &Map<String, Value>, at: Place<'_>, findings: &mut Findings<'_>) {
    match container.get("Config").unwrap_or(&Value::Null) {
        Value::Null => {
            findings.wrong(Place::Key(&at, "Config"), "Config is required");
        }
        Value::Object(config) => check_config(config, Place::Key(&at, "Config"), findings),
        // An error was noted for another type of value.
        _ => {}
    }
    let name = container.get("Name").and_then(Value::as_str);
    // The original docket prints an empty name, and what it printed can be pushed back.
    if name.is_some_and(|name| !name.is_empty()) {
        let message = "docket names containers itself, by allocation and instant: leave it out";
        findings.wrong(Place::Key(&at, "Name"), message);
    }
    let platform = container.get("Platform").and_then(Value::as_str);
    let platform = platform.filter(|platform| !platform.is_empty()).map(Platform::parse);
    if let Some(Err(invalid)) = platform {
        findings.wrong(Place::Key(&at, "Platform"), invalid.to_string());
    }
    if let Some(Value::Object(host)) = container.get("HostConfig") {
        check_restart_policy(host, Place::Key(&at, "HostConfig"), findings);
    }
}

fn check_config(config: &Map<String, Value>, at: Place<'_>, findings: &mut Findings<'_>) {
    let image = config.get("Image").unwrap_or(&Value::Null);
    // A wrong type has its own error, so only null and blank text count as missing here.
    let absent = image.is_null() || image.as_str().is_some_and(|image| image.trim().is_empty());
    if absent {
        findings.wrong(Place::Key(&at, "Image"), "Image is required");
    }
    if let Some(Value::Object(labels)) = config.get("Labels") {
        let at = Place::Key(&at, "Labels");
        for finding in labels.keys().filter_map(|key| reserved_label(key, at)) {
            note(findings.errors, || finding);
        }
    }
}

fn check_restart_policy(host: &Map<String, Value>, at: Place<'_>, findings: &mut Findings<'_>) {
    let name = host.get("RestartPolicy").and_then(|policy| policy.get("Name")?.as_str());
    // Engines read an empty name as `no`.
    let Some(name) = name.filter(|name| !matches!(*name, "" | "no")) else {
        return;
    };
    let policy = Place::Key(&at, "RestartPolicy");
    let name_place = Place::Key(&policy, "Name");
    let field = name_place.to_field();
    // An unknown word already has an error there; two errors about one word would confuse.
    if findings.errors.iter().any(|finding| finding.field == field) {
        return;
    }
    let message = format!(
        "the restart policy `{}` would make the engine run an old instant again by itself: \
         use `Retries`, or `no`",
        shortened(name)
    );
    findings.wrong(name_place, message);
}

/// The error for a label whose name is reserved for docket.
pub(crate) fn reserved_label(key: &str, labels: Place<'_>) -> Option<Finding> {
    key.starts_with(LABEL_PREFIX).then(|| {
        let message = format!("labels that begin with `{LABEL_PREFIX}` are reserved for docket");
        labels.wrong_key(key, message)
    })
}
