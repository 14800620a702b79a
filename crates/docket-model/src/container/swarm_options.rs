//! `Container.Swarm`: what only a Swarm gives its services, and the Engine API has no option for.

use serde::Deserialize;

/// Secrets and configs of a Swarm, as files in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmOptions {
    /// Secrets; a target that is no path from the root is below `/run/secrets`.
    pub secrets: Option<Vec<SwarmFile>>,
    /// Configs; a target that is no path from the root is below `/`.
    pub configs: Option<Vec<SwarmFile>>,
}

/// A secret or a config, and the file that has its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmFile {
    /// The name, or the id, that it has in the Swarm.
    pub name: String,
    /// The file; its name if it is absent.
    pub target: Option<String>,
    /// The owner of the file; 0 if it is absent.
    #[serde(rename = "UID")]
    pub uid: Option<String>,
    /// The group of the file; 0 if it is absent.
    #[serde(rename = "GID")]
    pub gid: Option<String>,
    /// The mode of the file; 0444 if it is absent.
    pub mode: Option<u32>,
}

impl SwarmFile {
    /// The file, as it was written or by its name.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_deref().filter(|target| !target.is_empty()).unwrap_or(&self.name)
    }
}
