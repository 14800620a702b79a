//! Cancellation of runs in each of their states.

use docket_model::{
    AllocationName, RunId,
    run::{Cancellation, ExitCause, Reason},
};
use serde_json::json;

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::{runner::ManualError, store::Progress};

const CANCELLED: &str = "09:10:00 cancelled: text ann wants it to end";

#[tokio::test(start_paused = true)]
async fn a_running_container_is_stopped() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "grace-30").await;
    house.until("09:12:00").await;

    let at_once = house.cancel("a", false).await;
    house.pass(20 * SECOND).await;
    let meanwhile = house.newest("a").await;
    house.pass(11 * SECOND).await;

    assert_eq!((at_once.as_str(), meanwhile.as_str()), ("09:10:00 running", "09:10:00 running"));
    assert_eq!(house.newest("a").await, CANCELLED);
    assert!(house.seen("a")[0].removed);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_impatient_cuts_the_grace_short() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "grace-600").await;
    house.until("09:12:00").await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;
    house.cancel("a", true).await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, CANCELLED);
    assert_eq!(
        house.runs("a").await[0].attempts[0].exit.as_ref().unwrap().cause,
        Some(ExitCause::Killed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_pull_is_given_up() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "slow").await;
    house.until("09:12:00").await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, CANCELLED);
    assert_eq!(house.seen("a").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_attempts_is_cut_short() {
    let house = House::open().await;
    let keys = json!({"Cron": "10 9 * * *", "Retries": {"Limit": 3, "Delay": "1h"}});
    house.push_with("a", "exit-1", keys).await;
    house.until("09:12:00").await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;

    assert_eq!(house.newest("a").await, CANCELLED);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_an_older_run_goes_at_once() {
    let house = House::open().await;
    house.push_with("a", "long", json!({"Cron": "*/5 9 * * *", "Overlap": "Queue"})).await;
    house.until("09:10:30").await;

    let summary = house.cancel("a", false).await;
    house.pass(5 * MINUTE).await;

    assert_eq!(summary, CANCELLED);
    // The next one has its place.
    assert_eq!(house.newest("a").await, "09:15:00 waiting");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_a_place_on_the_engine_leaves_it_to_another() {
    let house =
        Ground::new(Settings { max_running: 1, queue: 1, ..Settings::default() }).open().await;
    house.push("first", "5 9 * * *", "long").await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.push("b", "15 9 * * *", "busybox").await;
    house.until("09:12:00").await;

    house.cancel("a", false).await;
    house.until("09:16:00").await;
    let meanwhile = house.newest("b").await;
    house.until("10:06:00").await;

    assert_eq!(house.newest("a").await, CANCELLED);
    assert_eq!(meanwhile, "09:15:00 starting");
    assert_eq!(house.newest("b").await, "09:15:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_the_engine_goes_at_once() {
    let house = House::open().await;
    house.push("a", "", "busybox").await;
    house.engine.set_away(true);
    house.pass(MINUTE).await;
    let run = house.run_manually("a", None).await.unwrap();
    house.pass(MINUTE).await;

    house.cancel("a", false).await;
    house.pass(SECOND).await;

    assert_eq!(run.state.word(), "starting");
    let summary = house.newest("a").await;
    assert!(summary.ends_with("cancelled: text ann wants it to end"), "{summary}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_over_cannot_be_cancelled() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.until("09:12:00").await;
    let run = house.runs("a").await.remove(0);

    let wanted = Cancellation { reason: Reason::text("late"), kill: false };
    let refusal = house.runner.cancel_manually("a", run.id.instant, wanted).await.unwrap_err();

    assert!(matches!(refusal, ManualError::Store(_)));
    assert_eq!(refusal.to_string(), "the run `a/20261121T091000Z` is over: it has succeeded");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn what_was_wanted_before_a_crash_is_done_after_it() {
    // The container runs on; the answer to its stop is lost, and its end is not on record.
    for (call, fault) in
        [("stop", Fault::DiesBefore), ("stop", Fault::DiesAfter), ("finish", Fault::DiesBefore)]
    {
        let house = House::open().await;
        house.push_with("a", "long", json!({"Cron": "10 9 * * *", "Retries": 3})).await;
        house.until("09:12:00").await;
        house.plan(call, fault);
        house.cancel("a", false).await;
        house.pass(SECOND).await;
        assert!(house.is_dead());

        let house = house.die().open().await;
        house.pass(SECOND).await;

        assert_eq!(house.summaries("a").await, [CANCELLED], "{call} {fault:?}");
        assert!(house.seen("a")[0].removed);
    }
}

/// As a server leaves it that dies right after it noted one.
async fn note_cancellation(ground: &Ground) {
    let allocation = AllocationName::parse("a").unwrap();
    let id = RunId { allocation, instant: "20261121T091000Z".parse().unwrap() };
    let cancellation = Cancellation { reason: Reason::text("ann wants it to end"), kill: false };
    let at = "2026-11-21T09:11:00Z".parse().unwrap();
    let uid = ground.store().await.status("a").unwrap().allocation.uid;
    ground.store().await.note(&id, uid, Progress::Cancelling(cancellation), at).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_wanted_before_a_crash_is_done_also_where_nothing_had_started() {
    for (call, fault) in
        [("pull", Fault::DiesBefore), ("prepare", Fault::DiesAfter), ("launch", Fault::DiesBefore)]
    {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "busybox").await;
        house.plan(call, fault);
        house.until("09:12:00").await;
        let ground = house.die();
        note_cancellation(&ground).await;

        let house = ground.open().await;
        house.pass(MINUTE).await;

        assert_eq!(house.summaries("a").await, [CANCELLED], "{call} {fault:?}");
        // What was made and not started goes, also where its creation is not on record.
        assert!(house.seen("a").iter().all(|seen| seen.starts == 0 && seen.removed), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_without_an_answer_is_looked_at_before_it_is_given_up() {
    for (fault, starts) in [(Fault::LosesAnswer, 1), (Fault::Fails, 0)] {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "long").await;
        house.plan("launch", fault);
        house.until("09:09:59").await;
        (0..8).for_each(|_| house.plan("ping", Fault::Fails));
        house.until("09:10:00.500").await;
        house.cancel("a", false).await;
        let meanwhile = house.newest("a").await;
        house.pass(MINUTE).await;

        assert_eq!(meanwhile, "09:10:00 starting");

        assert_eq!(house.summaries("a").await, [CANCELLED], "{fault:?}");
        let seen = house.seen("a");
        assert_eq!((seen[0].starts, seen[0].removed), (starts, true), "{fault:?}");
    }
}
