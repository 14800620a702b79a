//! Containers whose start was accepted, and that wait for a node.

use std::sync::Arc;

use docket_model::run::ContainerId;
use serde_json::json;

use super::harness::{Fault, Ground, House, Settings};
use crate::engine::{Starts, scripted_engine::ScriptedEngine};

/// A server whose engine starts containers conditionally, with an allocation whose container waits.
async fn house() -> House {
    let mut ground = Ground::new(Settings::default());
    let engine = ScriptedEngine::new(ground.clock.clone()).that_starts(Starts::Conditionally);
    ground.engine = Arc::new(engine);
    let house = ground.open().await;
    house.push_with("a", "waits", json!({"Cron": "10 9 * * *", "Retries": 0})).await;
    house
}

/// The id of the container of its newest run.
async fn container(house: &House) -> ContainerId {
    let run = house.runs("a").await.pop().unwrap();
    run.attempts.last().unwrap().container.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_runs_once_a_node_takes_it_also_after_a_crash() {
    let house = house().await;
    house.until("09:12:00").await;
    let waiting = (house.newest("a").await, house.seen("a")[0].starts);

    let house = house.die().open().await;
    house.until("09:14:00").await;
    let after_crash = house.newest("a").await;
    let is_taken = house.engine.take_waiting(&container(&house).await);
    house.until("09:15:00").await;

    assert_eq!(waiting, ("09:10:00 starting".to_owned(), 0));
    assert_eq!((after_crash.as_str(), is_taken), ("09:10:00 starting", true));
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert_eq!(house.seen("a").iter().map(|seen| seen.starts).collect::<Vec<_>>(), [1]);
}

#[tokio::test(start_paused = true)]
async fn one_whose_start_got_no_answer_goes_on_waiting() {
    let house = house().await;
    house.plan("launch", Fault::LosesAnswer);
    house.until("09:12:00").await;

    let is_taken = house.engine.take_waiting(&container(&house).await);
    house.until("09:13:00").await;

    assert!(is_taken);
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert_eq!(house.seen("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_whose_run_is_given_up_is_taken_by_no_node_any_more() {
    for (is_cancelled, expected) in
        [(true, "09:10:00 cancelled: text"), (false, "09:10:00 failed: not-startable")]
    {
        let house = house().await;
        house.until("09:12:00").await;
        let container = container(&house).await;

        if is_cancelled {
            house.cancel("a", false).await;
        }
        house.until("09:21:00").await;
        let is_taken = house.engine.take_waiting(&container);

        let newest = house.newest("a").await;
        assert!(newest.starts_with(expected) && !is_taken, "{newest}");
    }
}
