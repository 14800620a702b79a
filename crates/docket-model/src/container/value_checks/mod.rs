//! Values that fit the types of the Engine API and cannot work: an error if every engine rejects
//! them, a warning if they are very likely unintended. Each says what to write.

mod command;
mod environment;
mod health_check;
mod paths;
mod swarm_files;

use serde_json::{Map, Value};

use super::{file_mode, findings::Findings};
use crate::{finding::Place, image_name::ImageReference};

/// The least memory that Docker accepts; older versions accepted 4 MiB.
const LEAST_MEMORY: i64 = 6 << 20;

/// Checks the values of a container; errors were noted for values of the wrong type before.
pub(super) fn check(container: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    if let Some(Value::Object(config)) = container.get("Config") {
        let at = Place::Key(&at, "Config");
        image(config, at, found);
        command::check(config, at, found);
        environment::check(config, at, found);
        health_check::check(config, at, found);
        standard_input(config, at, found);
        paths::working_directory(config, at, found);
    }
    if let Some(Value::Object(host)) = container.get("HostConfig") {
        let at = Place::Key(&at, "HostConfig");
        paths::binds(host, at, found);
        mounts(host, at, found);
        limits(host, at, found);
    }
    if let Some(Value::Object(swarm)) = container.get("Swarm") {
        swarm_files::check(swarm, Place::Key(&at, "Swarm"), found);
    }
}

fn image(config: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    // An error was noted for a name of white space only.
    let image = config.get("Image").and_then(Value::as_str).filter(|it| !it.trim().is_empty());
    let Some(image) = image else {
        return;
    };
    let at = Place::Key(&at, "Image");
    match ImageReference::parse(image) {
        Err(invalid) => found.wrong(at, invalid.to_string()),
        Ok(reference) => {
            if let Some(registry) = reference.doubtful_registry() {
                let message = format!(
                    "`{registry}` is taken for a registry because of its capital letters: write `{}` \
                     if it is a part of the name",
                    image.replacen(registry, &registry.to_lowercase(), 1)
                );
                found.doubtful(at, message);
            }
        }
    }
}

/// Standard input is never attached to a container of docket.
fn standard_input(config: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let is_set = |key| config.get(key) == Some(&Value::Bool(true));
    // `OpenStdin` first, because it alone can make a program wait.
    let (key, then) = if is_set("OpenStdin") {
        ("OpenStdin", "a program that reads it waits forever")
    } else if is_set("AttachStdin") {
        ("AttachStdin", "the option has no effect")
    } else {
        return;
    };
    let message = format!("nothing is attached to standard input, so {then}: leave `{key}` out");
    found.doubtful(Place::Key(&at, key), message);
}

fn mounts(host: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let mounts = host.get("Mounts").and_then(Value::as_array);
    let at = Place::Key(&at, "Mounts");
    for (index, mount) in mounts.into_iter().flatten().enumerate() {
        let at = Place::Index(&at, index);
        let Value::Object(mount) = mount else { continue };
        paths::mount(mount, at, found);
        let options = mount.get("TmpfsOptions");
        let mode = options.and_then(|options| options.get("Mode")?.as_u64());
        if let Some(doubt) = mode.and_then(file_mode::doubt) {
            found.doubtful(Place::Key(&Place::Key(&at, "TmpfsOptions"), "Mode"), doubt);
        }
    }
}

/// Limits that are too small because their unit is.
fn limits(host: &Map<String, Value>, at: Place<'_>, found: &mut Findings<'_>) {
    let number = |key| host.get(key).and_then(Value::as_i64).filter(|number| *number > 0);
    if let Some(bytes) = number("Memory").filter(|bytes| *bytes < LEAST_MEMORY) {
        // A small number was most likely meant as MiB; a larger one has no obvious meaning.
        let meant = if bytes > 4096 { 64 } else { bytes };
        let message = format!(
            "{bytes} is a number of bytes, and Docker gives no container less than 6 MiB: for {meant} \
             MiB write {}",
            meant << 20
        );
        found.doubtful(Place::Key(&at, "Memory"), message);
    }
    // A thousandth of a CPU is less than any program is given on purpose.
    if let Some(cpus) = number("NanoCpus").filter(|cpus| *cpus < 1_000_000) {
        let meant = if cpus > 1024 { 1 } else { cpus };
        let noun = if meant == 1 { "CPU" } else { "CPUs" };
        let message = format!(
            "{cpus} is a number of billionths of a CPU: for {meant} {noun} write {}",
            meant * 1_000_000_000
        );
        found.doubtful(Place::Key(&at, "NanoCpus"), message);
    }
}
