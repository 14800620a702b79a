//! Maps `Config` to the pod: the program, its environment, and how it is stopped.

use docket_server::engine::Grace;
use serde_json::{Map, Value, json};

use super::{
    draft::{Draft, is_unset, list, texts},
    labels,
};

/// The shortest grace of a pod in seconds. With 0 the API server deletes the pod without waiting for its node;
/// nodes take 2 s at least.
pub(crate) const SHORTEST_GRACE: u64 = 1;

/// Options that change nothing in a pod: what docket does itself, and what is for attached terminals.
const PASSED_OVER: [&str; 6] =
    ["AttachStderr", "AttachStdin", "AttachStdout", "Env", "ExposedPorts", "StopTimeout"];

pub(super) fn map(draft: &mut Draft, config: &Map<String, Value>) {
    map_grace(draft, config.get("StopTimeout"));
    for (key, value) in config {
        if is_unset(value) || PASSED_OVER.contains(&key.as_str()) {
            continue;
        }
        let field = format!("Config.{key}");
        let simple = match key.as_str() {
            "Image" => Some(("image", value.clone())),
            "Cmd" => Some(("args", escaped(&texts(value)).into())),
            "Entrypoint" => Some(("command", escaped(&texts(value)).into())),
            "WorkingDir" => Some(("workingDir", value.clone())),
            "Tty" => Some(("tty", value.clone())),
            "OpenStdin" => Some(("stdin", value.clone())),
            "StdinOnce" => Some(("stdinOnce", value.clone())),
            _ => None,
        };
        match (simple, key.as_str()) {
            (Some((key, value)), _) => drop(draft.container.insert(key.to_owned(), value)),
            (None, "Hostname") => map_host_name(draft, value),
            (None, "User") => map_user(draft, value),
            (None, "Labels") => labels::map(draft, &field, value),
            (None, "StopSignal") => check_stop_signal(draft, value),
            (None, "Volumes") => map_anonymous_volumes(draft, value),
            (None, "Healthcheck") => draft.warn(
                field,
                "Kubernetes does not run it: it would start the container again when it fails",
            ),
            (None, _) => draft.refuse_without_counterpart(field),
        }
    }
}

/// Texts in which Kubernetes expands nothing: it replaces `$(NAME)`, and `$$` by `$`.
pub(super) fn escaped<T: AsRef<str>>(texts: &[T]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().replace('$', "$$")).collect()
}

/// The variables of the container, from lines `KEY=VALUE`.
pub(super) fn map_environment(draft: &mut Draft, lines: &[String]) {
    for line in lines {
        let name = line.split('=').next().unwrap_or_default();
        let field = format!("Config.Env ({name})");
        match line.split_once('=') {
            Some((name, value)) if is_variable_name(name) => {
                let variable = json!({"name": name, "value": value.replace('$', "$$")});
                list(&mut draft.container, "env").push(variable);
            }
            Some(_) => draft.refuse(
                field,
                "a variable's name has letters, digits, `-`, `_` and `.`, and does not begin with a digit",
            ),
            None => draft.refuse(field, "a variable of the image cannot be removed, only set anew"),
        }
    }
}

/// The rule of Kubernetes before 1.30, which later versions have relaxed.
fn is_variable_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(allowed)
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && !name.starts_with("..")
        && name != "."
}

/// The time between the stop signal and the kill. Always given, as Kubernetes' default is another one.
fn map_grace(draft: &mut Draft, stop_timeout: Option<&Value>) {
    let grace = Grace::of(stop_timeout.and_then(Value::as_i64));
    // It also holds where someone else deletes the pod.
    let seconds = grace.length().as_secs().max(SHORTEST_GRACE);
    draft.pod.insert("terminationGracePeriodSeconds".to_owned(), seconds.into());
}

fn map_host_name(draft: &mut Draft, value: &Value) {
    let name = value.as_str().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_valid = name.len() <= 63
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !is_valid {
        return draft.refuse(
            "Config.Hostname",
            "a pod's host name has at most 63 of a-z, 0-9 and -, and no dot",
        );
    }
    draft.pod.insert("hostname".to_owned(), name.into());
}

/// Numbers only: a pod's user is not looked up in the image.
fn map_user(draft: &mut Draft, value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let (user, group) =
        text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let (Ok(user), Ok(group)) = (user.parse::<u32>(), group.map(str::parse::<u32>).transpose())
    else {
        return draft.refuse("Config.User", "write numbers, `UID` or `UID:GID`, not names");
    };
    let security = draft.security();
    security.insert("runAsUser".to_owned(), user.into());
    if let Some(group) = group {
        security.insert("runAsGroup".to_owned(), group.into());
    }
}

fn check_stop_signal(draft: &mut Draft, value: &Value) {
    let signal = value.as_str().unwrap_or_default();
    if !matches!(signal.trim_start_matches("SIG"), "TERM" | "15") {
        draft.refuse(
            "Config.StopSignal",
            "pods are stopped by the signal that their image names (`STOPSIGNAL`), or by SIGTERM",
        );
    }
}

fn map_anonymous_volumes(draft: &mut Draft, value: &Value) {
    let targets: Vec<_> = match value {
        Value::Object(volumes) => volumes.keys().map(String::as_str).collect(),
        list => texts(list),
    };
    for target in targets {
        draft.mount(("emptyDir", json!({})), target, Map::new());
    }
}
