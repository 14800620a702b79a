//! Tests of the driver of background tasks.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::{sync::mpsc, time::advance};

use super::*;
use crate::{backoff::Backoff, clock::TestClock};

const PERIOD: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(1);

fn background() -> Background {
    Background::new(Arc::new(TestClock::at("2026-11-21T09:00:00Z")))
}

fn schedule(signals: BoxStream<'static, ()>) -> Schedule {
    Schedule {
        name: "test",
        is_immediate: false,
        period: Some(PERIOD),
        retry: Some(Backoff::new(RETRY, 2 * RETRY)),
        signals,
    }
}

/// Lets the tasks do what they can do now.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn only(background: &Background) -> BackgroundTask {
    let mut tasks = background.tasks();
    assert_eq!(tasks.len(), 1);
    tasks.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_periodic_task_wakes_up_at_its_timer_and_at_a_signal() {
    let (wake, signals) = mpsc::unbounded_channel();
    let signals = stream::unfold(signals, |mut signals| async {
        signals.recv().await.map(|()| ((), signals))
    });
    let background = background();
    background.periodic(schedule(signals.boxed()), || async {
        sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    settle().await;
    assert_eq!(only(&background).activations, 0);

    wake.send(()).unwrap();
    settle().await;
    assert!(only(&background).running);
    advance(Duration::from_millis(20)).await;
    settle().await;
    let by_signal = only(&background);
    advance(PERIOD).await;
    settle().await;
    let by_timer = only(&background);

    assert_eq!((by_signal.activations, by_signal.running), (1, false));
    assert_eq!(by_signal.last_duration_milliseconds, Some(20));
    assert_eq!(by_signal.last_start, "2026-11-21T09:00:00Z".parse().ok());
    assert_eq!((by_timer.activations, by_timer.running), (2, true));
    assert_eq!(by_timer.last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_failure_or_a_panic_is_the_last_result_and_is_retried() {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let background = background();
    background.periodic(schedule(stream::pending().boxed()), move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 | 3 => Err(Failure::new("disk full".to_owned())),
                1 => panic!("out of range"),
                _ => Ok(()),
            }
        }
    });
    let mut errors = Vec::new();

    // The pause after the second failure in a row is longer, and after a success it is the first one again.
    for wait in [PERIOD, RETRY, 2 * RETRY, PERIOD, RETRY] {
        settle().await;
        advance(wait).await;
        settle().await;
        errors.push(only(&background).last_error);
    }

    let [first, second, third, fourth, fifth] = errors.try_into().unwrap();
    assert_eq!(first.as_deref(), Some("disk full"));
    assert_eq!(second.as_deref(), Some("panicked: out of range"));
    assert_eq!((third, fourth.as_deref(), fifth), (None, Some("disk full"), None));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_is_shown_as_ended_with_its_message() {
    let background = background();
    background.service("watcher", async { panic!("out of range") });
    settle().await;

    let task = only(&background);

    assert!(!task.running);
    assert_eq!(task.last_error.as_deref(), Some("panicked: out of range"));
    assert_eq!(background.panicked().await, "watcher");
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_an_activation_and_begins_no_other() {
    let background = background();
    let begun = Schedule { is_immediate: true, ..schedule(stream::pending().boxed()) };
    background.periodic(begun, || async {
        sleep(Duration::from_millis(20)).await;
        Ok(())
    });
    settle().await;

    background.stop();
    background.ended().await;

    let task = only(&background);
    assert_eq!((task.activations, task.running), (1, false));
    assert_eq!(task.last_duration_milliseconds, Some(20));
}
