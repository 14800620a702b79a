//! Secrets and configs of a Swarm: their names, and the files that they are in the container.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    container::{file_mode, findings::Findings},
    finding::{Place, shortened},
};

/// The longest name of a secret or a config that a Swarm accepts.
const LONGEST_NAME: usize = 64;
/// How many secrets, and how many configs, a container may have: each is looked up at each start.
const MOST_FILES: usize = 100;

/// The files of a container so far, by their paths, with the names of what they have.
type Targets<'f> = BTreeMap<String, &'f str>;

/// Checks `Container.Swarm`.
pub(super) fn check(swarm: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let empty = Map::new();
    let mut targets = Targets::new();
    for (key, noun, directory) in
        [("Secrets", "secret", "/run/secrets"), ("Configs", "config", "/")]
    {
        let files = swarm.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let at = Place::Key(&at, key);
        if files.len() > MOST_FILES {
            let message = format!(
                "{} {noun}s are too many: a container has at most {MOST_FILES}",
                files.len()
            );
            found.wrong(at, message);
        }
        for (index, file) in files.iter().take(MOST_FILES).enumerate() {
            let at = Place::Index(&at, index);
            // An error was noted for a value of another type, but for null.
            let file = match file {
                Value::Object(file) => file,
                Value::Null => &empty,
                _ => continue,
            };
            check_name(file, noun, at, found);
            check_target(file, directory, &mut targets, at, found);
            let mode = file.get("Mode").and_then(Value::as_u64);
            let at = Place::Key(&at, "Mode");
            if let Some(fault) = mode.and_then(file_mode::too_large) {
                found.wrong(at, fault);
            } else if let Some(doubt) = mode.and_then(file_mode::doubt) {
                found.doubtful(at, doubt);
            }
        }
    }
}

fn check_name(file: &Map<String, Value>, noun: &str, at: Place<'_>, found: &mut Findings<'_>) {
    let at = Place::Key(&at, "Name");
    match file.get("Name") {
        None | Some(Value::Null) => found.wrong(at, format!("the name of a {noun} is required")),
        Some(Value::String(name)) if !is_name(name) => found.wrong(
            at,
            format!(
                "`{}` is not a valid name of a {noun}: write up to {LONGEST_NAME} letters, digits, `-`, `_` \
                 and `.`, with a letter or a digit at both ends",
                shortened(name)
            ),
        ),
        Some(_) => {}
    }
}

fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [name.bytes().next(), name.bytes().next_back()];
    name.len() <= LONGEST_NAME
        && name.bytes().all(is_inner)
        && ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

/// Of two files of one path the container would have only one.
fn check_target<'f>(
    file: &'f Map<String, Value>,
    directory: &str,
    targets: &mut Targets<'f>,
    at: Place<'_>,
    found: &mut Findings<'_>,
) {
    let text = |key| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(name) = text("Name") else { return };
    let target = text("Target").unwrap_or(name);
    let at = Place::Key(&at, "Target");
    if target.ends_with('/') {
        let message = format!("`{}` is a directory: write the path of a file", shortened(target));
        found.wrong(at, message);
    } else if let Some(other) = targets.insert(path(directory, target), name) {
        let (other, target) = (shortened(other), shortened(target));
        found.wrong(at, format!("`{target}` is the file of `{other}` already: write another one"));
    }
}

/// The path from the root of a target, which is below the directory if it is no such path itself.
fn path(directory: &str, target: &str) -> String {
    let directory = if target.starts_with('/') { "" } else { directory };
    let mut steps = Vec::new();
    for step in directory.split('/').chain(target.split('/')) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}
