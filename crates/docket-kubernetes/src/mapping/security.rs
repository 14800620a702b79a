//! Maps the rights of the program, and what it shares with its node, to the pod.

use serde_json::{Value, json};

use super::draft::{Draft, list, object, texts};

/// Maps an option of `HostConfig` about rights; false for all others.
pub(super) fn map(draft: &mut Draft, key: &str, value: &Value) -> bool {
    match key {
        "Privileged" => drop(draft.security().insert("privileged".to_owned(), value.clone())),
        "ReadonlyRootfs" => {
            draft.security().insert("readOnlyRootFilesystem".to_owned(), value.clone());
        }
        "CapAdd" => map_capabilities(draft, "add", value),
        "CapDrop" => map_capabilities(draft, "drop", value),
        "GroupAdd" => map_groups(draft, value),
        "SecurityOpt" => {
            for (index, option) in texts(value).into_iter().enumerate() {
                map_security_option(draft, &format!("HostConfig.SecurityOpt[{index}]"), option);
            }
        }
        "Sysctls" => {
            for (name, value) in value.as_object().into_iter().flatten() {
                let sysctl = json!({"name": name, "value": value});
                list(draft.pod_security(), "sysctls").push(sysctl);
            }
        }
        "Runtime" => drop(draft.pod.insert("runtimeClassName".to_owned(), value.clone())),
        "PidMode" => share_with_node(draft, key, value, "hostPID"),
        "IpcMode" => share_with_node(draft, key, value, "hostIPC"),
        _ => return false,
    }
    true
}

fn map_capabilities(draft: &mut Draft, change: &str, value: &Value) {
    let names = texts(value).into_iter().map(|name| {
        let name = name.to_ascii_uppercase();
        Value::from(name.strip_prefix("CAP_").unwrap_or(&name))
    });
    list(object(draft.security(), "capabilities"), change).extend(names);
}

fn map_groups(draft: &mut Draft, value: &Value) {
    for (index, group) in texts(value).into_iter().enumerate() {
        match group.parse::<u32>() {
            Ok(group) => list(draft.pod_security(), "supplementalGroups").push(group.into()),
            Err(_) => draft.refuse(
                format!("HostConfig.GroupAdd[{index}]"),
                "write the group's number, not its name",
            ),
        }
    }
}

fn map_security_option(draft: &mut Draft, field: &str, option: &str) {
    let (name, setting) = option.split_once(['=', ':']).unwrap_or((option, ""));
    match (name, setting) {
        ("no-new-privileges", "" | "true") => {
            draft.security().insert("allowPrivilegeEscalation".to_owned(), false.into());
        }
        ("seccomp", "unconfined") => {
            draft.security().insert("seccompProfile".to_owned(), json!({"type": "Unconfined"}));
        }
        ("label", setting) => match setting.split_once(':') {
            Some((part @ ("user" | "role" | "type" | "level"), value)) => {
                object(draft.security(), "seLinuxOptions").insert(part.to_owned(), value.into());
            }
            _ => draft.refuse(field, "write `label=user:…`, `role:…`, `type:…` or `level:…`"),
        },
        // Versions before 1.30 drop the profile in silence.
        _ => {
            draft
                .refuse(field, "there are `no-new-privileges`, `seccomp=unconfined` and `label=…`");
        }
    }
}

/// A mode such as `PidMode`, of which pods have `host` alone.
fn share_with_node(draft: &mut Draft, key: &str, value: &Value, field: &str) {
    match value.as_str().unwrap_or_default() {
        "host" => drop(draft.pod.insert(field.to_owned(), true.into())),
        "private" | "shareable" => {}
        _ => draft.refuse(format!("HostConfig.{key}"), "write `host`, or leave it out"),
    }
}
