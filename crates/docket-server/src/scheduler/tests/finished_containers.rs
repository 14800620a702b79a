//! Which containers stay once they have ended.

use docket_model::{
    run::{Reason, RunState},
    wire::RunSummary,
};
use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};

#[tokio::test(start_paused = true)]
async fn a_failure_is_recorded_and_only_its_newest_container_stays() {
    let house = House::open().await;
    house.push("wrong", "* * * * *", "exit-3").await;
    house.push("missing", "* * * * *", "nothing").await;

    house.pass(3 * MINUTE).await;

    let runs = house.runs("wrong").await;
    assert!(
        runs.iter().all(|run| run.state == RunState::Failed(Reason::ExitCode { exit_code: 3 }))
    );
    let removed: Vec<_> = house.seen("wrong").iter().map(|seen| seen.removed).collect();
    assert_eq!(removed, [true, true, false]);
    let missing = house.runs("missing").await;
    assert_eq!(
        missing[0].state,
        RunState::Failed(Reason::ImageNotFound { image: "nothing".into() })
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_whose_exit_code_is_not_reported_is_a_failure_without_one() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "unreported").await;

    house.until("09:12:00").await;
    let house = house.close().await.open().await;

    let run = house.runs("a").await.remove(0);
    assert_eq!(run.state, RunState::Failed(Reason::EndNotReported));
    let summary = RunSummary::from(&*run);
    assert_eq!(
        (summary.exit_code, summary.reason.as_deref()),
        (None, Some("no exit code reported"))
    );
}

/// The instants and attempts of the containers that are there.
fn there(house: &House, name: &str) -> Vec<(String, u32)> {
    let there = house.seen(name).into_iter().filter(|seen| !seen.removed);
    there.map(|seen| (seen.identity.instant.to_string(), seen.identity.attempt.number)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_newest_failed_container_stays_across_restarts_and_no_other() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "exit-3").await;
    house.until("09:25:00").await;
    assert_eq!(there(&house, "a"), [("20261121T092000Z".to_owned(), 1)]);

    let house = house.die().open().await;
    house.until("09:29:00").await;
    let after_restart = there(&house, "a");
    house.until("09:35:00").await;

    assert_eq!(after_restart, [("20261121T092000Z".to_owned(), 1)]);
    assert_eq!(there(&house, "a"), [("20261121T093000Z".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_older_one_went_leaves_one_all_the_same() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "exit-3").await;
    house.until("09:15:00").await;
    house.plan("remove", Fault::DiesBefore);
    house.until("09:21:00").await;
    assert_eq!(there(&house, "a").len(), 2);

    let house = house.die().open().await;
    house.until("09:22:00").await;

    assert_eq!(there(&house, "a"), [("20261121T092000Z".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn of_several_attempts_the_newest_that_failed_stays() {
    let house = House::open().await;
    let retries = json!({"Limit": 2, "Delay": "1m"});
    house.push_with("bad", "exit-1", json!({"Cron": "10 9 * * *", "Retries": retries})).await;
    house
        .push_with("good", "fail-until-3", json!({"Cron": "10 9 * * *", "Retries": retries}))
        .await;
    house.until("09:12:00").await;

    let house = house.die().open().await;
    house.until("09:20:00").await;
    let before = (there(&house, "bad"), there(&house, "good"));
    let house = house.die().open().await;
    house.pass(MINUTE).await;

    let instant = || "20261121T091000Z".to_owned();
    assert_eq!(before, (vec![(instant(), 3)], vec![(instant(), 2)]));
    assert_eq!((there(&house, "bad"), there(&house, "good")), before);
}

#[tokio::test(start_paused = true)]
async fn one_of_an_earlier_attempt_that_lacked_its_image_goes_also_after_a_crash() {
    let house = House::open().await;
    let retries = json!({"Limit": 1, "Delay": "1m"});
    let policies = json!({"Cron": "10 9 * * *", "Retries": retries});
    house.push_with("a", "unknown-until-2", policies).await;
    house.plan("remove", Fault::DiesBefore);
    house.until("09:10:30").await;
    let before = there(&house, "a");

    let ground = house.die();
    ground.engine.set_away(true);
    let house = ground.open().await;
    // After the look of the start, the first one for orphans fails: the second attempt has begun by the next.
    house.plan("list_owned", Fault::Nothing);
    house.plan("list_owned", Fault::Fails);
    house.until("09:11:30").await;
    house.engine.set_away(false);
    house.until("09:20:00").await;

    assert_eq!(before, [("20261121T091000Z".to_owned(), 1)]);
    assert_eq!(house.newest("a").await, "09:10:00 succeeded at attempt 2");
    assert_eq!(there(&house, "a"), []);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_to_remove_itself_goes_also_where_it_failed() {
    let house = House::open().await;
    let container = json!({"Config": {"Image": "exit-1"}, "HostConfig": {"AutoRemove": true}});
    house.push_with("a", "", json!({"Cron": "10 9 * * *", "Container": container})).await;

    house.until("09:15:00").await;

    assert_eq!(house.newest("a").await, "09:10:00 failed: exit-code 1");
    assert_eq!(there(&house, "a"), []);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_container_is_removed_and_the_failed_one_before_it_stays() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "exit-3").await;
    house.until("09:15:00").await;
    house.push("a", "*/10 * * * *", "long").await;
    house.until("09:25:00").await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;

    assert_eq!(there(&house, "a"), [("20261121T091000Z".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn one_that_stayed_goes_with_its_allocation() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "exit-3").await;
    house.until("09:15:00").await;

    house.delete("a").await;
    house.pass(SECOND).await;

    assert_eq!(there(&house, "a"), []);
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_its_output_keeps_a_container_and_holds_up_no_run() {
    let house = House::open().await;
    let keys = json!({"Cron": "*/10 9 * * *", "Overlap": "Forbid"});
    house.push_with("a", "sleep-590", keys).await;
    house.until("09:12:00").await;
    let instant = house.runs("a").await[0].id.instant;

    // It takes one piece and then nothing more, for ever.
    let mut pieces = house.runner.context.outputs.follow("a", instant, None, 0);
    pieces.recv().await.unwrap().unwrap();
    house.until("09:21:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded", "09:20:00 running"]);
}
