//! `Placement.On` on engines with nodes: each part is on a node of its own.

use std::sync::Arc;

use docket_model::Run;
use serde_json::{Value, json};

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::engine::scripted_engine::ScriptedEngine;

/// A server with the engine `default`, and `cluster` with nodes of these names.
fn with_cluster(nodes: &[&str]) -> (Ground, Arc<ScriptedEngine>) {
    let mut ground = Ground::new(Settings::default());
    let cluster = ScriptedEngine::called("F", ground.clock.clone()).with_nodes(nodes);
    let cluster = Arc::new(cluster.with_label("kind", "cluster"));
    ground.other_engines.push(("cluster", cluster.clone()));
    (ground, cluster)
}

/// Pushes an allocation that is due at 09:10 on nodes of the cluster.
async fn push(house: &House, name: &str, image: &str, on: Value, keys: Value) {
    let placement = json!({"Engine": "cluster", "On": on});
    let mut all = json!({"Cron": "10 9 * * *", "Placement": placement});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    house.push_with(name, image, all).await;
}

/// The parts of a run in short: `n1 succeeded 2` is one that succeeded at its second attempt.
fn parts_of(run: &Run) -> Vec<String> {
    let part_of = |part| {
        let (newest, state) = (run.newest_of_part(part).unwrap(), run.part_state(part));
        let engine = newest.engine_name.as_deref().unwrap();
        format!("{} {} {}", newest.node_name().unwrap_or(engine), state.word(), newest.key.number)
    };
    run.parts().map(part_of).collect()
}

/// The parts of the newest run.
async fn parts(house: &House, name: &str) -> Vec<String> {
    house.runs(name).await.pop().as_deref().map(parts_of).unwrap_or_default()
}

/// The node of each container that an engine was asked to start, and the attempt.
fn started(engine: &ScriptedEngine) -> Vec<(String, String)> {
    let seen = engine.seen().into_iter().filter(|seen| seen.starts > 0);
    let node = |node: Option<Arc<str>>| node.map(|node| node.to_string()).unwrap_or_default();
    seen.map(|seen| (node(seen.node), seen.identity.attempt.to_string())).collect()
}

fn on_nodes(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(node, attempt)| ((*node).to_owned(), (*attempt).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn the_claim_names_a_node_for_each_part_and_each_container_is_bound_to_its_own() {
    let (ground, cluster) = with_cluster(&["n3", "n1", "n2"]);
    let house = ground.open().await;
    push(&house, "two", "busybox", json!(2), json!({})).await;
    push(&house, "all", "busybox", json!("All"), json!({"Cron": "20 9 * * *"})).await;

    house.until("09:12:00").await;
    let two = started(&cluster);
    house.until("09:22:00").await;

    assert_eq!(parts(&house, "two").await, ["n1 succeeded 1", "n2 succeeded 1"]);
    assert_eq!(two, on_nodes(&[("xn1", "1"), ("xn2", "p2.1")]));
    let all = ["n1 succeeded 1", "n2 succeeded 1", "n3 succeeded 1"];
    assert_eq!(parts(&house, "all").await, all);
    assert_eq!(started(&cluster).len(), 5);
    assert!(cluster.seen().iter().all(|seen| seen.removed));
    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nodes_with_the_fewest_parts_under_way_come_first() {
    let (ground, _) = with_cluster(&["n1", "n2", "n3"]);
    let house = ground.open().await;
    push(&house, "first", "long", json!(2), json!({})).await;
    house.until("09:11:00").await;

    push(&house, "second", "busybox", json!(2), json!({"Cron": "12 9 * * *"})).await;
    house.until("09:13:00").await;

    assert_eq!(parts(&house, "first").await, ["n1 running 1", "n2 running 1"]);
    assert_eq!(parts(&house, "second").await, ["n3 succeeded 1", "n1 succeeded 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_stays_with_its_node_across_retries_and_restarts() {
    let (ground, cluster) = with_cluster(&["n1", "n2"]);
    let house = ground.open().await;
    let retries = json!({"Retries": {"Limit": 3, "Delay": "1m"}});
    push(&house, "a", "fail-until-3-in-part-2", json!("All"), retries).await;
    house.until("09:10:30").await;
    let between = parts(&house, "a").await;

    let house = house.close().await.open().await;
    cluster.set_nodes(&["n2", "n9"]);
    house.until("09:20:00").await;

    assert_eq!(between, ["n1 succeeded 1", "n2 retrying 1"]);
    assert_eq!(parts(&house, "a").await, ["n1 succeeded 1", "n2 succeeded 3"]);
    let expected = [("xn1", "1"), ("xn2", "p2.1"), ("xn2", "p2.2"), ("xn2", "p2.3")];
    assert_eq!(started(&cluster), on_nodes(&expected));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_after_the_claim_keeps_the_nodes_of_the_parts() {
    let (ground, cluster) = with_cluster(&["n1", "n2"]);
    let house = ground.open().await;
    push(&house, "a", "busybox", json!(2), json!({})).await;
    house.plan("claim", Fault::DiesAfter);
    house.until("09:10:01").await;
    assert!(house.is_dead());

    cluster.set_nodes(&["n8", "n9"]);
    let house = house.die().open().await;
    house.until("09:12:00").await;

    assert_eq!(parts(&house, "a").await, ["n1 succeeded 1", "n2 succeeded 1"]);
    assert_eq!(started(&cluster), on_nodes(&[("xn1", "1"), ("xn2", "p2.1")]));
}

#[tokio::test(start_paused = true)]
async fn a_run_on_all_nodes_is_skipped_where_none_fits() {
    let (ground, cluster) = with_cluster(&["n1", "n2"]);
    let house = ground.open().await;
    let placement = json!({"Engine": "cluster", "On": "All", "Where": "node.hostname==n3"});
    push(&house, "a", "busybox", json!("All"), json!({"Placement": placement})).await;

    house.until("09:11:00").await;

    assert_eq!(house.newest("a").await, "09:10:00 skipped: no-node-fits");
    assert_eq!(started(&cluster).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instant_for_more_nodes_than_fit_waits_until_there_are_enough() {
    let (ground, cluster) = with_cluster(&["n1"]);
    let house = ground.open().await;
    push(&house, "a", "busybox", json!(2), json!({})).await;

    house.until("09:12:00").await;
    let meanwhile = house.newest("a").await;
    let uid = house.allocation("a").uid;
    let shortage = house.runner.engines.shortage(uid).unwrap();
    let manual = house.run_manually("a", None).await.unwrap_err().to_string();
    cluster.set_nodes(&["n1", "n2"]);
    house.pass(11 * SECOND).await;

    assert_eq!(meanwhile, "");
    assert_eq!(shortage.words, "too few nodes for `On: 2`: 1 fits");
    assert!(manual.ends_with("cannot run now: too few nodes for `On: 2`: 1 fits"), "{manual}");
    assert_eq!(parts(&house, "a").await, ["n1 succeeded 1", "n2 succeeded 1"]);
    assert_eq!(house.runner.engines.shortage(uid), None);
    assert_eq!(house.runner.engines.delayed_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instant_for_which_too_few_nodes_fit_until_its_deadline_is_missed_for_that() {
    let (ground, cluster) = with_cluster(&["n1"]);
    let house = ground.open().await;
    push(&house, "a", "busybox", json!(3), json!({"StartingDeadline": "5m"})).await;
    push(&house, "gone", "busybox", json!(3), json!({})).await;
    house.until("09:14:00").await;

    house.delete("gone").await;
    house.until("09:16:00").await;

    assert_eq!(house.newest("a").await, "09:10:00 missed 1 to 09:10:00: too-few-nodes 3 1");
    assert_eq!(house.runner.engines.shortage(house.allocation("a").uid), None);
    assert_eq!(started(&cluster).len(), 0);
    assert_eq!(house.runner.engines.delayed_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instant_that_is_skipped_because_of_a_run_beside_it_waits_for_no_nodes() {
    let (ground, cluster) = with_cluster(&["n1", "n2"]);
    let house = ground.open().await;
    let each_minute = json!({"Cron": "10-11 9 * * *", "Overlap": "Forbid"});
    push(&house, "a", "long", json!(2), each_minute).await;
    house.until("09:10:30").await;
    cluster.set_nodes(&["n1"]);

    house.until("09:11:01").await;

    let skipped = house.newest("a").await;
    assert!(skipped.starts_with("09:11:00 skipped"), "{skipped}");
    assert_eq!(started(&cluster).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_allocation_ends_its_wait_for_nodes_at_once() {
    let (ground, _) = with_cluster(&["n1"]);
    let house = ground.open().await;
    push(&house, "a", "busybox", json!(2), json!({"Cron": "R/2026-11-21T09:10:00Z/PT1M"})).await;
    house.until("09:10:01").await;

    push(&house, "a", "busybox", json!(1), json!({"Cron": "R/2026-11-21T09:10:00Z/PT1M"})).await;
    house.pass(SECOND).await;

    assert!(house.newest("a").await.starts_with("09:10:00 succeeded"));
}

#[tokio::test(start_paused = true)]
async fn all_are_the_hosts_and_the_nodes_of_all_engines_that_fit() {
    let (mut ground, cluster) = with_cluster(&["n1", "n2"]);
    let b = Arc::new(ScriptedEngine::called("B", ground.clock.clone()));
    ground.other_engines.push(("b", b.clone()));
    let house = ground.open().await;
    let keys = |on: Value, cron: &str| json!({"Cron": cron, "Placement": {"On": on}});
    house.push_with("all", "busybox", keys("All".into(), "10 9 * * *")).await;
    house.push_with("four", "busybox", keys(4.into(), "11 9 * * *")).await;
    house.push_with("three", "busybox", keys(3.into(), "13 9 * * *")).await;
    house.until("09:12:00").await;
    let all = parts(&house, "all").await;
    let four = parts(&house, "four").await;
    cluster.set_away(true);
    house.until("09:13:30").await;
    let meanwhile = parts(&house, "three").await;
    cluster.set_away(false);
    house.until("09:15:00").await;

    let places = ["default", "b", "n1", "n2"].map(|place| format!("{place} succeeded 1"));
    assert_eq!(all, places);
    assert_eq!(four, places);
    assert_eq!(meanwhile, [""; 0]);
    assert_eq!(parts(&house, "three").await, places[..3]);
    assert_eq!(b.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_on_all_says_which_engine_was_away_or_did_not_list_its_nodes() {
    let (mut ground, _) = with_cluster(&["n1"]);
    let other = ScriptedEngine::called("G", ground.clock.clone()).with_nodes(&["m1"]);
    let b = ScriptedEngine::called("B", ground.clock.clone());
    let (other, b) = (Arc::new(other), Arc::new(b));
    ground.other_engines.push(("other", other.clone()));
    ground.other_engines.push(("b", b.clone()));
    let house = ground.open().await;
    house
        .push_with("a", "busybox", json!({"Cron": "10,20 9 * * *", "Placement": {"On": "All"}}))
        .await;
    house.until("09:09:00").await;
    other.set_away(true);
    b.set_away(true);
    house.until("09:12:00").await;
    let first = house.runs("a").await.remove(0);
    other.set_away(false);
    b.set_away(false);
    house.until("09:15:00").await;
    // Both engines list their nodes at once: one fails five times, the other four.
    for _ in 0..9 {
        house.plan("nodes", Fault::Refuses);
    }
    house.until("09:22:00").await;
    let second = house.runs("a").await.remove(1);

    assert_eq!(parts_of(&first), ["default succeeded 1", "n1 succeeded 1"]);
    assert_eq!(
        first.attempts[0].remarks,
        [
            "the engine `b` was away, so no part went to it",
            "the engine `other` was away, so no part went to its nodes",
        ]
    );
    assert_eq!(second.parts().count(), 3, "{:?}", parts_of(&second));
    let remarks = &second.attempts[0].remarks;
    assert!(remarks[0].ends_with("could not be listed: refused"), "{remarks:?}");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_cannot_be_listed_delay_only_their_own_runs() {
    let (ground, _) = with_cluster(&["n1"]);
    let house = ground.open().await;
    push(&house, "a", "busybox", json!("All"), json!({})).await;
    house.push("b", "10 9 * * *", "busybox").await;
    house.until("09:09:59").await;
    house.plan("nodes", Fault::Hangs);

    house.until("09:10:05").await;
    let meanwhile = (house.newest("a").await, house.newest("b").await);
    house.pass(MINUTE).await;

    assert_eq!(meanwhile, (String::new(), "09:10:00 succeeded".to_owned()));
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_part_on_a_cluster_that_fails_is_named_with_its_node() {
    let (ground, _) = with_cluster(&["n1", "n2"]);
    let house = ground.open().await;
    push(&house, "a", "exit-3-in-part-2", json!("All"), json!({})).await;

    house.until("09:12:00").await;

    let run = house.runs("a").await.remove(0);
    let reason = run.state.reason().unwrap();
    let words = "1 of 2 parts failed: part 2 on cluster, node n2 (exit code 3)";
    assert_eq!(reason.to_string(), words);
}
