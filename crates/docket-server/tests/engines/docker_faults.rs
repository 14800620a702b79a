//! A Docker engine that goes away at the wrong moment.

use std::{sync::Arc, time::Duration};

use docket_model::allocation::Pull;
use docket_server::engine::EngineError;
use serde_json::json;

use crate::{bed::Bed, contract::PLENTY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_falls_with_its_engine_is_told_from_one_that_was_killed() {
    for fall in ["stop", "crash"] {
        let bed = Bed::start().await;
        let subject = bed.subject();
        let config = json!({"Cmd": ["sh", "-c", "echo up; sleep 600"], "StopTimeout": 1});
        let made = subject.begin(&subject.plan("falls", json!({"Config": config}))).await;
        let engine = Arc::clone(&subject.engine);
        let id = made.id.clone();
        let followed = tokio::spawn(async move { engine.follow(&id).await });
        // The wait must be under way when the engine falls.
        tokio::time::sleep(Duration::from_millis(500)).await;

        bed.tell(fall);
        let away = subject.engine.info().await.unwrap_err();
        assert!(matches!(away, EngineError::Unreachable(_)), "{away:?}");
        bed.tell("start");

        let exit = followed.await.unwrap().unwrap();
        assert!(exit.engine_went_down, "{fall}: {exit:?}");
        bed.is_up().await;
        let captured = subject.engine.output(&made.id, PLENTY).await.unwrap();
        assert_eq!(captured.output.to_bytes(), b"up\n");
        subject.engine.remove(&made.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_is_unreachable_and_found_again() {
    let bed = Bed::start().await;
    let subject = bed.subject();
    let plan = subject.script("again", "echo back");
    let made = subject.engine.create(&plan).await.unwrap();
    bed.tell("crash");

    let refusals = [
        subject.engine.create(&plan).await.map(|_| ()),
        subject.engine.start(&made.id).await,
        subject.engine.output(&made.id, PLENTY).await.map(|_| ()),
        subject.engine.remove(&made.id).await,
        subject.engine.pull("busybox", Pull::Always).await.map(|_| ()),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(EngineError::Unreachable(_))), "{refusal:?}");
    }

    bed.tell("start");
    bed.is_up().await;
    let (exit, captured) = subject.run(&plan).await;
    assert_eq!((exit.code, captured.output.to_bytes()), (0, b"back\n".to_vec()));
}
