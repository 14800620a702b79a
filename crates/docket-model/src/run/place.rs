//! Where a container runs: an engine by its name, and a node of it where it has several.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::DEFAULT_ENGINE;

/// A node of an engine that has several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    /// What the engine names it by; never given to another node.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
}

impl Node {
    /// A node whose id is its name.
    #[must_use]
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self { id: Arc::clone(&name), name }
    }

    /// How many bytes it takes in memory, about. Records of one node do not share it.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.id.len() + self.name.len()
    }
}

/// Where a part of a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the engine, by the server's configuration.
    pub engine: Arc<str>,
    /// The only node that may run it; where it is absent, the engine chooses among those it has.
    pub node: Option<Arc<Node>>,
}

impl From<Arc<str>> for Place {
    fn from(engine: Arc<str>) -> Self {
        Self { engine, node: None }
    }
}

/// An engine and a node in words; absent where there is no more to say than the default.
pub(crate) fn place(engine: Option<&str>, node: Option<&str>) -> Option<String> {
    let engine = engine.filter(|name| *name != DEFAULT_ENGINE).map(|name| format!("engine {name}"));
    let words: Vec<_> = engine.into_iter().chain(node.map(|node| format!("node {node}"))).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_engine_without_nodes_is_no_place() {
        let cases = [
            (None, None, None),
            (Some(DEFAULT_ENGINE), None, None),
            (Some(DEFAULT_ENGINE), Some("w3"), Some("node w3")),
            (Some("west"), None, Some("engine west")),
            (Some("west"), Some("w3"), Some("engine west, node w3")),
        ];
        for (engine, node, expected) in cases {
            assert_eq!(place(engine, node).as_deref(), expected);
        }
    }
}
