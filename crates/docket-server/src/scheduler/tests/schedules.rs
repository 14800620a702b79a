//! Schedules, edits and deletions.

use chrono::{DateTime, TimeDelta, Utc};
use docket_model::run::RunState;

use super::harness::{DAY, Ground, HOUR, House, MINUTE, SECOND, Settings};

#[tokio::test(start_paused = true)]
async fn each_instant_of_a_sub_minute_schedule_starts_once_and_never_early() {
    let house = House::open().await;
    house.push("often", "*/10 * * * * * *", "busybox").await;

    house.pass(10 * MINUTE).await;

    let seen = house.seen("often");
    let instants: Vec<_> = seen.iter().map(|seen| seen.identity.instant.moment()).collect();
    let expected: Vec<DateTime<Utc>> = (1..=60)
        .map(|n| {
            "2026-11-21T09:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(10 * n)
        })
        .collect();
    assert_eq!(instants, expected);
    for seen in seen {
        let late = seen.created_at - seen.identity.instant.moment();
        assert!(late >= TimeDelta::zero() && late <= TimeDelta::milliseconds(2), "{late}");
        assert!((seen.starts, seen.removed) == (1, true));
    }
    let runs = house.runs("often").await;
    assert!(runs.iter().all(|run| run.state == RunState::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn working_days_of_a_week_have_five_runs() {
    let settings = Settings { trusts_engine: true, ..Settings::default() };
    let house = Ground::new(settings).open().await;
    house.push("report", "0 9 * * 1-5", "busybox").await;

    house.pass(7 * DAY).await;

    assert_eq!(house.seen("report").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_edit_starts_nothing_for_the_past() {
    let house = House::open().await;
    house.push("edited", "0 10 * * *", "busybox").await;
    house.pass(30 * MINUTE).await;

    house.push("edited", "15 * * * *", "busybox").await;
    house.pass(20 * MINUTE).await;
    let before = house.instants("edited");
    house.pass(HOUR).await;

    assert_eq!(before, Vec::<String>::new());
    assert_eq!(house.instants("edited"), ["20261121T101500Z"]);
    assert_eq!(house.runs("edited").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_keeps_the_schedule_keeps_its_interval_and_loses_no_instant() {
    let house = House::open().await;
    house.push("steady", "@every 7s", "busybox").await;

    for _ in 0..100 {
        house.pass(7 * SECOND / 10).await;
        let image = if house.seen("steady").len().is_multiple_of(2) { "busybox" } else { "alpine" };
        house.push("steady", "@every 7s", image).await;
    }

    let instants: Vec<_> =
        house.seen("steady").iter().map(|seen| seen.identity.instant.moment()).collect();
    assert_eq!(instants.len(), 9);
    assert!(instants.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::seconds(7)));
}

#[tokio::test(start_paused = true)]
async fn an_interval_without_a_start_runs_at_once_and_then_at_its_distance() {
    let house = House::open().await;
    house.push("now", "R3//PT10M", "busybox").await;

    house.pass(2 * HOUR).await;

    assert_eq!(house.instants("now"), ["20261121T090001Z", "20261121T091001Z", "20261121T092001Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_does_not_start() {
    let house = House::open().await;
    house.push("gone", "* * * * *", "busybox").await;
    house.pass(90 * SECOND).await;

    house.delete("gone").await;
    house.pass(HOUR).await;

    assert_eq!(house.instants("gone"), ["20261121T090100Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_when_it_is_edited_starts_first() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.until("09:10:00").await;

    house.push("a", "0 0 * * *", "busybox").await;
    house.pass(10 * SECOND).await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
}
