//! The nodes of a Swarm: their states, and what constraints ask of them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use docket_model::allocation::{Comparison, Placement};
use serde::Deserialize;
use serde_json::json;

use super::managers::{Managers, or_no_answer};
use crate::engine::EngineError;

/// A node, as a manager reports it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Node {
    #[serde(default, rename = "ID")]
    pub(super) id: String,
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    spec: NodeSpec,
    description: Description,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeSpec {
    #[serde(default)]
    role: String,
    #[serde(default)]
    availability: String,
    labels: Option<HashMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    platform: Platform,
    #[serde(default)]
    engine: NodeEngine,
    resources: Option<Resources>,
}

#[derive(Debug, Default, Deserialize)]
struct Platform {
    #[serde(default, rename = "OS")]
    os: String,
    #[serde(default, rename = "Architecture")]
    architecture: String,
}

#[derive(Debug, Default, Deserialize)]
struct NodeEngine {
    #[serde(rename = "Labels")]
    labels: Option<HashMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Resources {
    #[serde(rename = "NanoCPUs", default)]
    nano_cpus: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NodeStatus {
    #[serde(default)]
    state: String,
}

impl Node {
    pub(super) fn hostname(&self) -> &str {
        &self.description.hostname
    }

    /// True where it is out of reach. After a change of leader a node is `unknown` for some 20 s, which is
    /// no fault.
    pub(super) fn is_away(&self) -> bool {
        self.status.state == "down"
    }

    /// True where it takes new tasks.
    pub(super) fn is_active(&self) -> bool {
        self.spec.availability == "active" && self.status.state == "ready"
    }

    /// When it changed last: while it is away, since when it is.
    pub(super) fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at
    }

    /// How many cores it has.
    pub(super) fn cores(&self) -> u64 {
        let resources = self.description.resources.as_ref();
        resources.map_or(0, |resources| resources.nano_cpus / 1_000_000_000)
    }

    /// The value that a constraint is about; none where the node has no such label.
    pub(super) fn value(&self, property: &Property<'_>) -> Option<&str> {
        let Self { id, spec, description, .. } = self;
        match property {
            Property::Id => Some(id),
            Property::Hostname => Some(&description.hostname),
            Property::Role => Some(&spec.role),
            Property::Os => Some(&description.platform.os),
            Property::Architecture => Some(&description.platform.architecture),
            Property::Label(label) => spec.labels.as_ref()?.get(*label).map(String::as_str),
            Property::EngineLabel(label) => {
                description.engine.labels.as_ref()?.get(*label).map(String::as_str)
            }
        }
    }

    /// True if it fulfils all constraints of a placement.
    pub(super) fn fits(&self, placement: &Placement) -> bool {
        placement.constraints.iter().all(|constraint| {
            Property::of(constraint.key()).is_some_and(|property| {
                let value = self.value(&property);
                // Swarm compares whole values without regard to case.
                let is_same =
                    || value.is_some_and(|value| value.eq_ignore_ascii_case(constraint.value()));
                match constraint.comparison() {
                    Comparison::Is => is_same(),
                    Comparison::IsNot => !is_same(),
                    Comparison::Matches | Comparison::MatchesNot => constraint.holds(value),
                }
            })
        })
    }
}

/// What a constraint can ask of a node.
pub(super) enum Property<'c> {
    Id,
    Hostname,
    Role,
    Os,
    Architecture,
    Label(&'c str),
    EngineLabel(&'c str),
}

impl<'c> Property<'c> {
    /// Reads a key as Swarm writes it; any other one is a label of the node. None where Swarm has no such
    /// property.
    pub(super) fn of(key: &'c str) -> Option<Self> {
        Some(match key {
            "node.id" => Self::Id,
            "node.hostname" => Self::Hostname,
            "node.role" => Self::Role,
            "node.platform.os" => Self::Os,
            "node.platform.arch" => Self::Architecture,
            key => match (key.strip_prefix("node.labels."), key.strip_prefix("engine.labels.")) {
                (Some(label), _) => Self::Label(label),
                (_, Some(label)) => Self::EngineLabel(label),
                _ if key.starts_with("node.") || key.starts_with("engine.") => return None,
                _ => Self::Label(key),
            },
        })
    }

    /// The key as Swarm writes it.
    pub(super) fn in_swarm(&self) -> String {
        match self {
            Self::Id => "node.id".to_owned(),
            Self::Hostname => "node.hostname".to_owned(),
            Self::Role => "node.role".to_owned(),
            Self::Os => "node.platform.os".to_owned(),
            Self::Architecture => "node.platform.arch".to_owned(),
            Self::Label(label) => format!("node.labels.{label}"),
            Self::EngineLabel(label) => format!("engine.labels.{label}"),
        }
    }
}

impl Managers {
    /// Reads a node.
    pub(super) async fn node(&self, id: &str) -> Result<Node, EngineError> {
        let node = self.get(&format!("/nodes/{id}")).await;
        node.map_err(|error| or_no_answer(error, "the inspection of a node"))
    }

    /// Reads all nodes.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>, EngineError> {
        let nodes = self.list("/nodes", &json!({})).await;
        nodes.map_err(|error| or_no_answer(error, "the list of nodes"))
    }
}
