//! Allocations that are deleted, or created anew, while runs of them are under way.

use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};
use crate::outputs::LiveError;

#[tokio::test(start_paused = true)]
async fn a_run_whose_allocation_goes_before_its_container_is_made_starts_nothing() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "pull-60").await;
    house.until("09:10:30").await;

    house.delete("a").await;
    house.until("09:15:00").await;

    assert_eq!(house.instants("a"), Vec::<String>::new());
    assert!(house.seen("a").iter().all(|seen| seen.removed));
    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_made_as_its_allocation_went_is_not_started() {
    for call in ["prepare", "created"] {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "busybox").await;
        house.plan(call, Fault::AnswersLate);
        house.until("09:10:00.500").await;

        house.delete("a").await;
        house.until("09:15:00").await;

        // With its id on record, it was on its way already.
        let starts = u32::from(call == "created");
        let seen = house.seen("a").remove(0);
        assert_eq!((seen.starts, seen.removed), (starts, true), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_or_is_between_attempts_goes_with_its_allocation() {
    let house = House::open().await;
    house.push_with("waits", "sleep-600", json!({"Cron": "*/5 9 * * *", "Overlap": "Queue"})).await;
    let retries = json!({"Cron": "10 9 * * *", "Retries": 3});
    house.push_with("fails", "exit-1", retries).await;
    house.until("09:10:10").await;

    house.delete("waits").await;
    house.delete("fails").await;
    house.until("09:30:00").await;

    assert_eq!(house.instants("waits"), ["20261121T090500Z"]);
    assert_eq!(house.instants("fails"), ["20261121T091000Z"]);
    assert!(house.engine.seen().iter().all(|seen| seen.removed));
    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_runs_goes_on_to_its_end_and_is_removed() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.until("09:15:00").await;

    house.delete("a").await;
    house.until("09:19:59").await;
    let meanwhile = house.seen("a").remove(0);
    house.until("09:20:01").await;

    assert!(!meanwhile.removed);
    let seen = house.seen("a").remove(0);
    assert_eq!((seen.ended_at.unwrap() - seen.started_at.unwrap()).num_seconds(), 600);
    assert!(seen.removed);
}

#[tokio::test(start_paused = true)]
async fn who_follows_the_output_of_a_run_that_goes_with_its_allocation_learns_that() {
    // One whose container runs, and one that has none because it waits.
    for minute in ["10", "12"] {
        let house = House::open().await;
        let keys = json!({"Cron": "10,12 9 * * *", "Overlap": "Queue"});
        house.push_with("a", "sleep-300", keys).await;
        house.until("09:13:00").await;
        let instant = format!("20261121T09{minute}00Z").parse().unwrap();
        let mut pieces = house.runner.context.outputs.follow("a", instant, None, 0);

        house.delete("a").await;
        let read = async {
            let mut last = None;
            while let Some(piece) = pieces.recv().await {
                last = Some(piece);
            }
            last
        };
        let last = tokio::time::timeout(10 * MINUTE, read).await;

        assert!(matches!(last, Ok(Some(Err(LiveError::Removed)))), "{minute}: {last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_server_removes_a_container_whose_allocation_and_server_are_gone() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-600").await;
    house.until("09:15:00").await;
    house.delete("a").await;

    let house = house.die().open().await;
    house.until("09:19:59").await;
    let meanwhile = house.seen("a").remove(0);
    house.until("09:20:01").await;

    assert!(!meanwhile.removed);
    assert!(house.seen("a").remove(0).removed);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_created_anew_has_runs_of_its_own() {
    let house = House::open().await;
    house.push_with("a", "long", json!({"Cron": "*/10 * * * *", "Overlap": "Forbid"})).await;
    house.until("09:15:00").await;

    house.delete("a").await;
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Overlap": "Forbid"})).await;
    house.until("09:25:00").await;

    // The older one's container runs on, and blocks no other.
    assert_eq!(house.summaries("a").await, ["09:20:00 succeeded"]);
    let seen = house.seen("a");
    assert_ne!(seen[0].identity.uid, seen[1].identity.uid);
    assert_eq!(seen[0].ended_at, None);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_created_anew_repeats_no_instant() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.until("09:10:01").await;
    house.clock.set_by(chrono::TimeDelta::seconds(-30));

    house.delete("a").await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.pass(MINUTE).await;

    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_ran_under_a_name_before_is_not_made_up_for_after_it_is_created_anew() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "long").await;
    house.until("09:15:00").await;

    house.delete("a").await;
    house.push("a", "*/10 * * * *", "long").await;
    let refusal = house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap_err();

    assert!(refusal.to_string().starts_with("records up to 20261121T091000Z are not kept"));
    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_between_claim_and_start_changes_nothing_about_the_run() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "pull-60").await;
    house.until("09:10:30").await;

    house.push_with("a", "exit-1", json!({"Cron": "10 9 * * *", "Retries": 3})).await;
    house.until("09:15:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_as_its_instant_comes_decides_it_once() {
    for pushed_at in ["09:09:59.999", "09:10:00"] {
        let house = House::open().await;
        house.push("a", "*/10 * * * *", "busybox").await;
        house.plan("claim", Fault::AnswersLate);
        house.until(pushed_at).await;

        house.push("a", "*/10 * * * *", "alpine").await;
        house.until("09:15:00").await;

        assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"], "{pushed_at}");
        assert_eq!(house.instants("a"), ["20261121T091000Z"], "{pushed_at}");
        house.pass(SECOND).await;
    }
}
