//! Where a container is in its life, its end by force, and finding it again.

use std::time::Instant;

use docket_server::engine::{Condition, EngineError, Grace, Observation, Owner, Past, Stop};
use serde_json::json;
use uuid::Uuid;

use super::Subject;

/// Says that it is up, and ends with code 7 once it is asked to.
const GIVES_IN: &str = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
/// Says that it is up, and does not care what it is asked.
const STUBBORN: &str = "trap '' TERM; echo up; while :; do sleep 0.05; done";

fn gently(seconds: i64) -> Stop {
    Stop::Gently(Grace::of(Some(seconds)))
}

pub(crate) async fn a_look_tells_where_a_container_is_in_its_life(subject: &Subject) {
    let made = subject.engine.prepare(&subject.script("looked-at", GIVES_IN)).await.unwrap();
    assert_eq!(subject.engine.inspect(&made.handle).await, Ok(Observation::Pending(None)));

    subject.engine.launch(&made.handle).await.unwrap();
    let sight = subject.engine.inspect(&made.handle).await.unwrap();
    assert!(matches!(sight, Observation::Running { since: Some(_), .. }), "{sight:?}");

    subject.engine.stop(&made.handle, Stop::AtOnce).await.unwrap();
    let exit = subject.follow(&made.handle).await.unwrap();
    assert_eq!(subject.engine.inspect(&made.handle).await, Ok(Observation::Ended(exit)));

    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    assert_eq!(subject.engine.inspect(&made.handle).await, Ok(Observation::Gone(Past::Unknown)));
}

pub(crate) async fn a_gentle_stop_lets_the_program_end_by_itself(subject: &Subject) {
    let made = subject.begin_and_hear(&subject.script("gentle", GIVES_IN)).await;

    subject.engine.stop(&made.handle, gently(10)).await.unwrap();

    let sight = subject.engine.inspect(&made.handle).await.unwrap();
    assert!(matches!(&sight, Observation::Ended(exit) if exit.code == 7), "{sight:?}");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_is_asked_by_its_own_signal(subject: &Subject) {
    let script = "trap 'exit 8' USR1; echo up; while :; do sleep 0.05; done";
    let config = json!({"Cmd": ["sh", "-c", script], "StopSignal": "SIGUSR1"});
    let made = subject.begin_and_hear(&subject.plan("signal", json!({"Config": config}))).await;

    subject.engine.stop(&made.handle, gently(10)).await.unwrap();

    assert_eq!(subject.follow(&made.handle).await.unwrap().code, 8);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn who_does_not_end_in_its_own_time_is_killed(subject: &Subject) {
    let config = json!({"Cmd": ["sh", "-c", STUBBORN], "StopTimeout": 1});
    let made = subject.begin_and_hear(&subject.plan("stubborn", json!({"Config": config}))).await;
    let asked_at = Instant::now();

    subject.engine.stop(&made.handle, gently(1)).await.unwrap();

    assert!(asked_at.elapsed().as_secs_f32() > 0.9, "{:?}", asked_at.elapsed());
    assert_eq!(subject.follow(&made.handle).await.unwrap().code, 137);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_stop_at_once_cuts_a_gentle_one_short(subject: &Subject) {
    let config = json!({"Cmd": ["sh", "-c", STUBBORN], "StopTimeout": 600});
    let made = subject.begin_and_hear(&subject.plan("hurry", json!({"Config": config}))).await;
    let gently = subject.engine.stop(&made.handle, gently(600));

    let (gently, at_once) = tokio::join!(gently, subject.engine.stop(&made.handle, Stop::AtOnce));

    assert_eq!((gently, at_once), (Ok(()), Ok(())));
    assert_eq!(subject.follow(&made.handle).await.unwrap().code, 137);
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn what_does_not_run_is_stopped_already(subject: &Subject) {
    let made = subject.engine.prepare(&subject.script("stopped", "true")).await.unwrap();
    for how in [gently(10), Stop::AtOnce] {
        subject.engine.stop(&made.handle, how).await.unwrap();
    }
    subject.engine.launch(&made.handle).await.unwrap();
    subject.follow(&made.handle).await.unwrap();
    for how in [gently(10), Stop::AtOnce] {
        subject.engine.stop(&made.handle, how).await.unwrap();
    }
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    for how in [gently(10), Stop::AtOnce] {
        assert_eq!(subject.engine.stop(&made.handle, how).await, Err(EngineError::Gone));
    }
}

pub(crate) async fn the_containers_of_a_server_are_found_again(subject: &Subject) {
    let plans = ["found-1", "found-2", "found-3"].map(|name| subject.script(name, GIVES_IN));
    let made = subject.engine.prepare(&plans[0]).await.unwrap();
    let running = subject.begin(&plans[1]).await;
    let ended = subject.begin(&plans[2]).await;
    subject.engine.stop(&ended.handle, Stop::AtOnce).await.unwrap();

    let mut found = subject.engine.list_owned(&subject.owner()).await.unwrap();

    found.sort_by_key(|found| found.identity.allocation.to_string());
    let expected = [&made, &running, &ended];
    assert_eq!(found.len(), expected.len());
    for ((found, plan), made) in found.iter().zip(&plans).zip(expected) {
        assert_eq!(found.handle, made.handle);
        assert_eq!(found.identity, plan.identity);
    }
    let others = subject
        .engine
        .list_owned(&Owner { store: Uuid::new_v4(), ..subject.owner() })
        .await
        .unwrap();
    assert_eq!(others, []);
    assert_eq!(
        subject
            .engine
            .list_owned(&Owner { namespace: "test".into(), ..subject.owner() })
            .await
            .unwrap(),
        []
    );
    subject.engine.stop(&running.handle, Stop::AtOnce).await.unwrap();
    for made in [made, running, ended] {
        subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    }
}
