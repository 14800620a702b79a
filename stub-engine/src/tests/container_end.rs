use std::time::{Duration, Instant};

use bollard::models::ContainerCreateBody;

use super::harness::{Bed, LONG, NAME, SHORT, code, hangs, refusal};
use crate::{Program, WhenStopped};

fn lasting(when_stopped: WhenStopped) -> Bed {
    Bed::of(Program { when_stopped, ..Program::lasting(LONG) })
}

#[tokio::test]
async fn a_stop_ends_a_container_and_whoever_waits_hears_of_it() {
    let bed = lasting(WhenStopped::Ends);
    bed.started().await;

    let stopping = async {
        tokio::time::sleep(SHORT).await;
        bed.stop(10).await
    };
    let (waited, stopped) = tokio::join!(bed.wait(NAME), stopping);
    let again = bed.stop(10).await;

    assert!(stopped.is_ok());
    assert_eq!(code(waited), 143);
    assert!(again.is_ok());
    let state = bed.state(NAME).await;
    assert_eq!((state.running, state.exit_code), (Some(false), Some(143)));
}

#[tokio::test]
async fn a_stop_takes_the_signal_that_the_container_names() {
    let bed = lasting(WhenStopped::Ends);
    let stop_signal = Some("SIGINT".to_owned());
    let body = ContainerCreateBody { stop_signal, ..Default::default() };
    bed.create_as(NAME, body).await.unwrap();
    bed.start(NAME).await.unwrap();

    bed.stop(10).await.unwrap();

    assert_eq!(bed.state(NAME).await.exit_code, Some(130));
}

#[tokio::test]
async fn a_stop_that_is_ignored_takes_its_whole_grace_and_kills() {
    let bed = lasting(WhenStopped::Ignores);
    bed.started().await;

    let began = Instant::now();
    let (stopped, waited) = tokio::join!(bed.stop(1), bed.wait(NAME));

    assert!(stopped.is_ok());
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(code(waited), 137);
}

#[tokio::test]
async fn a_stop_may_be_left_and_still_ends_the_container() {
    let bed = lasting(WhenStopped::Ignores);
    bed.started().await;

    let left = hangs(bed.stop(1)).await;

    assert!(left);
    assert_eq!(code(bed.wait(NAME).await), 137);
}

#[tokio::test]
async fn what_is_undying_outlives_stop_kill_and_removal() {
    let bed = lasting(WhenStopped::Undying);
    bed.started().await;

    let stopped = bed.stop(0).await;
    let slowly = hangs(bed.stop(10)).await;
    let killed = bed.kill("SIGKILL").await;
    let removed = bed
        .ask(&format!("DELETE /containers/{NAME}?force=1 HTTP/1.1\r\nConnection: close\r\n\r\n"));

    assert_eq!(refusal(stopped).0, 500);
    assert!(slowly);
    assert_eq!(refusal(killed).0, 500);
    assert!(removed.starts_with("HTTP/1.1 500 "), "{removed}");
    assert_eq!(bed.state(NAME).await.running, Some(true));
}

#[tokio::test]
async fn a_kill_ends_what_ignores_all_else_and_nothing_that_has_ended() {
    let bed = lasting(WhenStopped::Ignores);
    bed.started().await;

    bed.kill("TERM").await.unwrap();
    let after_term = bed.state(NAME).await;
    let unknown = bed.kill("PLEASE").await;
    bed.kill("KILL").await.unwrap();
    let again = bed.kill("KILL").await;

    assert_eq!(after_term.running, Some(true));
    assert_eq!(refusal(unknown), (400, "Invalid signal: PLEASE".to_owned()));
    assert_eq!(code(bed.wait(NAME).await), 137);
    let (status, words) = refusal(again);
    assert_eq!(status, 409);
    assert!(words.ends_with("is not running"), "{words}");
}

#[tokio::test]
async fn a_paused_container_goes_on_where_it_was() {
    let bed = Bed::of(Program::lasting(SHORT * 2));
    bed.started().await;

    bed.docker.pause_container(NAME).await.unwrap();
    tokio::time::sleep(SHORT * 3).await;
    let paused = bed.state(NAME).await;
    let started = bed.start(NAME).await;
    bed.docker.unpause_container(NAME).await.unwrap();
    let running = bed.state(NAME).await;
    let again = bed.docker.unpause_container(NAME).await;

    assert_eq!((paused.paused, paused.running), (Some(true), Some(true)));
    assert_eq!(refusal(started).0, 409);
    assert_eq!((running.paused, running.running), (Some(false), Some(true)));
    assert_eq!(refusal(again).0, 500);
    assert_eq!(code(bed.wait(NAME).await), 0);
}

#[tokio::test]
async fn a_stop_wakes_a_paused_container_up() {
    let bed = lasting(WhenStopped::Ends);
    bed.started().await;

    bed.docker.pause_container(NAME).await.unwrap();
    bed.stop(10).await.unwrap();

    assert_eq!(bed.state(NAME).await.exit_code, Some(143));
}

#[tokio::test]
async fn a_wait_for_what_was_never_started_answers_at_once() {
    let bed = lasting(WhenStopped::Ends);
    bed.create(NAME).await.unwrap();

    assert_eq!(code(bed.wait(NAME).await), 0);
}
