//! Secrets and configs, which a service needs by id and name, while specifications name either.

use docket_model::container::{SwarmFile, SwarmOptions};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::managers::{Managers, or_no_answer};
use crate::engine::{EngineError, Finding, Refusal};

/// The mode of a file for which none is given.
const DEFAULT_MODE: u32 = 0o444;

/// What names a kind of such files in specifications, in the API, and in words.
struct Kind {
    key: &'static str,
    path: &'static str,
    noun: &'static str,
    id: &'static str,
    name: &'static str,
}

const SECRETS: Kind =
    Kind { key: "Secrets", path: "secrets", noun: "secret", id: "SecretID", name: "SecretName" };
const CONFIGS: Kind =
    Kind { key: "Configs", path: "configs", noun: "config", id: "ConfigID", name: "ConfigName" };

/// A secret or a config, as a manager reports it.
#[derive(Deserialize)]
struct Known {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Spec")]
    spec: KnownSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KnownSpec {
    name: String,
}

/// The options of a service's containers that refer to them, and a finding for each that the Swarm does not
/// have.
pub(super) async fn references(
    managers: &Managers,
    options: Option<&SwarmOptions>,
) -> Result<(Map<String, Value>, Vec<Finding>), EngineError> {
    let (mut references, mut missing) = (Map::new(), Vec::new());
    let Some(SwarmOptions { secrets, configs }) = options else {
        return Ok((references, missing));
    };
    for (kind, files) in [(SECRETS, secrets), (CONFIGS, configs)] {
        let mut of_kind = Vec::new();
        for (index, file) in files.iter().flatten().enumerate() {
            match reference(managers, &kind, index, file).await? {
                Ok(reference) => of_kind.push(reference),
                Err(finding) => missing.push(finding),
            }
        }
        references.insert(kind.key.to_owned(), of_kind.into());
    }
    Ok((references, missing))
}

async fn reference(
    managers: &Managers,
    kind: &Kind,
    index: usize,
    file: &SwarmFile,
) -> Result<Result<Value, Finding>, EngineError> {
    let Kind { key, path, noun, id, name } = kind;
    let wanted = &file.name;
    // The name was checked when it was pushed, so it can stand in an address.
    let found = match managers.get::<Known>(&format!("/{path}/{wanted}")).await {
        Err(EngineError::Refused { kind: Refusal::NotFound, .. }) => None,
        found => {
            let found = found.map_err(|error| {
                or_no_answer(error, &format!("the inspection of the {noun} `{wanted}`"))
            })?;
            // A manager also takes the beginning of an id.
            Some(found).filter(|found| found.id == *wanted || found.spec.name == *wanted)
        }
    };
    let Some(Known { id: known_id, spec }) = found else {
        let message = format!(
            "the Swarm has no {noun} `{wanted}`: create it with `docker {noun} create {wanted} FILE`"
        );
        return Ok(Err(Finding::fatal(format!("Swarm.{key}[{index}].Name"), message)));
    };
    let owner = |given: &Option<String>| given.clone().unwrap_or_else(|| "0".to_owned());
    Ok(Ok(json!({
        "File": {
            "Name": file.target(),
            "UID": owner(&file.uid),
            "GID": owner(&file.gid),
            "Mode": file.mode.unwrap_or(DEFAULT_MODE),
        },
        *id: known_id,
        *name: spec.name,
    })))
}
