//! Which engine a run goes to where some leave constraints to their nodes.

use std::sync::Arc;

use super::{
    harness::{Fault, Ground, MINUTE, Settings},
    several_engines::{engine_names, push_placed, with_two_in_a_zone},
};
use crate::engine::scripted_engine::ScriptedEngine;

/// A server with the engines `default`, `b` in zone `x`, and `cluster`, which leaves constraints to its nodes.
fn with_a_cluster() -> (Ground, [Arc<ScriptedEngine>; 2]) {
    let (mut ground, [b, _]) = with_two_in_a_zone();
    let cluster = ScriptedEngine::called("F", ground.clock.clone()).with_nodes(&["n1"]);
    let cluster = Arc::new(cluster);
    ground.other_engines[1] = ("cluster", cluster.clone());
    (ground, [b, cluster])
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_labels_decide_all_comes_before_those_that_leave_constraints_to_nodes() {
    let (ground, [b, cluster]) = with_a_cluster();
    let house = ground.open().await;
    for (name, cron, constraints) in [
        ("first", "10 9 * * *", vec!["zone==x"]),
        // There is one run on `b` now, and none on `cluster`.
        ("second", "11 9 * * *", vec!["zone==x", "disk!=ssd"]),
        ("nodes", "12 9 * * *", vec!["zone==x", "disk==ssd"]),
        ("not", "13 9 * * *", vec!["zone!=x"]),
        ("away", "15 9 * * *", vec!["zone==x"]),
    ] {
        push_placed(&house, name, cron, serde_json::json!({"Where": constraints})).await;
    }
    house.until("09:14:00").await;
    b.set_away(true);
    house.until("09:17:00").await;
    let while_away = engine_names(&house, "away").await;

    b.set_away(false);
    house.until("09:18:00").await;

    assert_eq!(while_away, []);
    for (name, engine) in
        [("first", "b"), ("second", "b"), ("nodes", "cluster"), ("not", "default"), ("away", "b")]
    {
        assert_eq!(engine_names(&house, name).await, [Some(engine.into())], "{name}");
    }
    assert_eq!(cluster.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_left_to_nodes_once_each_engine_that_may_decide_was_reached_or_is_away() {
    for (is_away, expected) in [(false, "default"), (true, "cluster")] {
        let (mut ground, _) = with_a_cluster();
        let labelled = ScriptedEngine::new(ground.clock.clone()).with_label("disk", "ssd");
        ground.engine = Arc::new(labelled);
        let house = ground.open().await;
        push_placed(&house, "a", "10 9 * * *", serde_json::json!({"Where": ["disk==ssd"]})).await;
        house.until("09:09:00").await;
        let ground = house.close().await;
        tokio::time::sleep(2 * MINUTE).await;

        ground.engine.set_away(is_away);
        let house = ground.open().await;
        // The labels of the default engine are known after those of the others.
        house.plan("ping", Fault::AnswersLate);
        house.pass(MINUTE).await;

        assert_eq!(engine_names(&house, "a").await, [Some(expected.into())]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_nodes_cannot_do_is_no_error_where_the_labels_of_another_engine_decide() {
    let (ground, [b, _]) = with_a_cluster();
    b.set_away(true);
    let house = ground.open().await;
    house.pass(MINUTE).await;
    let container = serde_json::json!({
        "Config": {"Image": "busybox"}, "HostConfig": {"Privileged": true},
    });
    let keys = serde_json::json!({
        "Cron": "", "Container": container, "Placement": {"Where": ["zone==x"]},
    });
    house.push_with("a", "busybox", keys).await;
    let findings = || {
        let allocation = house.store.status("a").unwrap().allocation;
        let found = house.runner.engines.check(&allocation.specification).into_iter();
        found.map(|found| found.message).collect::<Vec<_>>()
    };

    // The engine may turn out to have the label.
    let before = findings();
    b.set_away(false);
    house.pass(MINUTE).await;

    assert_eq!(before, [""; 0]);
    // Of the scripted engines none has privileges; of several, each finding names its engine.
    assert_eq!(findings(), ["this engine has no privileges"]);
}

#[tokio::test(start_paused = true)]
async fn constraints_that_no_label_of_an_engine_with_nodes_decides_are_left_to_its_nodes() {
    let mut ground = Ground::new(Settings::default());
    let cluster = ScriptedEngine::called("F", ground.clock.clone());
    let cluster = Arc::new(cluster.with_nodes(&["n1"]).with_label("zone", "x"));
    ground.other_engines.push(("cluster", cluster.clone()));
    let house = ground.open().await;
    let nodes = serde_json::json!({"Where": ["zone==x", "disk==ssd"], "Shared": true});
    push_placed(&house, "nodes", "10 9 * * *", nodes).await;
    push_placed(&house, "zone", "11 9 * * *", serde_json::json!({"Where": ["zone==y"]})).await;
    push_placed(&house, "name", "12 9 * * *", serde_json::json!({"Engine": "default"})).await;

    house.until("09:13:00").await;

    assert_eq!(engine_names(&house, "nodes").await, [Some("cluster".into())]);
    assert_eq!(engine_names(&house, "zone").await, []);
    let [seen] = &cluster.seen()[..] else { panic!("one container is on the cluster") };
    let constraints: Vec<_> = seen.placement.constraints.iter().map(ToString::to_string).collect();
    assert_eq!((constraints, seen.placement.is_shared), (vec!["disk==ssd".to_owned()], true));
    assert_eq!(house.seen("name")[0].placement.constraints, []);
}
