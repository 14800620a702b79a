//! The container of an allocation: Engine API options as they were posted.
//!
//! Checked once against the Engine API's types, kept as compact JSON, and sent to the engine as it
//! stands, so that an option which docket has never heard of arrives there all the same.

mod conform;

use bollard_stubs::models::{ContainerConfig, HostConfig, NetworkingConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use self::conform::{Findings, conform};
use crate::mistake::{FieldPath, Mistake};

/// Labels with this prefix are docket's own.
pub const LABEL_PREFIX: &str = "io.docket.";

/// Options that an older Engine API had and an engine in use may still take.
const RETIRED_OPTIONS: [&str; 3] =
    ["Config.MacAddress", "HostConfig.KernelMemory", "HostConfig.KernelMemoryTCP"];

/// What becomes of an option that the Engine API does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownOptions {
    /// It is a mistake.
    #[default]
    Refuse,
    /// It goes to the engine, with a warning: for an engine newer than docket.
    Allow,
}

/// A container specification: `Config`, `HostConfig` and `NetworkingConfig`, in compact JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container(Box<str>);

/// The three parts of a container specification, taken apart.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Parts {
    /// What runs: image, command, environment, labels.
    pub config: Map<String, Value>,
    /// How the host runs it: mounts, limits, privileges.
    pub host_config: Option<Map<String, Value>>,
    /// Which networks it joins.
    pub networking_config: Option<Map<String, Value>>,
}

/// The keys of `Container`, for [`conform`].
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "serde reads the fields; their types are what is checked")]
struct Checked {
    name: Option<String>,
    config: Option<ContainerConfig>,
    host_config: Option<HostConfig>,
    networking_config: Option<NetworkingConfig>,
    context: Option<Value>,
}

impl Container {
    /// Reads what was posted under `Container`; notes what is wrong with it.
    ///
    /// Returns the container, or nothing where a mistake was noted, and the warnings.
    pub(crate) fn read(
        mut posted: Value,
        at: &FieldPath,
        unknown_options: UnknownOptions,
        mistakes: &mut Vec<Mistake>,
        warnings: &mut Vec<Mistake>,
    ) -> Option<Self> {
        let before = mistakes.len();
        let Findings { unknown, mistakes: wrong } = conform::<Checked>(&mut posted, at);
        mistakes.extend(wrong);
        for mistake in unknown.into_iter().filter(|mistake| !is_retired(mistake, at)) {
            match unknown_options {
                UnknownOptions::Refuse => mistakes.push(with_place(mistake, at)),
                UnknownOptions::Allow => warnings.push(mistake),
            }
        }
        if let Value::Object(container) = &posted {
            check_rules(container, at, mistakes);
        }
        (mistakes.len() == before).then(|| Self::compact(posted))
    }

    /// Takes out what is not for the engine, and writes the rest without a space too much.
    fn compact(posted: Value) -> Self {
        let mut container = match posted {
            Value::Object(container) => container,
            _ => Map::new(),
        };
        container.shift_remove("Context");
        container.shift_remove("Name");
        Self(Value::Object(container).to_string().into_boxed_str())
    }

    /// The container as compact JSON.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.0
    }

    /// The container taken apart, to be made into a request to an engine.
    #[must_use]
    pub fn parts(&self) -> Parts {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The image, as it was written.
    #[must_use]
    pub fn image(&self) -> String {
        let image = self.parts().config.get("Image").and_then(Value::as_str).map(str::to_owned);
        image.unwrap_or_default()
    }
}

impl Serialize for Container {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// The rules of docket itself about an otherwise sound container.
fn check_rules(container: &Map<String, Value>, at: &FieldPath, mistakes: &mut Vec<Mistake>) {
    let config = container.get("Config").filter(|config| !config.is_null());
    match config {
        None => mistakes.push(Mistake::new(at.with_key("Config"), "Config is required")),
        Some(config) => check_config(config, &at.with_key("Config"), mistakes),
    }
    if container.get("Name").and_then(Value::as_str).is_some_and(|name| !name.is_empty()) {
        let message = "docket names containers itself, by allocation and instant: leave it out";
        mistakes.push(Mistake::new(at.with_key("Name"), message));
    }
    let policy = container.get("HostConfig").and_then(|host| host.get("RestartPolicy"));
    let policy_name = policy.and_then(|policy| policy.get("Name")).and_then(Value::as_str);
    if let Some(name) = policy_name.filter(|name| !matches!(*name, "" | "no")) {
        let field = at.with_key("HostConfig").with_key("RestartPolicy");
        let message = format!(
            "the restart policy `{name}` would make the engine run an old instant again by itself: \
             use `Retries`, which are docket's own (this version has none yet), or `no`"
        );
        mistakes.push(Mistake::new(field, message));
    }
}

fn check_config(config: &Value, at: &FieldPath, mistakes: &mut Vec<Mistake>) {
    let image = config.get("Image");
    let absent = image.is_none_or(|image| image.is_null() || image.as_str() == Some(""));
    if absent {
        mistakes.push(Mistake::new(at.with_key("Image"), "Image is required"));
    }
    let labels = config.get("Labels").and_then(Value::as_object);
    for key in labels.into_iter().flat_map(Map::keys) {
        if let Some(mistake) = reserved_label(key, &at.with_key("Labels")) {
            mistakes.push(mistake);
        }
    }
}

/// A mistake where a label takes a name that is docket's.
pub(crate) fn reserved_label(key: &str, labels: &FieldPath) -> Option<Mistake> {
    key.starts_with(LABEL_PREFIX).then(|| {
        let message = format!("labels that begin with `{LABEL_PREFIX}` are docket's own");
        Mistake::of_key(labels.with_key(key), message)
    })
}

fn is_retired(mistake: &Mistake, at: &FieldPath) -> bool {
    let field = mistake.field.to_string();
    let key = field.strip_prefix(&format!("{at}.")).unwrap_or(&field);
    RETIRED_OPTIONS.iter().any(|option| option.eq_ignore_ascii_case(key))
}

/// Adds where a key belongs that stands one level too deep or too high.
fn with_place(mut mistake: Mistake, at: &FieldPath) -> Mistake {
    let field = mistake.field.to_string();
    let key = field.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let home = match key.as_str() {
        "hostconfig" | "networkingconfig" => Some(at.clone()),
        "image" | "cmd" | "env" | "entrypoint" => Some(at.with_key("Config")),
        "binds" | "mounts" | "memory" | "nanocpus" | "autoremove" | "networkmode" => {
            Some(at.with_key("HostConfig"))
        }
        _ => None,
    };
    if let Some(home) = home {
        mistake.message = format!("{}; it belongs under `{home}`", mistake.message);
    }
    mistake
}
