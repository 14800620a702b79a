//! What tests of runs rely on.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::json;

use super::{super::container_plan::tests::plan, *};
use crate::{clock::TestClock, engine::Grace};

fn engine() -> ScriptedEngine {
    ScriptedEngine::new(Arc::new(TestClock::at("2026-11-21T09:00:00Z")))
}

fn owner(namespace: &str, store: u128) -> Owner {
    Owner { namespace: namespace.into(), store: uuid::Uuid::from_u128(store) }
}

/// A container of this image that was started.
async fn begun(engine: &ScriptedEngine, image: &str, attempt: u32) -> Handle {
    let mut plan = plan(&json!({"Image": image}));
    plan.identity.attempt = attempt.into();
    let made = engine.prepare(&plan).await.unwrap();
    engine.launch(&made.handle).await.unwrap();
    made.handle
}

#[tokio::test(start_paused = true)]
async fn images_say_how_long_a_container_runs_and_how_it_ends() {
    let cases = [
        ("busybox", 0, 0),
        ("exit-7", 0, 7),
        ("sleep-5", 5, 0),
        ("long", 3600, 0),
        ("fail-until-3", 0, 1),
    ];
    for (image, seconds, code) in cases {
        let engine = engine();
        let id = begun(&engine, image, 2).await;

        let exit = engine.follow(&id.id).await.unwrap();

        let took = exit.ended_at.unwrap() - exit.started_at.unwrap();
        assert_eq!((took.num_seconds(), exit.code), (seconds, Some(code)), "{image}");
    }
    let engine = engine();
    let third = begun(&engine, "fail-until-3", 3).await;
    assert_eq!(engine.follow(&third.id).await.unwrap().code, Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_follow_early_also_while_it_waits() {
    for (how, code) in [(Stop::Gently(Grace::of(None)), 143), (Stop::AtOnce, container::KILLED)] {
        let engine = engine();
        let id = begun(&engine, "long", 1).await;
        let stopped = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            engine.stop(&id, how).await.unwrap();
        };

        let (exit, ()) = tokio::join!(engine.follow(&id.id), stopped);

        let exit = exit.unwrap();
        let took = exit.ended_at.unwrap() - exit.started_at.unwrap();
        assert_eq!((took.num_seconds(), exit.code), (60, Some(code)));
        assert_eq!(engine.inspect(&id).await, Ok(Observation::Ended(exit)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_undying_runs_on() {
    let engine = engine();
    let id = begun(&engine, "undying", 1).await;

    let refusal = engine.stop(&id, Stop::AtOnce).await.unwrap_err();

    assert!(matches!(refusal, EngineError::WillNotDie(_)));
    assert!(matches!(engine.inspect(&id).await, Ok(Observation::Running { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_watch_breaks_off_with_the_engine_and_a_later_one_reports_the_end() {
    let engine = engine();
    let id = begun(&engine, "sleep-5", 1).await;
    engine.set_away(true);

    let broken = engine.follow(&id.id).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    engine.set_away(false);
    let exit = engine.follow(&id.id).await.unwrap();

    assert!(matches!(broken, Err(EngineError::Unreachable(_))), "{broken:?}");
    assert_eq!((exit.ended_at.unwrap() - exit.started_at.unwrap()).num_seconds(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_joined_held_or_free_and_its_starts_are_remembered() {
    let engine = engine();
    let first = plan(&json!({"Image": "busybox"}));
    let mut other = first.clone();
    other.identity.uid = uuid::Uuid::from_u128(1);
    let name = name(&first.identity);

    let made = engine.prepare(&first).await.unwrap().handle;
    assert_eq!(engine.prepare(&first).await.unwrap().handle, made);
    let refusal = engine.prepare(&other).await.unwrap_err();
    assert!(matches!(refusal, EngineError::NameHeld { .. }));

    engine.take_away(&name);
    assert_eq!(engine.launch(&made).await, Ok(Launch::NeverRan));
    let anew = engine.prepare(&first).await.unwrap().handle;
    assert_ne!(anew, made);
    engine.launch(&anew).await.unwrap();
    engine.launch(&anew).await.unwrap();
    // As by a Docker engine, one that has ended is started again.
    assert_eq!(engine.starts_of(&name), 2);

    engine.take_away(&name);
    assert_eq!(engine.launch(&anew).await, Ok(Launch::NeverRan));
    assert_eq!(engine.inspect(&anew).await, Ok(Observation::Gone(Past::Unknown)));
}

#[tokio::test(start_paused = true)]
async fn live_output_comes_in_one_piece_and_ends_with_the_container() {
    let engine = engine();
    let id = begun(&engine, "sleep-5", 1).await;
    let asked_at = tokio::time::Instant::now();

    let pieces: Vec<_> =
        engine.logs(&id, LogCursor::behind(2), Follow::ToEnd).try_collect().await.unwrap();

    let pieces: Vec<_> = pieces.into_iter().map(|(_, chunk)| chunk.bytes).collect();
    assert_eq!(pieces, ["eep-5"]);
    assert_eq!(asked_at.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_containers_of_a_server_are_found_again() {
    let engine = engine();
    let running = begun(&engine, "long", 1).await;
    let ended = begun(&engine, "busybox", 2).await;
    let removed = begun(&engine, "busybox", 3).await;
    engine.remove(&removed, Condition::NotRunning).await.unwrap();

    let mut found = engine.list_owned(&owner("docket", 0)).await.unwrap();

    found.sort_by_key(|found| found.identity.attempt);
    let ids: Vec<_> = found.iter().map(|found| &found.handle).collect();
    assert_eq!(ids, [&running, &ended]);
    assert_eq!(engine.list_owned(&owner("other", 0)).await, Ok(Vec::new()));
    assert_eq!(engine.list_owned(&owner("docket", 1)).await, Ok(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_held_gets_no_answer_and_is_carried_out_when_it_is_released() {
    let engine = engine();
    let first = plan(&json!({"Image": "long"}));
    engine.hold("prepare");
    engine.hold("launch");

    let lost = engine.prepare(&first).await;
    assert!(matches!(lost, Err(EngineError::Unreachable(_))), "{lost:?}");
    assert_eq!((engine.seen().len(), engine.release()), (0, 1));
    let prepared = engine.prepare(&first).await.unwrap();
    assert!(prepared.joined);

    let unknown = engine.launch(&prepared.handle).await;
    assert!(matches!(unknown, Ok(Launch::Unknown(_))), "{unknown:?}");
    assert_eq!(engine.inspect(&prepared.handle).await, Ok(Observation::Pending(None)));
    assert_eq!(engine.release(), 1);
    assert_eq!(engine.starts_of(&name(&first.identity)), 1);
}

#[tokio::test(start_paused = true)]
async fn each_means_of_starting_starts_a_container_once() {
    let first = plan(&json!({"Image": "long"}));
    let name = name(&first.identity);

    let conditional = engine().that_starts(Starts::Conditionally);
    let seen = conditional.prepare(&first).await.unwrap().handle;
    assert_eq!(conditional.launch(&seen).await, Ok(Launch::Started));
    let late = conditional.launch(&seen).await.unwrap();
    assert!(matches!(late, Launch::OutOfDate(_)), "{late:?}");
    assert_eq!(conditional.starts_of(&name), 1);

    let with_prepare = engine().that_starts(Starts::WithPrepare);
    let prepared =
        [with_prepare.prepare(&first).await.unwrap(), with_prepare.prepare(&first).await.unwrap()];
    assert_eq!(
        prepared.map(|prepared| (prepared.started, prepared.joined)),
        [(true, false), (true, true)]
    );
    assert_eq!(with_prepare.starts_of(&name), 1);
}
