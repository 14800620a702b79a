//! The container of an allocation: what it runs, and what it may use. Values of variables are not shown.

use serde_json::Value;

use super::limits::{self, plain};

/// A container of the server's response, with the Engine API's keys.
pub(super) struct Details<'a> {
    container: &'a Value,
}

impl<'a> Details<'a> {
    pub(super) fn of(container: &'a Value) -> Self {
        Self { container }
    }

    fn config(&self, key: &str) -> Option<&'a Value> {
        self.container.get("Config")?.get(key).filter(|value| !value.is_null())
    }

    fn host(&self, key: &str) -> Option<&'a Value> {
        self.container.get("HostConfig")?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn image(&self) -> String {
        self.config("Image").map(plain).unwrap_or_default()
    }

    pub(super) fn platform(&self) -> String {
        self.container.get("Platform").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn entrypoint(&self) -> String {
        self.config("Entrypoint").map(Value::to_string).unwrap_or_default()
    }

    pub(super) fn command(&self) -> String {
        self.config("Cmd").map(Value::to_string).unwrap_or_default()
    }

    /// The names of the variables: a value may be a secret.
    pub(super) fn environment(&self) -> String {
        let lines = self.config("Env").and_then(Value::as_array).into_iter().flatten();
        let lines = lines.filter_map(Value::as_str);
        let names = lines.map(|line| line.split_once('=').map_or(line, |(name, _)| name));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The mounts, one per line, as `docker run` writes them: `SOURCE:TARGET:OPTIONS`.
    pub(super) fn mounts(&self) -> String {
        let list = |key| self.host(key).and_then(Value::as_array).into_iter().flatten();
        let binds = list("Binds").map(plain);
        let mounts = list("Mounts").map(mount);
        let from = list("VolumesFrom").map(|name| format!("volumes of {}", plain(name)));
        let tmpfs = self.host("Tmpfs").and_then(Value::as_object).into_iter().flatten();
        let tmpfs = tmpfs.map(|(target, options)| match options.as_str() {
            None | Some("") => format!("tmpfs:{target}"),
            Some(options) => format!("tmpfs:{target}:{options}"),
        });
        let volumes = self.config("Volumes").and_then(Value::as_object).into_iter().flatten();
        let volumes = volumes.map(|(target, _)| format!("new volume:{target}"));
        binds.chain(mounts).chain(from).chain(tmpfs).chain(volumes).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn network(&self) -> String {
        let mode = self.host("NetworkMode").map(plain);
        let endpoints =
            self.container.get("NetworkingConfig").and_then(|it| it.get("EndpointsConfig"));
        let endpoints = endpoints.and_then(Value::as_object).into_iter().flatten();
        let names = mode.into_iter().chain(endpoints.map(|(name, _)| name.clone()));
        let mut names: Vec<_> = names.collect();
        names.dedup();
        names.join(", ")
    }

    pub(super) fn limits(&self) -> String {
        self.container.get("HostConfig").map(limits::of).unwrap_or_default()
    }
}

/// An entry of `Mounts` in short form: `/etc/ssl:/ssl:ro`.
fn mount(mount: &Value) -> String {
    let text = |key| mount.get(key).and_then(Value::as_str).unwrap_or_default();
    let source = match (text("Type"), text("Source")) {
        (kind, "") => kind,
        (_, source) => source,
    };
    let is_read_only = mount.get("ReadOnly").and_then(Value::as_bool) == Some(true);
    format!("{source}:{}{}", text("Target"), if is_read_only { ":ro" } else { "" })
}
