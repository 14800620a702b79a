//! Manual runs, now or for a past instant.

use docket_model::run::{Cancellation, Reason};
use futures_util::FutureExt;
use serde_json::json;

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::clock::Clock;

#[tokio::test(start_paused = true)]
async fn a_run_is_for_the_moment_it_was_asked_for_which_is_never_to_come() {
    let house = House::open().await;
    house.push("a", "", "busybox").await;
    for time in ["09:05:00.123", "09:06:00", "09:06:00.001"] {
        house.until(time).await;

        let run = house.run_manually("a", None).await.unwrap();
        house.pass(SECOND / 2000).await;

        assert_eq!(run.trigger_word(), "manual");
        assert!(run.id.instant.moment() <= house.clock.now(), "{}", run.id);
        let seen = house.seen("a").pop().unwrap();
        assert!(seen.created_at >= seen.identity.instant.moment());
    }
    let instants = ["20261121T090500.123Z", "20261121T090559.999Z", "20261121T090600.001Z"];
    assert_eq!(house.instants("a"), instants);
}

#[tokio::test(start_paused = true)]
async fn two_in_one_millisecond_are_two_runs() {
    let house = House::open().await;
    house.push("a", "", "busybox").await;

    let (first, second) =
        tokio::join!(house.run_manually("a", None), house.run_manually("a", None));
    house.pass(SECOND).await;

    assert_ne!(first.unwrap().id, second.unwrap().id);
    assert_eq!(house.instants("a").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn overlap_counts_for_it_too_and_there_is_a_record_that_says_so() {
    let house = House::open().await;
    house.push_with("a", "long", json!({"Cron": "10 9 * * *", "Overlap": "Forbid"})).await;
    house.until("09:15:00.500").await;

    let run = house.run_manually("a", None).await.unwrap();

    assert_eq!(run.state.word(), "skipped");
    assert_eq!(house.newest("a").await, "09:15:00 skipped: overlap 20261121T091000Z");
}

#[tokio::test(start_paused = true)]
async fn it_starts_while_the_allocation_is_suspended_and_changes_nothing_about_its_schedule() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.suspend("a", Some("2026-11-21T09:15:00Z")).await;
    house.until("09:05:00.500").await;

    house.run_manually("a", None).await.unwrap();
    house.until("09:25:00").await;

    assert_eq!(
        house.summaries("a").await,
        [
            "09:05:00 succeeded",
            "09:10:00 missed 1 to 09:10:00: suspended ann",
            "09:20:00 succeeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_instant_that_was_missed_is_made_up_for_and_the_others_stay_missed() {
    let house = House::open().await;
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Suspended": true})).await;
    house.until("09:55:00").await;

    house.run_manually("a", Some("2026-11-21T09:30:00Z")).await.unwrap();
    house.pass(SECOND).await;
    let middle = house.summaries("a").await;
    house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap();
    house.pass(SECOND).await;

    let reason = "suspended-by-specification";
    assert_eq!(
        middle,
        [format!("09:10:00 missed 4 to 09:50:00: {reason}"), "09:30:00 succeeded".to_owned()]
    );
    assert_eq!(
        house.summaries("a").await,
        [
            "09:10:00 succeeded".to_owned(),
            format!("09:20:00 missed 3 to 09:50:00: {reason}"),
            "09:30:00 succeeded".to_owned(),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_it_had_a_container_is_made_up_for_with_an_attempt_of_its_own() {
    let house = House::open().await;
    house.push("a", "*/10 9 * * *", "nothing").await;
    house.until("09:15:00").await;
    house.push("a", "*/10 9 * * *", "busybox").await;

    house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap();
    house.pass(SECOND).await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded at attempt 2"]);
    let run = house.runs("a").await.remove(0);
    assert_eq!(run.attempts[1].key, 2.into());
    assert_eq!(house.seen("a")[0].identity.attempt, 2.into());
}

#[tokio::test(start_paused = true)]
async fn what_was_made_up_for_before_it_was_known_to_be_missed_counts_as_its_own() {
    let house = House::open().await;
    house.engine.set_away(true);
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Suspended": true})).await;
    house.until("09:55:00").await;
    for time in ["09:20:00", "09:50:00"] {
        house.run_manually("a", Some(&format!("2026-11-21T{time}Z"))).await.unwrap();
    }
    house.engine.set_away(false);
    house.until("10:15:00").await;

    house.run_manually("a", Some("2026-11-21T09:40:00Z")).await.unwrap();
    house.pass(SECOND).await;

    let reason = "suspended-by-specification";
    assert_eq!(
        house.summaries("a").await,
        [
            format!("09:10:00 missed 1 to 09:10:00: {reason}"),
            "09:20:00 succeeded".to_owned(),
            format!("09:30:00 missed 1 to 09:40:00: {reason}"),
            "09:40:00 succeeded".to_owned(),
            "09:50:00 succeeded".to_owned(),
            format!("10:00:00 missed 2 to 10:10:00: {reason}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn one_after_others_makes_up_for_their_instants_only() {
    let house = House::open().await;
    house.push("parent", "*/10 * * * *", "busybox").await;
    house.push_with("a", "busybox", json!({"After": ["parent"]})).await;
    house.suspend("a", None).await;
    house.until("09:35:00").await;

    house.run_manually("a", Some("2026-11-21T09:15:00Z")).await.unwrap();
    house.pass(SECOND).await;
    let before = house.summaries("a").await;
    house.run_manually("a", Some("2026-11-21T09:20:00Z")).await.unwrap();
    house.pass(SECOND).await;

    assert_eq!(before[0], "09:10:00 missed 3 to 09:30:00: suspended ann");
    assert_eq!(
        house.summaries("a").await,
        [
            "09:10:00 missed 2 to 09:30:00: suspended ann",
            "09:15:00 succeeded",
            "09:20:00 succeeded"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_after_its_claim_is_made_up_for_by_the_next_attempt() {
    let house = House::open().await;
    house.push_with("a", "busybox", json!({"Cron": "10 9 * * *", "StartingDeadline": "1m"})).await;
    house.plan("pull", Fault::DiesBefore);
    house.until("09:10:01").await;
    let ground = house.die();
    tokio::time::sleep(10 * MINUTE).await;
    let house = ground.open().await;
    house.pass(SECOND).await;
    let before = house.newest("a").await;

    house.plan("created", Fault::DiesBefore);
    house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap();
    house.pass(SECOND).await;
    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert!(before.starts_with("09:10:00 missed 1 to 09:10:00: not-started-in-time"), "{before}");
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded at attempt 2"]);
    let seen = house.seen("a");
    assert_eq!((seen.len(), seen[0].identity.attempt.number, seen[0].starts), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_up_has_all_its_retries_also_after_a_crash() {
    let house = House::open().await;
    let retries = json!({"Cron": "10 9 * * *", "Retries": {"Limit": 1, "Delay": "10s"}});
    house.push_with("a", "nothing", retries.clone()).await;
    house.until("09:15:00").await;
    house.push_with("a", "exit-1", retries).await;

    house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap();
    house.pass(SECOND).await;
    let house = house.die().open().await;
    house.pass(MINUTE).await;

    assert_eq!(house.summaries("a").await, ["09:10:00 failed at attempt 4: exit-code 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_for_now_is_not_refused_by_what_was_pruned_ahead_of_the_clock() {
    let house = House::open().await;
    let keep = json!({"Runs": 1, "Failures": 0});
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Keep": keep})).await;
    house.until("09:35:00").await;
    house.clock.set_by(chrono::TimeDelta::minutes(-20));

    house.run_manually("a", None).await.unwrap();
    house.pass(SECOND).await;

    assert_eq!(house.seen("a").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_up_for_is_refused_in_words() {
    let house = House::open().await;
    let keep = json!({"Runs": 1, "Failures": 0});
    house.push_with("a", "busybox", json!({"Cron": "*/10 * * * *", "Keep": keep})).await;
    house.push("often", "", "busybox").await;
    house.until("09:35:00").await;

    let cases = [
        ("b", "09:30:00", "no allocation is named `b`"),
        ("a", "09:30:00", "the run a/20261121T093000Z exists already: it has succeeded"),
        (
            "a",
            "09:20:00",
            "records up to 20261121T092000Z are not kept any more, so it may have run for this \
             instant before: see `Keep`",
        ),
        (
            "a",
            "09:40:00",
            "20261121T094000Z is in the future: only past instants can be backfilled",
        ),
        (
            "a",
            "09:33:00",
            "20261121T093300Z is not an instant of this schedule; the nearest are \
             20261121T093000Z and 20261121T094000Z",
        ),
    ];
    for (name, time, expected) in cases {
        let at = format!("2026-11-21T{time}Z");

        let refusal = house.run_manually(name, Some(&at)).await.unwrap_err();

        assert_eq!(refusal.to_string(), expected);
    }
    // A schedule without instants has none that are wrong.
    house.run_manually("often", Some("2026-11-21T09:33:00Z")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_leaves_nothing_behind() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.until("09:15:00").await;

    house.run_manually("a", Some("2026-11-21T09:13:00Z")).await.unwrap_err();
    house.run_manually("a", Some("2026-11-21T09:10:00Z")).await.unwrap_err();

    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_who_hangs_up_gets_the_run_and_the_end_that_they_asked_for() {
    let house = House::open().await;
    house.push("a", "", "long").await;
    house.plan("claim_manual", Fault::AnswersLate);
    house.plan("cancelling", Fault::AnswersLate);

    assert!(house.run_manually("a", None).now_or_never().is_none());
    house.pass(MINUTE).await;
    let begun = house.newest("a").await;
    let newest = house.runs("a").await.pop().unwrap();
    let wanted = Cancellation { reason: Reason::text("late"), kill: false };
    let cancelling = house.runner.cancel_manually("a", newest.id.instant, wanted);
    assert!(tokio::time::timeout(SECOND / 2, cancelling).await.is_err());
    house.pass(MINUTE).await;

    assert!(begun.ends_with("running"), "{begun}");
    assert!(house.newest("a").await.ends_with("cancelled: text late"));
}

#[tokio::test(start_paused = true)]
async fn where_the_server_is_full_it_is_skipped() {
    let house =
        Ground::new(Settings { max_running: 1, queue: 0, ..Settings::default() }).open().await;
    house.push("a", "", "long").await;

    house.run_manually("a", None).await.unwrap();
    house.pass(SECOND).await;
    let run = house.run_manually("a", None).await.unwrap();

    assert_eq!(run.state.reason(), Some(&Reason::QueueFull { max_running: 1, queue: 0 }));
}
