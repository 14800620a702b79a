//! `Placement.On` on a Kubernetes. Where the environment names none each test says so and is skipped.

use docket_tests::{
    allocation::script_once,
    container_gate::Gate,
    kubernetes_cluster::{KubernetesCluster, PodCluster, in_a_pod},
    wall_clock,
};
use serde_json::json;

use crate::two_engine_setup::placed;

#[test]
fn a_part_is_bound_to_the_node_that_the_record_names() {
    let Some((cluster, _using)) = KubernetesCluster::shared() else { return };
    let home = cluster.home();
    let server = home.server();
    let node = cluster.kubectl(["get", "nodes", "--output", "jsonpath={.items[0].metadata.name}"]);
    let at = wall_clock::soon();
    let gate = Gate::closed();
    let on = |name, count| {
        let gated = gate.before(in_a_pod(script_once(name, at, Gate::WAIT)));
        placed(gated, json!({"On": count, "Shared": true}))
    };

    server.push(&on("all", json!("All")));
    server.push(&on("two", json!(2)));
    server.running_container("all");
    let pods = cluster.pods(server.namespace());
    gate.open();
    let run = server.ended_run("all");
    let refused = server.docket(["run", "two", "--wait"]);

    assert_eq!(run["State"], "succeeded", "{run}");
    assert_eq!(run["Attempts"][0]["Node"].as_str(), Some(&*node));
    let [pod] = &pods[..] else { panic!("{pods:?}") };
    let required =
        &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let term =
        json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    assert_eq!(required["nodeSelectorTerms"], json!([term]));
    assert!(refused.err.contains("too few nodes for `On: 2`: 1 fits"), "{refused:?}");
}
