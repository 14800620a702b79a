//! Trying a container out without starting it, and reporting what would surprise.
//!
//! 1. What a check creates it removes, also where the engine refused it: the container with its
//!    anonymous volumes, and the named volumes that came with it.
//! 2. Its container has no label that makes one a run's, so no server ever takes it for one.

mod mounts;
mod networks;
mod options_by_api_version;
mod trial_container;

use docket_model::allocation::Pull;
use serde::Deserialize;
use serde_json::Value;

use self::mounts::Mounts;
pub(super) use self::trial_container::TrialContainer;
use super::pull_image::Pulls;
use crate::engine::docker_api::engine_client::Client;
use crate::engine::{EngineError, Finding, Plan, Pulled, Trial};

/// Pulls the image and looks at what the container refers to.
pub(super) async fn examine(
    client: &Client,
    pulls: &Pulls,
    plan: &Plan,
    platform: Option<&str>,
    pull: Pull,
) -> Result<Trial, EngineError> {
    let container: Value = serde_json::from_str(&plan.container.json()).unwrap_or_default();
    let Version { api_version } = client.get_json("/version", &[]).await?;
    let mut findings = options_by_api_version::ignored(&container, &api_version);
    let pulled = pulls.pull(client, &plan.container.image(), platform, pull).await;
    // Without the image the examination continues, so that one check reports all findings.
    let has_image = is_there(pulled, &mut findings)?;
    findings.extend(networks::missing(client, &container).await?);
    let mounts = Mounts::of(&container);
    let new_volumes = mounts.missing_volumes(client, &mut findings).await?;
    mounts.look_for_folders(mounts::can_see_files(client), &mut findings).await;
    let container = has_image.then(|| TrialContainer::new(plan, platform, new_volumes));
    Ok(Trial::new(findings, container))
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
            let message = format!("pull failed, using the engine's own image: {reason}");
            findings.push(Finding::warning(field, message));
            Ok(true)
        }
        Err(EngineError::NoSuchImage { image, reason }) => {
            findings.push(Finding::fatal(field, format!("image {image} not found: {reason}")));
            Ok(false)
        }
        Err(error @ (EngineError::NotPulled { .. } | EngineError::MayNotPull { .. })) => {
            findings.push(Finding::fatal(field, error.to_string()));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
