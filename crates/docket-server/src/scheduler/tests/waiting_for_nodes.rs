//! Containers whose start was accepted, and that wait for a node.

use std::sync::Arc;

use docket_model::run::{ContainerId, Run};
use serde_json::json;

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::engine::{Starts, scripted_engine::ScriptedEngine};

/// A run whose container waited for too long.
const NEVER_PLACED: &str =
    "09:10:00 failed: not-startable no node started it within 10 minutes: no suitable node";

/// A server whose engine starts containers conditionally, with an allocation whose container waits.
async fn house() -> House {
    house_with("waits").await
}

/// The same with this image; a run is timed out after a minute.
async fn house_with(image: &str) -> House {
    house_that_starts(Starts::Conditionally, image).await
}

/// The same with an engine that starts containers like this.
async fn house_that_starts(starts: Starts, image: &str) -> House {
    let mut ground = Ground::new(Settings::default());
    let engine = ScriptedEngine::new(ground.clock.clone()).that_starts(starts);
    ground.engine = Arc::new(engine);
    let house = ground.open().await;
    let keys = json!({"Cron": "10 9 * * *", "Retries": 0, "Timeout": "1m"});
    house.push_with("a", image, keys).await;
    house
}

/// Its newest run.
async fn run(house: &House) -> Arc<Run> {
    house.runs("a").await.pop().unwrap()
}

/// The id of the container of its newest run.
async fn container(house: &House) -> ContainerId {
    run(house).await.attempts.last().unwrap().container.clone().unwrap()
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
async fn one_that_waits_is_given_up_after_ten_minutes_however_often_the_server_is_restarted() {
    let mut house = house().await;
    for time in ["09:14:00", "09:17:00", "09:19:00"] {
        house.until(time).await;
        house = house.die().open().await;
    }
    house.until("09:19:55").await;
    let before = house.newest("a").await;

    house.until("09:20:05").await;

    assert_eq!(before, "09:10:00 starting");
    assert_eq!(house.newest("a").await, NEVER_PLACED);
}

#[tokio::test(start_paused = true)]
async fn one_whose_ten_minutes_end_while_no_server_runs_is_given_up_with_what_its_engine_reports() {
    let house = house().await;
    house.until("09:12:00").await;
    let ground = house.die();
    tokio::time::sleep(10 * MINUTE).await;

    let house = ground.open().await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, NEVER_PLACED);
    assert!(!house.engine.take_waiting(&container(&house).await));
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

#[tokio::test(start_paused = true)]
async fn one_that_waits_and_whose_creation_got_no_answer_is_taken_by_no_node_once_its_run_is_cancelled()
 {
    let house = house_that_starts(Starts::WithPrepare, "waits").await;
    house.plan("prepare", Fault::LosesAnswer);
    house.until("09:10:00").await;

    house.cancel("a", false).await;
    while house.newest("a").await.starts_with("09:10:00 starting") {
        house.pass(SECOND / 100).await;
    }
    let is_removed = house.seen("a")[0].removed;

    let newest = house.newest("a").await;
    assert!(newest.starts_with("09:10:00 cancelled: text") && is_removed, "{newest}");
}

/// A server with a run whose container waits for a node that is out of reach since 09:12.
async fn on_a_node_that_is_away() -> House {
    let house = house_with("waits-endless").await;
    house.until("09:12:00").await;
    house.engine.set_node_away(true);
    house
}

#[tokio::test(start_paused = true)]
async fn one_whose_node_is_away_counts_as_started_once_the_node_reports_that() {
    let house = on_a_node_that_is_away().await;
    // Longer than a container may wait for a node, and than `Timeout`.
    house.until("09:21:30").await;
    let house = house.die().open().await;
    house.pass(SECOND).await;
    let away = (house.newest("a").await, run(&house).await.attempts[0].started_at);
    let remarks = run(&house).await.attempts[0].remarks.clone();

    let is_taken = house.engine.take_waiting(&container(&house).await);
    house.engine.set_node_away(false);
    house.pass(SECOND).await;
    let back = (house.newest("a").await, run(&house).await.attempts[0].started_at.is_some());
    house.pass(2 * MINUTE).await;

    assert_eq!(away, ("09:10:00 starting".to_owned(), None));
    assert!(
        remarks.iter().any(|remark| remark.contains("`node-1` is out of reach")),
        "{remarks:?}"
    );
    assert!(is_taken);
    assert_eq!(back, ("09:10:00 running".to_owned(), true));
    assert_eq!(house.newest("a").await, "09:10:00 timed-out: timeout 1m 143");
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_begin_the_outage_of_a_node_anew() {
    let house = on_a_node_that_is_away().await;
    house.until("09:20:00").await;
    let house = house.die().open().await;

    house.until("09:21:50").await;
    let before = house.newest("a").await;
    house.until("09:22:30").await;

    assert_eq!(before, "09:10:00 starting");
    let newest = house.newest("a").await;
    assert!(newest.starts_with("09:10:00 lost"), "{newest}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_cancelled_while_its_node_is_away_ends_once_the_node_has_reported() {
    for (takes, starts) in [(true, 1), (false, 0)] {
        let house = on_a_node_that_is_away().await;
        house.cancel("a", false).await;
        house.until("09:15:00").await;
        let away = house.newest("a").await;

        let container = container(&house).await;
        let is_taken = takes && house.engine.take_waiting(&container);
        house.engine.set_node_away(false);
        house.pass(MINUTE).await;
        let is_taken_later = house.engine.take_waiting(&container);

        assert_eq!(away, "09:10:00 starting");
        let newest = house.newest("a").await;
        assert!(newest.starts_with("09:10:00 cancelled: text"), "{newest}");
        assert_eq!((is_taken, is_taken_later), (takes, false));
        assert_eq!(run(&house).await.attempts[0].started_at.is_some(), takes);
        assert_eq!(house.seen("a").iter().map(|seen| seen.starts).sum::<u32>(), starts);
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_node_stays_away_is_lost_without_a_start_also_if_it_is_cancelled() {
    for is_cancelled in [true, false] {
        let house = on_a_node_that_is_away().await;

        if is_cancelled {
            house.cancel("a", false).await;
        }
        house.until("09:21:30").await;
        let before = house.newest("a").await;
        house.until("09:22:30").await;

        assert_eq!(before, "09:10:00 starting");
        let newest = house.newest("a").await;
        assert!(newest.starts_with("09:10:00 lost: "), "{newest}");
        assert_eq!(run(&house).await.attempts[0].started_at, None);
    }
}
