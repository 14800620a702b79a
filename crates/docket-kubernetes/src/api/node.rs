//! A node of the cluster: the fields that docket reads of it.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// A node.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

/// What is known of a node that a pod names.
#[derive(Debug)]
pub(crate) enum KnownNode {
    Found(Node),
    Removed,
    /// docket has no right to read nodes.
    Denied,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    unschedulable: bool,
    #[serde(default, deserialize_with = "null_as_empty")]
    taints: Vec<Taint>,
}

/// What keeps pods from a node that do not tolerate it.
#[derive(Debug, Deserialize)]
pub(crate) struct Taint {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
    pub(crate) effect: String,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "null_as_empty")]
    conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Node {
    pub(crate) fn name(&self) -> &str {
        &self.metadata.name
    }

    pub(crate) fn labels(&self) -> &HashMap<String, String> {
        &self.metadata.labels
    }

    /// True where it is ready and takes new pods that tolerate its taints.
    pub(crate) fn is_active(&self) -> bool {
        !self.spec.unschedulable && self.is_ready()
    }

    /// True while the cluster hears from it that it runs pods.
    pub(crate) fn is_ready(&self) -> bool {
        let is_ready =
            |condition: &Condition| condition.kind == "Ready" && condition.status == "True";
        self.status.conditions.iter().any(is_ready)
    }

    /// What keeps new pods from it that do not tolerate that.
    pub(crate) fn taints(&self) -> impl Iterator<Item = &Taint> {
        // The third effect, `PreferNoSchedule`, keeps none.
        let keeps = |taint: &&Taint| matches!(&*taint.effect, "NoSchedule" | "NoExecute");
        self.spec.taints.iter().filter(keeps)
    }
}

fn null_as_empty<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
