//! A Docker engine that goes away at the wrong moment.

use std::{sync::Arc, time::Duration};

use docket_model::run::ExitCause;
use docket_server::engine::{Condition, EngineError, Follow, Grace, LogCursor, Stop};
use futures_util::StreamExt;
use serde_json::json;

use crate::{
    contract::{PLENTY, follow},
    harness::Bed,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_ends_with_its_engine_is_no_killed_one() {
    for fall in ["stop", "crash"] {
        let bed = Bed::start().await;
        let subject = bed.subject();
        let config = json!({"Cmd": ["sh", "-c", "echo up; sleep 600"], "StopTimeout": 1});
        let made = subject.start(&subject.docker_plan("falls", json!({"Config": config}))).await;
        let engine = Arc::clone(&subject.engine);
        let id = made.handle.clone();
        let followed = tokio::spawn(async move { follow(&*engine, &id).await });
        // The wait must be under way when the engine falls.
        tokio::time::sleep(Duration::from_millis(500)).await;

        bed.tell(fall);
        let away = subject.engine.status().await.unwrap_err();
        assert!(matches!(away, EngineError::Unreachable(_)), "{away:?}");
        bed.tell("start");

        let exit = followed.await.unwrap().unwrap();
        assert_eq!(exit.cause, Some(ExitCause::EngineWentDown), "{fall}: {exit:?}");
        bed.is_up().await;
        let captured = subject.engine.read_log(&made.handle, PLENTY).await.unwrap();
        assert_eq!(captured.output.to_bytes(), b"up\n");
        subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_output_goes_on_where_a_container_outlives_its_engine() {
    let options = "--live-restore";
    let bed = Bed::start_with(options).await;
    let subject = bed.subject();
    let script = "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo $n; sleep 0.01; done";
    let made = subject.start(&subject.script("outlives", script)).await;
    let mut live = subject.engine.logs(&made.handle, LogCursor::behind(0), Follow::ToEnd);
    let mut written = Vec::new();

    for fall in ["stop", "crash"] {
        let chunk = loop {
            match live.next().await {
                Some(Ok(chunk)) => break chunk,
                // The follow broke off when the engine fell before.
                _ => {
                    live = {
                        let from = LogCursor::behind(written.len() as u64);
                        subject.engine.logs(&made.handle, from, Follow::ToEnd)
                    }
                }
            }
        };
        written.extend(chunk.1.bytes);
        bed.tell(fall);
        bed.tell(&format!("start {options}"));
        bed.is_up().await;
    }
    subject.engine.stop(&made.handle, Stop::Gently(Grace::of(Some(1)))).await.unwrap();
    subject.follow_output(&made.handle, live, &mut written).await.unwrap();

    let text = String::from_utf8(written).unwrap();
    let numbers: Vec<usize> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.len() > 50, "{}", numbers.len());
    assert!(numbers.iter().copied().eq(1..=numbers.len()), "{text}");
    let captured = subject.engine.read_log(&made.handle, PLENTY).await.unwrap();
    assert_eq!(captured.output.to_bytes(), text.as_bytes());
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_output_ends_with_a_container_that_falls_with_its_engine() {
    let bed = Bed::start().await;
    let subject = bed.subject();
    let config = json!({"Cmd": ["sh", "-c", "echo up; sleep 600"], "StopTimeout": 1});
    let made = subject.start(&subject.docker_plan("falls-live", json!({"Config": config}))).await;
    let mut live = subject.engine.logs(&made.handle, LogCursor::behind(0), Follow::ToEnd);
    assert_eq!(live.next().await.unwrap().unwrap().1.bytes, "up\n");

    bed.tell("crash");
    bed.tell("start");

    let mut written = b"up\n".to_vec();
    subject.follow_output(&made.handle, live, &mut written).await.unwrap();
    assert_eq!(written, b"up\n");
    bed.is_up().await;
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}
