//! Trying a container out without starting it, and telling what would surprise.
//!
//! 1. What a rehearsal makes it removes, also where the engine refused it or nobody waits for it
//!    any more: the container with its anonymous volumes, and the named volumes that came with it.
//! 2. Its container has no label that makes one a run's, so no server ever takes it for one.

mod age;
mod mounts;
mod networks;
mod trial;

use serde::Deserialize;
use serde_json::Value;

use self::{mounts::Mounts, trial::Trial};
use super::{client::Client, pull::Pulls};
use docket_model::allocation::Pull;

use crate::engine::{EngineError, Finding, Plan, Pulled, Refusal};

/// Pulls, creates and removes the container; returns what was found.
pub(super) async fn check(
    client: &Client,
    pulls: &Pulls,
    plan: &Plan,
    platform: Option<&str>,
    pull: Pull,
) -> Result<Vec<Finding>, EngineError> {
    let container: Value = serde_json::from_str(&plan.container.json()).unwrap_or_default();
    let Version { api_version } = client.get_json("/version", &[]).await?;
    let mut findings = age::ignored(&container, &api_version);
    let pulled = pulls.pull(client, &plan.container.image(), platform, pull).await;
    let has_image = is_there(pulled, &mut findings)?;
    findings.extend(networks::missing(client, &container).await?);
    let mounts = Mounts::of(&container);
    let new_volumes = mounts.missing_volumes(client, &mut findings).await?;
    mounts.look_for_folders(mounts::can_see_files(client), &mut findings).await;
    if has_image {
        let trial = Trial::new(client.clone(), plan, platform, new_volumes);
        // A task of its own cleans up also if the caller goes away.
        let tried = tokio::spawn(trial.carry_out());
        let tried = tried.await.map_err(|error| EngineError::Refused {
            kind: Refusal::Failed,
            message: format!("the rehearsal broke off: {error}"),
        });
        findings.extend(tried??);
    }
    Ok(findings)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    #[serde(default)]
    api_version: String,
}

/// Notes what came of the pull; false where there is no image to make a container from.
fn is_there(
    pulled: Result<Pulled, EngineError>,
    findings: &mut Vec<Finding>,
) -> Result<bool, EngineError> {
    let field = "Config.Image";
    match pulled {
        Ok(Pulled { stale: None, .. }) => Ok(true),
        Ok(Pulled { stale: Some(reason), .. }) => {
            let message = format!("it could not be pulled, and the engine's own serves: {reason}");
            findings.push(surprise(field, message));
            Ok(true)
        }
        Err(EngineError::NoSuchImage { image, reason }) => {
            findings.push(fatal(field, format!("image {image} not found: {reason}")));
            Ok(false)
        }
        Err(error @ (EngineError::NotPulled { .. } | EngineError::MayNotPull { .. })) => {
            findings.push(fatal(field, error.to_string()));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Something that would go otherwise than was meant.
fn surprise(field: impl Into<String>, message: String) -> Finding {
    Finding { field: field.into(), message, is_fatal: false }
}

/// Something with which no run starts.
fn fatal(field: impl Into<String>, message: String) -> Finding {
    Finding { field: field.into(), message, is_fatal: true }
}

/// True for what can stand in an address: what engines allow as names of containers and volumes.
fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inside)
}
