//! What is made up for after a pause: of the server, of the host.

use docket_model::run::RunState;
use serde_json::{Value, json};

use super::harness::{DAY, Ground, HOUR, House, MINUTE, SECOND, Settings};
use crate::short_reasons_for_tests::in_short;

#[tokio::test(start_paused = true)]
async fn after_a_weekend_without_a_server_every_second_of_it_is_accounted_for() {
    let house = House::open().await;
    house.push("a", "@every 1s", "busybox").await;
    house.pass(10 * SECOND).await;
    let ground = house.close().await;
    let before = ground.engine.seen().len();
    tokio::time::sleep(62 * HOUR).await;

    let house = ground.open().await;
    house.pass(10 * SECOND).await;

    assert_eq!((before, house.seen("a").len()), (9, 20));
    let runs = house.runs("a").await;
    let RunState::Missed { reason, count, .. } = &runs[9].state else { panic!("{runs:?}") };
    assert_eq!(*count, 62 * 3600 - 1);
    assert_eq!(
        in_short(reason),
        "deadline-passed NotRunning 2026-11-21T09:00:10.250Z 2026-11-23T23:00:10.250Z"
    );
    // Not one is twice on record, and none is left out.
    let mut next = runs[0].id.instant.moment();
    for run in &runs {
        assert_eq!(run.id.instant.moment(), next);
        next = run.latest().moment() + chrono::TimeDelta::seconds(1);
    }
}

/// After eight hours of sleep, beside `30 * * * *`.
async fn slept(keys: Value) -> Vec<String> {
    let house = House::open().await;
    let mut all = json!({"Cron": "30 * * * *"});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    house.push_with("a", "busybox", all).await;
    house.pass(MINUTE).await;

    house.clock.suspend_for(8 * HOUR);
    house.pass(MINUTE).await;

    let mut summaries = house.summaries("a").await;
    let reason = ": deadline-passed HostSuspended 2026-11-21T09:0";
    for summaries in &mut summaries {
        if let Some((before, _)) = summaries.split_once(reason) {
            *summaries = before.to_owned();
        }
    }
    summaries
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_of_the_host_each_policy_makes_up_for_what_it_says() {
    assert_eq!(
        slept(json!({"CatchUp": "Latest"})).await,
        ["09:30:00 missed 7 to 15:30:00", "16:30:00 succeeded"]
    );
    assert_eq!(slept(json!({"CatchUp": "None"})).await, ["09:30:00 missed 8 to 16:30:00"]);
    assert_eq!(
        slept(json!({"CatchUp": "All", "StartingDeadline": "3h"})).await,
        [
            "09:30:00 missed 5 to 13:30:00",
            "14:30:00 succeeded",
            "15:30:00 succeeded",
            "16:30:00 succeeded"
        ]
    );
    assert_eq!(slept(json!({"StartingDeadline": "10m"})).await, ["09:30:00 missed 8 to 16:30:00"]);
}

#[tokio::test(start_paused = true)]
async fn all_that_is_made_up_for_starts_beside_or_after_one_another_as_overlap_says() {
    let keys = |overlap| {
        json!({
            "Cron": "30 * * * *", "CatchUp": "All", "StartingDeadline": "3h", "Overlap": overlap,
        })
    };
    let house = House::open().await;
    house.push_with("forbid", "sleep-60", keys("Forbid")).await;
    house.push_with("queue", "sleep-60", keys("Queue")).await;
    house.pass(MINUTE).await;

    house.clock.suspend_for(8 * HOUR);
    house.pass(10 * MINUTE).await;

    let words = |runs: &[std::sync::Arc<docket_model::Run>]| -> Vec<_> {
        runs.iter().map(|run| run.state.word()).collect()
    };
    assert_eq!(words(&house.runs("forbid").await), ["missed", "succeeded", "skipped", "skipped"]);
    assert_eq!(words(&house.runs("queue").await), ["missed", "succeeded", "succeeded", "skipped"]);
}

#[tokio::test(start_paused = true)]
async fn weeks_of_schedules_have_one_record_for_each_instant() {
    let settings = Settings { trusts_engine: true, ..Settings::default() };
    let house = Ground::new(settings).open().await;
    let keep = json!({"Runs": 10_000});
    house.push_with("hourly", "busybox", json!({"Cron": "0 * * * *", "Keep": keep})).await;
    house.push_with("daily", "exit-1", json!({"Cron": "0 3 * * *", "Keep": keep})).await;
    house.push_with("weekdays", "sleep-90", json!({"Cron": "30 8 * * 1-5"})).await;

    house.pass(21 * DAY).await;

    assert_eq!(house.runs("hourly").await.len(), 21 * 24);
    assert_eq!(house.instants("hourly").len(), 21 * 24);
    assert_eq!(house.runs("daily").await.len(), 21);
    assert_eq!(house.instants("weekdays").len(), 15);
}

#[tokio::test(start_paused = true)]
async fn of_a_span_that_was_decided_in_part_the_rest_is_on_record_too() {
    let house = House::open().await;
    house.engine.set_away(true);
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Suspended": true})).await;
    let allocation = house.allocation("a");
    house.until("09:15:00").await;
    house.runner.decide(&allocation, None, allocation.scheduled_at).await;

    // The loop learns of the allocation as it was pushed, and of the engine, but not of that.
    house.until("09:25:00").await;
    house.engine.set_away(false);
    house.pass(MINUTE).await;

    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 missed 2 to 09:20:00: suspended-by-specification"]
    );
}
