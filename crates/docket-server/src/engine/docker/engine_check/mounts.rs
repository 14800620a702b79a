//! Volumes and folders that a container mounts, and that are not there.

use std::{collections::BTreeSet, path::Path};

use serde::de::IgnoredAny;
use serde_json::Value;

use super::networks::is_name;
use crate::engine::{EngineError, Finding, Refusal, docker_api::engine_client::Client};

/// Files that engines put into containers: a program that sees one does not see the host's folders.
const MARKS_OF_A_CONTAINER: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// What is mounted, with the field that says so.
///
/// Of a mount of type `bind` the engine itself says at the creation if its source is not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mounts {
    volumes: Vec<(String, String)>,
    folders: Vec<(String, String)>,
}

impl Mounts {
    pub(super) fn of(container: &Value) -> Self {
        let mut mounts = Self::default();
        let items =
            |key: &str| container.pointer(key).and_then(Value::as_array).into_iter().flatten();
        for (index, bind) in items("/HostConfig/Binds").enumerate() {
            // Without a colon it is a folder of the container, on an anonymous volume.
            let Some((source, _)) = bind.as_str().and_then(|bind| bind.split_once(':')) else {
                continue;
            };
            let found = (format!("HostConfig.Binds[{index}]"), source.to_owned());
            match source {
                _ if source.starts_with('/') => mounts.folders.push(found),
                _ if is_name(source) => mounts.volumes.push(found),
                // The engine refuses it.
                _ => {}
            }
        }
        for (index, mount) in items("/HostConfig/Mounts").enumerate() {
            let source = mount.get("Source").and_then(Value::as_str).unwrap_or_default();
            if mount.get("Type").is_some_and(|kind| kind == "volume") && is_name(source) {
                let field = format!("HostConfig.Mounts[{index}].Source");
                mounts.volumes.push((field, source.to_owned()));
            }
        }
        mounts
    }

    /// The named volumes that the engine would make.
    pub(super) async fn missing_volumes(
        &self,
        client: &Client,
        findings: &mut Vec<Finding>,
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut missing = BTreeSet::new();
        for (field, name) in &self.volumes {
            let looked = client.get_json::<IgnoredAny>(&format!("/volumes/{name}"), &[]).await;
            match looked {
                Ok(_) => {}
                Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => {
                    let message =
                        format!("there is no volume `{name}`: the engine will make an empty one");
                    findings.push(Finding::warning(field, message));
                    missing.insert(name.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Looks for the host's folders, if they can be seen from here.
    pub(super) async fn look_for_folders(&self, can_see: bool, findings: &mut Vec<Finding>) {
        for (field, folder) in &self.folders {
            let message = if !can_see {
                format!(
                    "whether the engine's host has `{folder}` cannot be seen from here: \
                     where it has not, the engine will make an empty folder of that name"
                )
            } else if is_missing(folder).await {
                format!("there is no `{folder}`: the engine will make an empty folder of that name")
            } else {
                continue;
            };
            findings.push(Finding::warning(field, message));
        }
    }
}

/// True where this program sees the files that the engine would mount.
pub(super) fn can_see_files(client: &Client) -> bool {
    client.is_local && !MARKS_OF_A_CONTAINER.iter().any(|mark| Path::new(mark).exists())
}

/// True where there surely is nothing of this name.
async fn is_missing(path: &str) -> bool {
    let found = tokio::fs::metadata(path).await;
    // Other errors, such as a denied access, do not show whether it exists.
    found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volumes_folders_and_mounts_that_the_engine_checks_are_distinguished() {
        let container = json!({"HostConfig": {
            "Binds": ["data:/data", "/srv/x:/x:ro", "/anonymous", "../up:/up"],
            "Mounts": [
                {"Type": "volume", "Source": "cache", "Target": "/c"},
                {"Type": "volume", "Target": "/anonymous"},
                {"Type": "bind", "Source": "/srv/y", "Target": "/y"},
                {"Type": "tmpfs", "Target": "/t"},
            ],
        }});

        let found = |field: &str, source: &str| (field.to_owned(), source.to_owned());
        let expected = Mounts {
            volumes: vec![
                found("HostConfig.Binds[0]", "data"),
                found("HostConfig.Mounts[0].Source", "cache"),
            ],
            folders: vec![found("HostConfig.Binds[1]", "/srv/x")],
        };
        assert_eq!(Mounts::of(&container), expected);
        assert_eq!(Mounts::of(&json!({"Config": {}})), Mounts::default());
    }

    #[tokio::test]
    async fn a_folder_is_missing_where_nothing_is_and_unknown_where_nothing_can_be_seen() {
        let there = tempfile::TempDir::new().unwrap();
        let binds = [format!("{}:/a", there.path().display()), "/no/such:/b".to_owned()];
        let mounts = Mounts::of(&json!({"HostConfig": {"Binds": binds}}));

        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        mounts.look_for_folders(true, &mut seen).await;
        mounts.look_for_folders(false, &mut unseen).await;

        let message = "there is no `/no/such`: the engine will make an empty folder of that name";
        assert_eq!(seen, [Finding::warning("HostConfig.Binds[1]", message.to_owned())]);
        let fields: Vec<_> = unseen.iter().map(|finding| finding.field.as_str()).collect();
        assert_eq!(fields, ["HostConfig.Binds[0]", "HostConfig.Binds[1]"]);
        assert!(unseen.iter().all(|finding| finding.message.contains("cannot be seen from here")));
    }
}
