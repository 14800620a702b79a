//! Allocations that start nothing for a while.

use chrono::TimeDelta;
use serde_json::json;

use super::harness::{House, MINUTE};

#[tokio::test(start_paused = true)]
async fn a_manually_suspended_allocation_starts_nothing_until_it_is_resumed() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.until("09:15:00").await;

    house.suspend("a", None).await;
    house.until("09:55:00").await;
    house.resume("a").await;
    house.until("10:05:00").await;

    assert_eq!(
        house.summaries("a").await,
        [
            "09:10:00 succeeded",
            "09:20:00 missed 4 to 09:50:00: suspended ann",
            "10:00:00 succeeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspension_ends_at_its_end_and_a_push_neither_sets_nor_lifts_it() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.suspend("a", Some("2026-11-21T09:30:00Z")).await;

    house.until("09:15:00").await;
    house.push("a", "*/10 * * * *", "alpine").await;
    house.until("09:35:00").await;

    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 missed 2 to 09:20:00: suspended ann", "09:30:00 succeeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspension_outlives_the_server() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.suspend("a", None).await;
    house.until("09:15:00").await;

    let house = house.die().open().await;
    house.until("09:35:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 missed 3 to 09:30:00: suspended ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_ended_while_the_engine_was_away_holds_for_its_time_only() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.suspend("a", Some("2026-11-21T09:25:00Z")).await;
    house.until("09:05:00").await;

    house.engine.set_away(true);
    house.until("09:55:00").await;
    house.engine.set_away(false);
    house.pass(MINUTE).await;

    let summaries = house.summaries("a").await;
    assert_eq!(summaries[0], "09:10:00 missed 2 to 09:20:00: suspended ann");
    assert!(summaries[1].starts_with("09:30:00 missed 2 to 09:40:00: deadline-passed EngineAway"));
    assert_eq!(summaries[2], "09:50:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn what_its_specification_suspends_starts_nothing_until_another_is_pushed() {
    let house = House::open().await;
    let keys = |suspended| json!({"Cron": "*/10 * * * *", "Suspended": suspended});
    house.push_with("a", "busybox", keys(true)).await;

    house.until("09:25:00").await;
    house.push_with("a", "busybox", keys(false)).await;
    house.until("09:35:00").await;

    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 missed 2 to 09:20:00: suspended-by-specification", "09:30:00 succeeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_continues_and_a_manual_one_starts() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.until("09:15:00").await;

    house.suspend("a", None).await;
    house.run_manually("a", None).await.unwrap();
    house.until("09:30:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded", "09:14:59 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_after_others_is_suspended_for_their_instants() {
    let house = House::open().await;
    house.push("parent", "*/10 * * * *", "busybox").await;
    house.push_with("child", "busybox", json!({"After": ["parent"]})).await;
    house.suspend("child", None).await;

    house.until("09:25:00").await;
    house.resume("child").await;
    house.until("09:35:00").await;

    assert_eq!(
        house.summaries("child").await,
        ["09:10:00 missed 2 to 09:20:00: suspended ann", "09:30:00 succeeded"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_suspended_while_it_was_decided_is_on_record_as_suspended() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    let allocation = house.allocation("a");
    house.until("09:05:00").await;
    house.suspend("a", None).await;
    house.clock.set_by(TimeDelta::minutes(5));

    // Whoever decides has not heard of it.
    let through = house.runner.decide(&allocation, None, allocation.scheduled_at).await;
    house.pass(MINUTE).await;

    assert_eq!(through, allocation.scheduled_at);
    assert_eq!(house.summaries("a").await, ["09:10:00 missed 1 to 09:10:00: suspended ann"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_suspended_after_its_instant_and_before_its_start_says_so() {
    let house = House::open().await;
    house.push_with("a", "busybox", json!({"Cron": "10 9 * * *", "Jitter": "50m"})).await;
    house.until("09:10:01").await;

    house.suspend("a", None).await;
    house.until("10:05:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 missed 1 to 09:10:00: suspended ann IsLate"]);
}
