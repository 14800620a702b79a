//! Which nodes may run the task of a service: the constraints of a placement as Swarm has them.
//!
//! 1. A container whose node is decided is bound to that node alone: what its placement asks for was compared
//!    then, and is not asked for again.

use docket_model::{
    allocation::{Constraint, Placement},
    run,
};

use super::{
    managers::Managers,
    node::{Node, Property},
};
use crate::engine::{EngineError, Finding, Plan, bounded};

/// The longest value that Swarm is asked to compare; longer ones are compared here.
const LONGEST_VALUE: usize = 256;

/// True where what is bound to a node is there on each node that the task may go to.
pub(super) fn may_be_node_bound(placement: &Placement) -> bool {
    placement.may_be_node_bound(|key| {
        matches!(Property::of(key), Some(Property::Id | Property::Hostname))
    })
}

/// What no node of a Swarm can be asked for.
pub(super) fn check(placement: &Placement) -> Vec<Finding> {
    let unknown = placement.constraints.iter().filter(|it| Property::of(it.key()).is_none());
    let refused = unknown.map(|constraint| {
        let message = format!(
            "`{constraint}`: a Swarm's nodes have no `{}`: write `node.id`, `node.hostname`, `node.role`, \
             `node.platform.os`, `node.platform.arch`, `engine.labels.NAME`, or the name of a node's label",
            constraint.key()
        );
        Finding::fatal("Placement.Where", message)
    });
    refused.collect()
}

/// The nodes that take new tasks and fulfil all constraints of a placement.
pub(super) async fn nodes(
    managers: &Managers,
    placement: &Placement,
) -> Result<Vec<run::Node>, EngineError> {
    let nodes = managers.nodes().await?.into_iter();
    let fitting = nodes.filter(|node| node.is_active() && node.fits(placement));
    Ok(fitting
        .map(|node| run::Node {
            name: bounded(node.hostname()).into(),
            id: bounded(node.id).into(),
        })
        .collect())
}

/// The constraints of a service.
///
/// Swarm compares whole values only. For a pattern docket compares the nodes that there are, and excludes
/// those that do not match; a node that joins between here and the start is not excluded.
pub(super) async fn constraints(
    managers: &Managers,
    plan: &Plan,
) -> Result<Vec<String>, EngineError> {
    if let Some(node) = &plan.node {
        return Ok(vec![format!("node.id=={node}")]);
    }
    let placement = &plan.placement;
    let (by_swarm, by_docket): (Vec<_>, Vec<_>) =
        placement.constraints.iter().partition(|constraint| is_compared_by_swarm(constraint));
    let of_swarm = by_swarm.into_iter().filter_map(|constraint| {
        let (sign, value) = (constraint.comparison().sign(), constraint.value());
        Some(format!("{}{sign}{value}", Property::of(constraint.key())?.in_swarm()))
    });
    let mut constraints: Vec<_> = of_swarm.collect();
    if by_docket.is_empty() {
        return Ok(constraints);
    }
    let nodes = managers.nodes().await?;
    let is_excluded = |node: &&Node| {
        !by_docket.iter().all(|constraint| {
            Property::of(constraint.key())
                .is_some_and(|property| constraint.holds(node.value(&property)))
        })
    };
    constraints
        .extend(nodes.iter().filter(is_excluded).map(|node| format!("node.id!={}", node.id)));
    Ok(constraints)
}

/// True for what Swarm's grammar of constraints has.
fn is_compared_by_swarm(constraint: &Constraint) -> bool {
    let value = constraint.value();
    let is_of_value = |c: char| c.is_ascii_alphanumeric() || ":-_.*()?+[]\\^$|/ ".contains(c);
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !constraint.comparison().is_by_pattern()
        && (1..=LONGEST_VALUE).contains(&value.len())
        && value.chars().all(is_of_value)
        && constraint.key().chars().all(is_of_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(constraints: &[&str]) -> Placement {
        let constraints = constraints.iter().map(|text| text.parse().unwrap()).collect();
        Placement { constraints, ..Placement::default() }
    }

    #[test]
    fn only_what_is_on_each_node_or_on_the_one_that_is_named_may_be_bound_to_a_node() {
        for (constraints, may_be) in [
            (&[][..], false),
            (&["node.hostname==a"], true),
            (&["disk==ssd", "node.id==x1"], true),
            (&["node.hostname!=a"], false),
            (&["node.hostname=~a|b"], false),
            (&["disk==ssd"], false),
        ] {
            assert_eq!(may_be_node_bound(&placement(constraints)), may_be, "{constraints:?}");
        }
        assert!(may_be_node_bound(&Placement { is_shared: true, ..placement(&[]) }));
    }

    #[test]
    fn a_property_that_no_node_has_is_refused_by_its_name() {
        let found =
            check(&placement(&["node.zone==a", "engine.name2==b", "zone==a", "node.role==worker"]));

        let messages: Vec<_> =
            found.iter().map(|it| it.message.split(':').next().unwrap()).collect();
        assert_eq!(messages, ["`node.zone==a`", "`engine.name2==b`"]);
    }

    #[test]
    fn swarm_compares_whole_values_and_docket_the_rest() {
        for (constraint, is_by_swarm) in [
            ("zone==a", true),
            ("zone!=a b", true),
            ("zone==", false),
            ("zone==a=b", false),
            ("zone=~a", false),
            ("zone!~a", false),
            ("zo/ne==a", false),
        ] {
            assert_eq!(
                is_compared_by_swarm(&constraint.parse().unwrap()),
                is_by_swarm,
                "{constraint}"
            );
        }
    }
}
