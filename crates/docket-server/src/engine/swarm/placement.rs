//! Which nodes may run the task of a service.

use crate::engine::Plan;

/// The constraints of a service.
#[derive(Debug, Default)]
pub(super) struct Placement {
    pub(super) constraints: Vec<String>,
    /// True where each node has the same paths and volumes.
    pub(super) is_shared: bool,
}

impl Placement {
    /// What a plan asks for.
    pub(super) fn of(_plan: &Plan) -> Self {
        Self::default()
    }

    /// True where what is bound to a node is there on each node that the task may go to.
    pub(super) fn may_be_node_bound(&self) -> bool {
        self.is_shared || self.constraints.iter().any(|constraint| names_node(constraint))
    }
}

/// True where one node alone meets the constraint.
fn names_node(constraint: &str) -> bool {
    let key = constraint.split_once("==").map(|(key, _)| key.trim());
    matches!(key, Some("node.id" | "node.hostname"))
}
