//! Calls that reach the engine after the life of the server that sent them.

use std::sync::Arc;

use super::harness::{Fault, Ground, HOUR, House, MINUTE, SECOND, Settings};
use crate::engine::{Starts, scripted_engine::ScriptedEngine};

const NAME: &str = "docket-a-20261121T091000Z-1";

fn ground(starts: Starts) -> Ground {
    let mut ground = Ground::new(Settings::default());
    ground.engine = Arc::new(ScriptedEngine::new(ground.clock.clone()).that_starts(starts));
    ground
}

/// A server that died while a call of this name was on its way to the engine.
async fn died_during(call: &'static str, starts: Starts) -> Ground {
    let house = ground(starts).open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.engine.hold(call);
    house.until("09:10:00").await;
    house.die()
}

/// The run succeeded by one start, not before its instant, and nothing is left.
async fn assert_ran_once(house: &House, case: &str) {
    assert_eq!(house.newest("a").await, "09:10:00 succeeded", "{case}");
    assert_eq!(house.engine.starts_of(NAME), 1, "{case}");
    let run = &house.runs("a").await[0];
    assert_eq!(run.attempts.len(), 1, "{case}");
    let started_at = run.attempts[0].started_at.unwrap();
    assert!(started_at >= run.id.instant.moment(), "{case}: {started_at}");
    assert!(house.seen("a").iter().all(|seen| seen.removed), "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_carried_out_after_its_senders_life_starts_nothing_twice() {
    for starts in [Starts::ById, Starts::Conditionally, Starts::WithPrepare] {
        for call in ["prepare", "launch"] {
            for delivered in ["between the lives", "at once", "while it runs", "after its end"] {
                let case = format!("{starts:?}, {call}, {delivered}");
                let is_sent = call == "prepare" || starts != Starts::WithPrepare;
                let ground = died_during(call, starts).await;
                let engine = ground.engine.clone();
                let release = |now| {
                    let is_due = now == delivered && is_sent;
                    assert!(!is_due || engine.release() == 1, "{case}");
                };

                release("between the lives");
                let house = ground.open().await;
                release("at once");
                house.pass(5 * SECOND).await;
                release("while it runs");
                house.until("09:12:00").await;
                release("after its end");
                house.until("09:30:00").await;

                if delivered == "after its end"
                    && call == "prepare"
                    && starts == Starts::WithPrepare
                {
                    // The name is free again by then: an engine of this kind keeps ended containers
                    // until no earlier request can come any more.
                    continue;
                }
                assert_ran_once(&house, &case).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cancelled_is_not_started_by_a_late_call() {
    for starts in [Starts::ById, Starts::Conditionally] {
        let house = ground(starts).open().await;
        house.push("a", "10 9 * * *", "sleep-30").await;
        house.engine.hold("launch");
        house.until("09:10:00").await;

        house.cancel("a", false).await;
        house.pass(MINUTE).await;
        let released = house.engine.release();
        house.pass(MINUTE).await;

        assert_eq!(released, 1);
        assert!(house.newest("a").await.starts_with("09:10:00 cancelled"), "{starts:?}");
        assert_eq!(house.engine.starts_of(NAME), 0, "{starts:?}");
        assert!(house.seen("a").iter().all(|seen| seen.removed), "{starts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_preparing_starts_a_missed_run_is_over_only_once_its_name_is_held() {
    let ground = died_during("prepare", Starts::WithPrepare).await;
    tokio::time::sleep(2 * HOUR).await;

    let house = ground.open().await;
    house.pass(MINUTE).await;
    let missed = house.newest("a").await;
    let released = house.engine.release();
    house.pass(MINUTE).await;

    assert!(missed.contains("missed"), "{missed}");
    assert_eq!((released, house.engine.starts_of(NAME)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_name_cannot_be_held_is_open_while_a_late_request_may_start_it() {
    for released in [true, false] {
        let ground = died_during("prepare", Starts::WithPrepare).await;
        tokio::time::sleep(2 * HOUR).await;
        ground.engine.refuse_to_hold_names(true);

        let house = ground.open().await;
        house.pass(9 * MINUTE).await;
        let waiting = house.runs("a").await.remove(0);
        let starts = if released { house.engine.release() } else { 0 };
        house.pass(2 * MINUTE).await;
        let ended = house.newest("a").await;

        let remarks = &waiting.attempts[0].remarks;
        assert!(!waiting.state.is_over(), "{:?}", waiting.state);
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].contains("exceeded quota"), "{remarks:?}");
        assert!(remarks[0].contains("10 minutes"), "{remarks:?}");
        let expected = if released { "succeeded" } else { "missed" };
        assert!(ended.contains(expected), "{released}: {ended}");
        assert_eq!(house.engine.starts_of(NAME), u32::try_from(starts).unwrap());
        assert!(house.seen("a").iter().all(|seen| seen.removed));
    }
}

#[tokio::test(start_paused = true)]
async fn where_preparing_starts_a_late_run_that_was_started_all_the_same_is_followed() {
    let ground = died_during("prepare", Starts::WithPrepare).await;
    assert_eq!(ground.engine.release(), 1);
    tokio::time::sleep(2 * HOUR).await;

    let house = ground.open().await;
    house.pass(5 * MINUTE).await;

    let first = house.newest("a").await;
    assert!(first.contains("succeeded"), "{first}");
    assert_eq!(house.engine.starts_of(NAME), 1);
    assert!(house.seen("a").iter().all(|seen| seen.removed));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_has_changed_is_started_in_the_version_that_is_on_record() {
    let house = ground(Starts::Conditionally).open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.engine.change_before_launch();

    house.until("09:10:01").await;
    let version = house.runs("a").await[0].attempts[0].version.clone();
    house.until("09:12:00").await;

    assert_eq!(version.as_deref(), Some("2"));
    assert_ran_once(&house, "changed before its start").await;
}

/// A server that died before it started the container of its run.
async fn died_before_launch() -> Ground {
    let house = ground(Starts::Conditionally).open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.plan("launch", Fault::DiesBefore);
    house.until("09:10:01").await;
    assert!(house.is_dead());
    house.die()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_after_it_disarmed_a_container_does_not_lose_the_run() {
    let house = died_before_launch().await.open().await;
    house.plan("remove", Fault::DiesAfter);
    house.pass(5 * SECOND).await;
    assert!(house.is_dead());
    // As by a Swarm, which never knows the past of what is gone.
    house.engine.forget_events();

    let house = house.die().open().await;
    house.until("09:12:00").await;

    assert_ran_once(&house, "disarmed and not recorded").await;
    assert_eq!(house.seen("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_container_of_a_run_that_is_given_up_is_removed_only_once_that_is_on_record() {
    let ground = died_before_launch().await;
    tokio::time::sleep(2 * HOUR).await;
    let house = ground.open().await;
    house.plan("finish", Fault::DiesBefore);
    house.pass(MINUTE).await;
    assert!(house.is_dead());
    let was_removed = house.seen("a")[0].removed;
    house.engine.forget_events();

    let house = house.die().open().await;
    house.pass(MINUTE).await;

    assert!(!was_removed);
    let newest = house.newest("a").await;
    assert!(newest.starts_with("09:10:00 missed"), "{newest}");
    assert!(house.seen("a").iter().all(|seen| seen.starts == 0 && seen.removed));
}
