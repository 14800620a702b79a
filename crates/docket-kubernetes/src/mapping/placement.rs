//! Which nodes may run a pod: the constraints of a placement as Kubernetes has them.
//!
//! 1. A pod whose node is decided is bound to that node alone, by its name and not by `nodeName`, which passes the
//!    scheduler over: what its placement asks for was compared then, and is not asked for again.
//! 2. Kubernetes compares whole values only. For a pattern docket compares the values that nodes have when the
//!    pod is made: a node with a new value, which joins before the pod is scheduled, is not considered.

use std::collections::BTreeSet;

use docket_model::allocation::{Comparison, Constraint, Placement};
use docket_server::engine::Finding;
use serde_json::{Value, json};

use super::{
    draft::{Draft, list, object},
    labels::{is_label_key, is_label_value},
    pod_options::tolerates,
};
use crate::api::Node;

/// The label of a node that the key of a constraint names; none where nodes have no such property.
fn label_of(key: &str) -> Option<&str> {
    Some(match key {
        "node.hostname" => HOST_NAME,
        "node.platform.os" => "kubernetes.io/os",
        "node.platform.arch" => "kubernetes.io/arch",
        key => match key.strip_prefix("node.labels.") {
            Some(label) => label,
            None if key.starts_with("node.") || key.starts_with("engine.") => return None,
            None => key,
        },
    })
}

/// The label that each node has for itself.
const HOST_NAME: &str = "kubernetes.io/hostname";

/// True where what is bound to a node is there on each node that the pod may go to.
pub(super) fn may_be_node_bound(placement: &Placement) -> bool {
    placement.may_be_node_bound(|key| label_of(key) == Some(HOST_NAME))
}

/// What no node can be asked for.
pub(crate) fn check(placement: &Placement) -> Vec<Finding> {
    let refused = placement.constraints.iter().filter_map(|constraint| {
        let label = label_of(constraint.key());
        let why = match label.filter(|label| is_label_key(label)) {
            None => {
                "write `node.hostname`, `node.platform.os`, `node.platform.arch`, or the name of a node's label"
            }
            Some(_) if !is_pattern(constraint) && !is_label_value(constraint.value()) => {
                "a label's value has at most 63 letters, digits, `-`, `_` and `.`"
            }
            Some(_) => return None,
        };
        let message = format!("`{constraint}`: no node of a cluster can have that: {why}");
        Some(Finding::fatal("Placement.Where", message))
    });
    refused.collect()
}

/// True where the labels of the nodes are needed to place a pod.
pub(crate) fn has_patterns(placement: &Placement) -> bool {
    placement.constraints.iter().any(is_pattern)
}

fn is_pattern(constraint: &Constraint) -> bool {
    constraint.comparison().is_by_pattern()
}

/// True where a node takes new pods and fulfils all constraints.
pub(crate) fn fits(placement: &Placement, node: &Node) -> bool {
    let holds = |constraint: &Constraint| {
        label_of(constraint.key())
            .is_some_and(|label| constraint.holds(node.labels().get(label).map(String::as_str)))
    };
    let is_tolerated = |taint| tolerates(placement, taint);
    node.is_active() && node.taints().all(is_tolerated) && placement.constraints.iter().all(holds)
}

/// Binds a pod to the node of this name.
pub(crate) fn map_node(draft: &mut Draft, node: &str) {
    require(draft, json!({"matchFields": [expression("metadata.name", "In", &[node])]}));
}

/// Requires what a term says of a node.
fn require(draft: &mut Draft, term: Value) {
    let affinity = object(object(&mut draft.pod, "affinity"), "nodeAffinity");
    let required = object(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
    list(required, "nodeSelectorTerms").push(term);
}

/// Chooses nodes for a pod. `nodes` are asked for only where a constraint is a pattern.
pub(crate) fn map(draft: &mut Draft, placement: &Placement, nodes: &[Node]) {
    let mut expressions = Vec::new();
    for constraint in &placement.constraints {
        let Some(label) = label_of(constraint.key()) else { continue };
        let value = constraint.value();
        match constraint.comparison() {
            Comparison::Is => {
                let selector = object(&mut draft.pod, "nodeSelector");
                match selector.get(label) {
                    // A second value, which no node has as well: the pod waits, as it was asked for.
                    Some(other) if other != value => {
                        expressions.push(expression(label, "In", &[value]));
                    }
                    _ => drop(selector.insert(label.to_owned(), value.into())),
                }
            }
            Comparison::IsNot => expressions.push(expression(label, "NotIn", &[value])),
            Comparison::Matches | Comparison::MatchesNot => {
                expressions.extend(by_values(constraint, label, nodes));
            }
        }
    }
    if !expressions.is_empty() {
        require(draft, json!({"matchExpressions": expressions}));
    }
}

/// A pattern as the values of the nodes that it stands for.
fn by_values(constraint: &Constraint, label: &str, nodes: &[Node]) -> Vec<Value> {
    let is_wanted = constraint.comparison() == Comparison::Matches;
    let values = nodes.iter().filter_map(|node| node.labels().get(label).map(String::as_str));
    // Those that match the pattern, which is what `!~` does not hold for.
    let matching: BTreeSet<_> =
        values.filter(|value| constraint.holds(Some(value)) == is_wanted).collect();
    let matching: Vec<_> = matching.into_iter().collect();
    match (is_wanted, matching.is_empty()) {
        // An empty list is not possible; no node has a label and does not have it.
        (true, true) => {
            vec![
                json!({"key": label, "operator": "Exists"}),
                json!({"key": label, "operator": "DoesNotExist"}),
            ]
        }
        (true, false) => vec![expression(label, "In", &matching)],
        (false, true) => Vec::new(),
        (false, false) => vec![expression(label, "NotIn", &matching)],
    }
}

fn expression(label: &str, operator: &str, values: &[&str]) -> Value {
    json!({"key": label, "operator": operator, "values": values})
}

#[cfg(test)]
mod tests {
    use docket_model::allocation::Toleration;

    use super::*;

    fn placement(constraints: &[&str]) -> Placement {
        let constraints = constraints.iter().map(|text| text.parse().unwrap()).collect();
        Placement { constraints, ..Placement::default() }
    }

    fn mapped(constraints: &[&str], racks: &[&str]) -> Value {
        let nodes: Vec<_> = racks.iter().map(|rack| node(&json!({}), rack)).collect();
        let mut draft = Draft::default();
        map(&mut draft, &placement(constraints), &nodes);
        Value::Object(draft.pod)
    }

    /// A node that is ready, with this in its specification and the label `rack`.
    fn node(spec: &Value, rack: &str) -> Node {
        let metadata = json!({"name": "n1", "labels": {"rack": rack}});
        let status = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let node = json!({"metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(node).unwrap()
    }

    fn terms(pod: &Value) -> &Value {
        let affinity = &pod["affinity"]["nodeAffinity"];
        &affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]["matchExpressions"]
    }

    #[test]
    fn whole_values_are_compared_by_kubernetes() {
        let pod =
            mapped(&["node.hostname==n1", "disk==ssd", "node.labels.zone!=b", "disk==hdd"], &[]);

        assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/hostname": "n1", "disk": "ssd"}));
        assert_eq!(
            terms(&pod),
            &json!([
                {"key": "zone", "operator": "NotIn", "values": ["b"]},
                {"key": "disk", "operator": "In", "values": ["hdd"]},
            ])
        );
    }

    #[test]
    fn patterns_are_compared_with_the_values_that_nodes_have() {
        let racks = ["r1", "r2", "x1", "r1"];
        for (constraint, expected) in [
            ("rack=~r.", json!([{"key": "rack", "operator": "In", "values": ["r1", "r2"]}])),
            ("rack!~r.", json!([{"key": "rack", "operator": "NotIn", "values": ["r1", "r2"]}])),
            (
                "rack=~z",
                json!([{"key": "rack", "operator": "Exists"}, {"key": "rack", "operator": "DoesNotExist"}]),
            ),
        ] {
            assert_eq!(terms(&mapped(&[constraint], &racks)), &expected, "{constraint}");
        }
        assert_eq!(mapped(&["rack!~z"], &racks), json!({}));
    }

    #[test]
    fn a_pod_whose_node_is_decided_is_bound_to_it_by_its_name() {
        let mut draft = Draft::default();

        map_node(&mut draft, "n1");

        let required = &draft.pod["affinity"]["nodeAffinity"];
        let term =
            json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]});
        assert_eq!(
            *required,
            json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}})
        );
    }

    #[test]
    fn a_node_fits_where_it_takes_pods_and_fulfils_all_constraints() {
        let taint = |key: &str, effect: &str| json!({"taints": [{"key": key, "effect": effect}]});
        let reach = "node.kubernetes.io/unreachable";
        for (spec, constraints, does_fit) in [
            (json!({}), &[][..], true),
            (json!({"taints": null}), &["rack=~r.", "node.labels.rack==r1", "disk!=ssd"], true),
            (json!({}), &["rack==r2"], false),
            (json!({}), &["disk=~.*"], false),
            (json!({"unschedulable": true}), &[], false),
            (taint("node-role.kubernetes.io/control-plane", "NoSchedule"), &[], false),
            (taint("gpu", "NoExecute"), &[], false),
            (taint("gpu", "PreferNoSchedule"), &[], true),
            (taint(reach, "NoExecute"), &[], true),
            (taint(reach, "NoSchedule"), &[], false),
        ] {
            let node = node(&spec, "r1");
            assert_eq!(fits(&placement(constraints), &node), does_fit, "{spec} {constraints:?}");
        }
        let toleration = Toleration { key: Some("gpu".into()), ..Toleration::default() };
        let with_toleration = Placement { tolerations: vec![toleration], ..placement(&[]) };
        assert!(fits(&with_toleration, &node(&taint("gpu", "NoExecute"), "r1")));
        assert!(!fits(&with_toleration, &node(&taint("cpu", "NoExecute"), "r1")));
        let not_ready = json!({"metadata": {"name": "n1"}});
        assert!(!fits(&placement(&[]), &serde_json::from_value(not_ready).unwrap()));
    }

    #[test]
    fn what_no_node_can_have_is_refused_by_its_name() {
        let asked =
            ["node.role==worker", "engine.labels.a==b", "-a==b", "disk==s s d", "disk==ssd"];

        let found = check(&placement(&asked));

        let named: Vec<_> = found.iter().map(|it| it.message.split("`:").next().unwrap()).collect();
        assert_eq!(named, ["`node.role==worker", "`engine.labels.a==b", "`-a==b", "`disk==s s d"]);
    }

    #[test]
    fn only_what_is_on_each_node_or_on_the_one_that_is_named_may_be_bound_to_a_node() {
        for (constraints, may_be) in [
            (&[][..], false),
            (&["node.hostname==n1"], true),
            (&["kubernetes.io/hostname==n1"], true),
            (&["node.hostname!=n1"], false),
            (&["disk==ssd"], false),
        ] {
            assert_eq!(may_be_node_bound(&placement(constraints)), may_be, "{constraints:?}");
        }
        assert!(may_be_node_bound(&Placement { is_shared: true, ..placement(&[]) }));
    }
}
