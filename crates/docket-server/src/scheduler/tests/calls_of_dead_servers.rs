//! Calls that reach the engine after the life of the server that sent them.

use std::sync::Arc;

use super::harness::{Ground, HOUR, House, MINUTE, SECOND, Settings};
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
                    // until no request of before can come any more.
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
