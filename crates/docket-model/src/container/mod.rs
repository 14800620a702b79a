//! The container of an allocation: the options of the Engine API as they were posted.
//!
//! They are checked once against the types of the Engine API, kept as compact JSON and sent to the
//! engine unchanged, so that also an option unknown to docket reaches the engine.

mod canonical_keys;
mod compressed_json;
mod docket_rules;
mod engine_api_options;
mod engine_option_units;
mod file_mode;
mod findings;
mod json_schema;
mod option_values;
mod platform;
mod remedy;
mod swarm_options;
#[cfg(test)]
mod tests;
mod type_check;
mod value_checks;
mod yaml_in_messages;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use self::{
    compressed_json::Compressed, engine_api_options::CONTAINER, findings::Findings,
    type_check::conform,
};
use crate::finding::{Finding, Place};

pub(crate) use self::json_schema::{options as options_schema, outline as outline_schema};
pub(crate) use self::{canonical_keys::home_of, docket_rules::reserved_label, remedy::expected_at};
pub use self::{
    docket_rules::LABEL_PREFIX,
    option_values::{is_unset, texts},
    platform::{InvalidPlatform, Platform},
    swarm_options::{SwarmFile, SwarmOptions},
};

/// What happens to an option that the Engine API does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownOptions {
    /// It is an error.
    #[default]
    Refuse,
    /// It goes to the engine, with a warning: for an engine newer than docket.
    Allow,
}

/// A container specification in compact JSON: `Config`, `HostConfig`, `NetworkingConfig`, `Platform` and
/// `Swarm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container(Compressed);

/// The parts of a container specification.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Parts {
    /// What runs: image, command, environment, labels.
    pub config: Map<String, Value>,
    /// How the host runs it: mounts, limits, privileges.
    pub host_config: Option<Map<String, Value>>,
    /// Which networks it joins.
    pub networking_config: Option<Map<String, Value>>,
    /// The platform of the image, such as `linux/arm64`; absent for the engine's own.
    pub platform: Option<String>,
    /// What only a Swarm gives.
    pub swarm: Option<SwarmOptions>,
}

impl Container {
    /// Reads what was posted under `Container`; notes errors and warnings.
    ///
    /// Returns `None` if an error was noted.
    pub(crate) fn read(
        mut posted: Value,
        at: Place<'_>,
        unknown_options: UnknownOptions,
        errors: &mut Vec<Finding>,
        warnings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let before = errors.len();
        let mut findings = Findings { errors, warnings, unknown_options };
        // First, because the checks below look options up by their canonical keys.
        conform(&CONTAINER, &mut posted, at, &mut findings);
        // An error was noted for anything but a mapping.
        let Value::Object(container) = posted else {
            return None;
        };
        docket_rules::check(&container, at, &mut findings);
        value_checks::check(&container, at, &mut findings);
        // Only errors of this container count: `errors` has those of the whole specification.
        (findings.errors.len() == before).then(|| Self::compact(container))
    }

    /// Removes what is not for the engine, and writes the rest as compact JSON.
    fn compact(mut container: Map<String, Value>) -> Self {
        // `shift_remove` keeps the order of the other keys, as the user wrote them.
        container.shift_remove("Context");
        container.shift_remove("Name");
        // A JSON value always has a text.
        let json = serde_json::to_string(&container).unwrap_or_default();
        Self(Compressed::new(&json))
    }

    /// A container from the JSON that [`json`](Self::json) returned, for stores only.
    ///
    /// It was checked when it was pushed and is not checked again, which would take most of the time
    /// that a server with many allocations needs to start.
    #[must_use]
    pub fn from_stored(json: &str) -> Self {
        Self(Compressed::new(json))
    }

    /// The container as compact JSON.
    #[must_use]
    pub fn json(&self) -> String {
        self.0.text()
    }

    /// The parts of the container, for a request to an engine.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let mut parts: Parts = serde_json::from_str(&self.json()).unwrap_or_default();
        parts.platform = parts.platform.filter(|platform| !platform.is_empty());
        parts
    }

    /// True if the container is removed even if it failed.
    #[must_use]
    pub fn auto_remove(&self) -> bool {
        self.known().host_config.is_some_and(|host| host.auto_remove == Value::Bool(true))
    }

    /// The seconds between the stop signal and the kill, if given; negative for no kill.
    #[must_use]
    pub fn stop_timeout(&self) -> Option<i64> {
        self.known().config.stop_timeout.as_i64()
    }

    /// The platform of the image, as it was written; `None` for the engine's own.
    #[must_use]
    pub fn platform(&self) -> Option<String> {
        self.known().platform.filter(|platform| !platform.is_empty())
    }

    /// The image, as it was written.
    #[must_use]
    pub fn image(&self) -> String {
        self.known().config.image
    }

    fn known(&self) -> Known {
        serde_json::from_str(&self.json()).unwrap_or_default()
    }
}

/// The options that docket itself uses. They are read for each run, so the others are skipped.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Known {
    config: KnownConfig,
    host_config: Option<KnownHostConfig>,
    platform: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KnownConfig {
    image: String,
    // A `Value` never fails to be read, so an odd old value cannot hide the image.
    stop_timeout: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct KnownHostConfig {
    auto_remove: Value,
}

/// Writes the JSON unchanged; only for JSON serializers and [`Value`].
impl Serialize for Container {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Parsing and writing the JSON again could change numbers and would take longer.
        let raw = RawValue::from_string(self.json()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
