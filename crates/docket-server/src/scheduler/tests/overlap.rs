//! `Overlap`: what becomes of an instant while an older run is under way.

use serde_json::json;

use super::harness::{Fault, HOUR, House, MINUTE, SECOND};

/// An allocation due every ten minutes.
async fn push(house: &House, overlap: &str, image: &str) {
    house.push_with("a", image, json!({"Cron": "*/10 * * * *", "Overlap": overlap})).await;
}

#[tokio::test(start_paused = true)]
async fn allowed_to_overlap_runs_stand_side_by_side() {
    let house = House::open().await;
    push(&house, "Allow", "long").await;

    house.until("09:35:00").await;

    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 running", "09:20:00 running", "09:30:00 running"]
    );
}

#[tokio::test(start_paused = true)]
async fn forbidden_to_overlap_a_run_is_skipped_and_says_for_which_one() {
    let house = House::open().await;
    push(&house, "Forbid", "sleep-700").await;

    house.until("09:35:00").await;

    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 succeeded", "09:20:00 skipped: overlap 20261121T091000Z", "09:30:00 running"]
    );
    assert_eq!(house.instants("a"), ["20261121T091000Z", "20261121T093000Z"]);
}

#[tokio::test(start_paused = true)]
async fn two_who_decide_in_one_moment_see_each_other() {
    let house = House::open().await;
    push(&house, "Forbid", "long").await;
    house.plan("claim_manual", Fault::AnswersLate);
    house.until("09:09:59.500").await;

    // Its record is made, and its instant comes before whoever made it knows.
    let manual = house.run_manually("a", None).await.unwrap();
    house.until("09:10:01").await;

    assert_eq!(manual.id.instant.to_string(), "20261121T090959.500Z");
    assert_eq!(house.newest("a").await, "09:10:00 skipped: overlap 20261121T090959.500Z");
}

#[tokio::test(start_paused = true)]
async fn in_a_queue_one_waits_for_the_older_one_and_the_next_is_skipped() {
    let house = House::open().await;
    push(&house, "Queue", "sleep-1510").await;

    house.until("09:31:00").await;
    let before = house.summaries("a").await;
    house.until("09:36:00").await;

    assert_eq!(
        before,
        [
            "09:10:00 running",
            "09:20:00 waiting",
            "09:30:00 skipped: queue-taken 20261121T092000Z 20261121T091000Z"
        ]
    );
    assert_eq!(house.summaries("a").await[..2], ["09:10:00 succeeded", "09:20:00 running"]);
    let seen = house.seen("a");
    assert!(seen[1].created_at >= seen[0].ended_at.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_queue_outlives_the_server() {
    let house = House::open().await;
    push(&house, "Queue", "sleep-1510").await;
    house.until("09:25:00").await;

    let house = house.die().open().await;
    house.until("09:34:00").await;
    let before = house.summaries("a").await;
    house.until("09:36:00").await;

    assert_eq!(before[..2], ["09:10:00 running", "09:20:00 waiting"]);
    assert_eq!(house.summaries("a").await[..2], ["09:10:00 succeeded", "09:20:00 running"]);
    assert_eq!(house.instants("a"), ["20261121T091000Z", "20261121T092000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_continues_where_the_older_run_ended_without_a_server() {
    let house = House::open().await;
    push(&house, "Queue", "sleep-1510").await;
    house.until("09:25:00").await;
    let ground = house.die();
    tokio::time::sleep(3 * HOUR).await;

    let house = ground.open().await;
    house.pass(MINUTE).await;

    let summaries = house.summaries("a").await;
    assert_eq!(summaries[..2], ["09:10:00 succeeded", "09:20:00 running"]);
    assert!(summaries[2].starts_with("09:30:00 missed 17 to 12:10:00: deadline-passed NotRunning"));
    assert_eq!(summaries[3], "12:20:00 waiting");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_when_the_older_one_is_over_and_the_server_dies_sets_out_at_the_next_start()
{
    let house = House::open().await;
    push(&house, "Queue", "sleep-1510").await;
    house.plan("turn-came", Fault::DiesBefore);
    house.until("09:36:00").await;
    assert!(house.is_dead());

    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert_eq!(house.summaries("a").await[..2], ["09:10:00 succeeded", "09:20:00 running"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_turn_came_as_the_server_died_is_not_too_late() {
    let house = House::open().await;
    push(&house, "Queue", "sleep-1510").await;
    house.until("09:25:00").await;
    house.plan("pull", Fault::DiesBefore);
    house.until("09:36:00").await;
    assert!(house.is_dead());

    let house = house.die().open().await;
    house.pass(SECOND).await;

    // Its next instants have come long ago, but it has waited its turn and not for the server.
    assert_eq!(house.summaries("a").await[1], "09:20:00 running");
}

#[tokio::test(start_paused = true)]
async fn a_newer_run_replaces_the_older_one_and_starts_after_its_end() {
    let house = House::open().await;
    push(&house, "Replace", "grace-20").await;

    house.until("09:20:10").await;
    let between = house.summaries("a").await;
    house.until("09:21:00").await;

    assert_eq!(between, ["09:10:00 running", "09:20:00 waiting"]);
    assert_eq!(
        house.summaries("a").await,
        ["09:10:00 cancelled: replaced 20261121T092000Z", "09:20:00 running"]
    );
    let seen = house.seen("a");
    assert_eq!((seen[1].created_at - seen[0].created_at).num_seconds(), 620);
    assert!(seen[1].created_at >= seen[0].ended_at.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_newest_replaces_also_the_one_that_waits() {
    let house = House::open().await;
    push(&house, "Replace", "grace-1300").await;

    house.until("09:42:00").await;

    assert_eq!(
        house.summaries("a").await,
        [
            "09:10:00 cancelled: replaced 20261121T092000Z",
            "09:20:00 cancelled: replaced 20261121T093000Z",
            "09:30:00 cancelled: replaced 20261121T094000Z",
            "09:40:00 running"
        ]
    );
    assert_eq!(house.instants("a"), ["20261121T091000Z", "20261121T094000Z"]);
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_carried_out_also_where_the_server_died_at_it() {
    for fault in [Fault::DiesBefore, Fault::DiesAfter] {
        let house = House::open().await;
        push(&house, "Replace", "grace-20").await;
        house.plan("cancelling", fault);
        house.until("09:20:01").await;
        assert!(house.is_dead());

        let house = house.die().open().await;
        house.until("09:21:00").await;

        assert_eq!(
            house.summaries("a").await,
            ["09:10:00 cancelled: replaced 20261121T092000Z", "09:20:00 running"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_carried_out_also_where_the_store_cannot_write_it() {
    let house = House::open().await;
    push(&house, "Replace", "grace-20").await;
    house.plan("cancelling", Fault::Fails);

    house.until("09:21:00").await;

    assert_eq!(house.summaries("a").await[1], "09:20:00 running");
    assert!(house.summaries("a").await[0].starts_with("09:10:00 cancelled: replaced"));
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_does_not_wait_for_younger_ones_that_an_edit_lets_start() {
    let house = House::open().await;
    house.push_with("a", "sleep-90", json!({"Cron": "* * * * *", "Overlap": "Queue"})).await;
    house.until("09:02:10").await;
    let before = house.newest("a").await;

    // From now on one is always under way.
    house.push_with("a", "sleep-90", json!({"Cron": "* * * * *", "Overlap": "Allow"})).await;
    house.until("09:10:00").await;

    assert_eq!(before, "09:02:00 waiting");
    assert_eq!(house.summaries("a").await[1], "09:02:00 succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_while_the_server_was_down_blocks_no_other() {
    for overlap in ["Forbid", "Replace", "Queue"] {
        let house = House::open().await;
        let keys = json!({"Cron": "*/10 * * * *", "Overlap": overlap});
        house.push_with("a", "sleep-300", keys).await;
        house.until("09:12:00").await;
        let ground = house.die();
        tokio::time::sleep(10 * MINUTE).await;

        let house = ground.open().await;
        // The engine takes its time to report on the container of the last life.
        house.plan("inspect", Fault::AnswersLate);
        house.until("09:29:00").await;

        let expected = ["09:10:00 succeeded", "09:20:00 succeeded"];
        assert_eq!(house.summaries("a").await, expected, "{overlap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_comes_too_late_after_a_restart_blocks_no_other() {
    for overlap in ["Forbid", "Replace", "Queue"] {
        let house = House::open().await;
        let keys = json!({"Cron": "*/10 * * * *", "Overlap": overlap, "StartingDeadline": "5m"});
        house.push_with("a", "busybox", keys).await;
        house.plan("pull", Fault::DiesBefore);
        house.until("09:11:00").await;
        let ground = house.die();
        tokio::time::sleep(10 * MINUTE).await;

        let house = ground.open().await;
        house.until("09:29:00").await;

        let summaries = house.summaries("a").await;
        assert!(summaries[0].starts_with("09:10:00 missed"), "{overlap}: {summaries:?}");
        assert_eq!(summaries[1..], ["09:20:00 succeeded"], "{overlap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_while_the_engine_was_away_blocks_no_other() {
    for overlap in ["Forbid", "Replace", "Queue"] {
        let house = House::open().await;
        let keys = json!({"Cron": "*/10 * * * *", "Overlap": overlap});
        house.push_with("a", "sleep-300", keys).await;
        house.until("09:12:00").await;
        house.engine.set_away(true);
        house.until("09:22:00").await;
        house.engine.set_away(false);

        house.until("09:29:00").await;

        let expected = ["09:10:00 succeeded", "09:20:00 succeeded"];
        assert_eq!(house.summaries("a").await, expected, "{overlap}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_engine_does_not_report_on_is_not_said_to_be_under_way() {
    let house = House::open().await;
    house.push_with("a", "sleep-300", json!({"Cron": "*/10 * * * *", "Overlap": "Forbid"})).await;
    house.until("09:12:00").await;
    let ground = house.die();
    tokio::time::sleep(10 * MINUTE).await;

    let house = ground.open().await;
    (0..40).for_each(|_| house.plan("inspect", Fault::Refuses));
    house.until("09:25:00").await;

    assert_eq!(house.newest("a").await, "09:20:00 skipped: overlap-unconfirmed 20261121T091000Z");
}
