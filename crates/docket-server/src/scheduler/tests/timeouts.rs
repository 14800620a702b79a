//! `Timeout`: runs that take longer than they may, and containers that will not die.

use chrono::TimeDelta;
use docket_model::run::{Reason, StateWord, Step};
use serde_json::json;

use super::harness::{Fault, House, SECOND};

async fn push(house: &House, image: &str, timeout: &str) {
    let keys = json!({"Cron": "*/20 * * * *", "Overlap": "Forbid", "Timeout": timeout});
    house.push_with("a", image, keys).await;
}

const TIMED_OUT: &str = "09:20:00 timed-out: timeout 10m 143";

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_is_stopped() {
    let house = House::open().await;
    push(&house, "long", "10m").await;

    house.until("09:29:59").await;
    let before = house.newest("a").await;
    house.until("09:30:01").await;

    assert_eq!(before, "09:20:00 running");
    assert_eq!(house.newest("a").await, TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn the_time_is_counted_from_the_start_of_the_container_across_restarts() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.until("09:25:00").await;

    let house = house.die().open().await;
    house.until("09:29:59").await;
    let before = house.newest("a").await;
    house.until("09:30:01").await;

    assert_eq!(before, "09:20:00 running");
    assert_eq!(house.newest("a").await, TIMED_OUT);
    let started_at = house.runs("a").await[0].attempts[0].started_at.unwrap();
    assert_eq!(started_at.to_rfc3339(), "2026-11-21T09:20:00+00:00");
}

#[tokio::test(start_paused = true)]
async fn a_restart_changes_nothing_about_what_is_known_of_a_run() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.until("09:25:00").await;
    let before = house.runs("a").await;

    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert_eq!(house.runs("a").await, before);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_passed_without_a_server_applies_at_once() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.until("09:25:00").await;
    let ground = house.close().await;
    tokio::time::sleep(900 * SECOND).await;

    let house = ground.open().await;
    house.until("09:40:01").await;

    assert_eq!(house.summaries("a").await[0], TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_as_the_server_died_was_still_stopped() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.plan("finish", Fault::DiesBefore);
    house.until("09:30:01").await;
    assert!(house.is_dead());

    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn of_an_engine_that_keeps_no_start_the_record_tells_how_long_a_container_ran() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.plan("finish", Fault::DiesBefore);
    house.until("09:30:01").await;
    assert!(house.is_dead());
    house.engine.forget_starts();

    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, TIMED_OUT);
}

#[tokio::test(start_paused = true)]
async fn a_success_without_a_server_is_a_success_however_long_it_took() {
    let house = House::open().await;
    push(&house, "sleep-900", "10m").await;
    house.until("09:25:00").await;
    let ground = house.die();
    tokio::time::sleep(900 * SECOND).await;

    let house = ground.open().await;
    house.until("09:40:01").await;

    assert_eq!(house.summaries("a").await[0], "09:20:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_killed_blocks_its_overlap_and_is_removed_when_it_exits() {
    let house = House::open().await;
    push(&house, "stubborn-3000", "10m").await;

    house.until("09:41:00").await;
    let meanwhile = house.summaries("a").await;
    house.until("10:10:01").await;

    assert_eq!(
        meanwhile,
        [
            "09:20:00 stuck: cannot-be-killed it goes on",
            "09:40:00 skipped: overlap 20261121T092000Z"
        ]
    );
    let run = &house.runs("a").await[0];
    let limit = "10m".parse().unwrap();
    assert_eq!(run.state.reason(), Some(&Reason::Timeout { limit, exit_code: Some(0) }));
    // However often it was looked at, it is reported once.
    let errors = run.attempts[0].steps.iter().filter(|(_, step)| matches!(step, Step::Error(_)));
    assert_eq!(errors.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_cannot_be_killed_is_removed_after_a_restart_too() {
    let house = House::open().await;
    push(&house, "stubborn-3000", "10m").await;
    house.until("09:35:00").await;

    let house = house.die().open().await;
    house.until("09:36:00").await;
    let meanwhile = house.newest("a").await;
    house.until("10:10:01").await;

    assert_eq!(meanwhile, "09:20:00 stuck: cannot-be-killed it goes on");
    assert!(house.summaries("a").await[0].starts_with("09:20:00 timed-out: timeout 10m"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_took_too_long_is_tried_again() {
    let house = House::open().await;
    let keys = json!({"Cron": "0 10 * * *", "Timeout": "10m", "Retries": 1});
    house.push_with("a", "long", keys).await;

    house.until("10:21:00").await;

    assert_eq!(house.summaries("a").await, ["10:00:00 timed-out at attempt 2: timeout 10m 143"]);
    assert_eq!(house.seen("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_a_restart_is_measured_by_one_clock() {
    for ahead in [TimeDelta::hours(-1), TimeDelta::zero(), TimeDelta::hours(1)] {
        // The start is noted; the server dies before it is.
        for dies_at in [None, Some("launch")] {
            let house = House::open().await;
            house.engine.set_clock_ahead(ahead);
            push(&house, "long", "10m").await;
            house.until("09:19:59").await;
            if let Some(call) = dies_at {
                house.plan(call, Fault::DiesAfter);
            }
            house.until("09:25:00").await;

            let house = house.die().open().await;
            house.until("09:29:58").await;
            let before = house.newest("a").await;
            house.until("09:30:02").await;

            assert_eq!(before, "09:20:00 running", "{ahead} {dies_at:?}");
            assert_eq!(house.newest("a").await, TIMED_OUT, "{ahead} {dies_at:?}");
            let run = house.runs("a").await.remove(0);
            let attempt = &run.attempts[0];
            let (started_at, ended_at) = (attempt.started_at.unwrap(), run.ended_at.unwrap());
            assert_eq!(attempt.duration().unwrap(), TimeDelta::minutes(10));
            assert_eq!(ended_at - started_at, TimeDelta::minutes(10), "{ahead} {dies_at:?}");
            assert_eq!(run.lateness(), Some(TimeDelta::zero()), "{ahead} {dies_at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_before_a_restart_does_not_change_the_timeout() {
    for change in [TimeDelta::hours(-1), TimeDelta::hours(1)] {
        // The engine is on another machine, whose clock is not set.
        let house = House::open().await;
        push(&house, "long", "10m").await;
        house.until("09:25:00").await;
        house.clock.set_by(change);
        house.engine.set_clock_ahead(-change);

        let house = house.die().open().await;
        house.pass(298 * SECOND).await;
        let before = house.runs("a").await[0].state.word();
        house.pass(4 * SECOND).await;

        assert_eq!(before, StateWord::Running, "{change}");
        assert_eq!(house.summaries("a").await[0], TIMED_OUT, "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_server_and_engine_that_is_set_back_gives_a_run_its_timeout_once_more_at_most() {
    let house = House::open().await;
    push(&house, "long", "10m").await;
    house.until("09:25:00").await;
    house.clock.set_by(TimeDelta::hours(-1));

    let house = house.die().open().await;
    house.pass(601 * SECOND).await;

    assert_eq!(house.summaries("a").await[0], TIMED_OUT);
}
