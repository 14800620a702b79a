//! Identifies the machine on which the server runs.

use std::{env, fs, path::Path};

/// Where the operating system keeps the id of the machine (machine-id(5)).
const MACHINE_ID: &str = "/etc/machine-id";
/// Files that Docker and Podman put into each container.
const CONTAINER_FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// Variables that Kubernetes and systemd-nspawn set in each container.
const CONTAINER_VARIABLES: [&str; 2] = ["KUBERNETES_SERVICE_HOST", "container"];

/// The id of this machine, or `None` in a container, which may be recreated on another machine.
pub(super) fn id() -> Option<String> {
    let is_container = CONTAINER_FILES.iter().any(|file| Path::new(file).exists())
        || CONTAINER_VARIABLES.iter().any(|name| env::var_os(name).is_some());
    // A container image may have an id of its own, which all its containers would share.
    let id = fs::read_to_string(MACHINE_ID).ok().filter(|_| !is_container)?;
    let id = id.trim();
    // Before the first boot is complete, systemd writes `uninitialized`.
    (!id.is_empty() && id != "uninitialized").then(|| id.to_owned())
}
