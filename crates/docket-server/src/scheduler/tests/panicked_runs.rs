//! Tasks of runs and of decisions that panic.

use std::sync::Arc;

use docket_model::{
    Run,
    run::{Instant, Reason, RunState, Trigger},
};
use serde_json::{Value, json};

use super::harness::{Fault, House};
use crate::clock::Clock;

/// The calls of the engine in which the task of a run may panic.
const CALLS: [&str; 5] = ["pull", "prepare", "launch", "watch", "read_log"];

impl House {
    /// The state of the newest run.
    async fn state(&self, name: &str) -> RunState {
        self.runs(name).await.pop().unwrap().state.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_is_continued_from_its_record_and_starts_once() {
    for call in CALLS {
        let house = House::open().await;
        house.push("a", "10 9 * * *", "sleep-5").await;
        house.plan(call, Fault::Panics);

        house.until("09:20:00").await;

        assert_eq!(house.state("a").await, RunState::Succeeded, "{call}");
        assert_eq!(house.instants("a"), ["20261121T091000Z"], "{call}");
        assert!(house.runner.records.queues.is_empty(), "{call}");
        assert!(house.seen("a").iter().all(|seen| seen.removed), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_each_time_fails_and_the_next_one_runs() {
    for call in CALLS {
        let house = House::open().await;
        house.push("a", "10,20 9 * * *", "sleep-20").await;
        (0..4).for_each(|_| house.plan(call, Fault::Panics));

        house.until("09:30:00").await;

        let [failed, next] = &*house.runs("a").await else { panic!("{call}") };
        let is_internal = matches!(
            &failed.state,
            RunState::Failed(Reason::InternalError { message }) if message.contains("as planned")
        );
        assert!(is_internal, "{call}: {}", failed.state.word());
        assert_eq!(next.state, RunState::Succeeded, "{call}");
        assert!(house.runner.records.queues.is_empty(), "{call}");
        assert!(
            house
                .seen("a")
                .iter()
                .all(|seen| seen.removed || seen.exit_code.is_some() || seen.starts == 0),
            "{call}"
        );
    }
}

/// An instant about which each decision panicked.
const MISSED: &str =
    r#"09:20:00 missed 1 to 09:20:00: internal-error ["inspect"] panics as planned"#;

impl House {
    /// Opens a server whose allocation `a` has a run under way, of which the engine has not reported
    /// anything since it came back: the next decision beside it inspects its container.
    async fn with_unconfirmed_run(keys: Value) -> Self {
        let house = Self::open().await;
        house.push_with("a", "sleep-1800", keys).await;
        house.until("09:11:00").await;
        house.engine.set_away(true);
        house.until("09:13:00").await;
        house.engine.set_away(false);
        house.until("09:15:00").await;
        house
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_panics_is_made_again_and_leaves_no_instant_out() {
    let keys = json!({"Cron": "10,20,50 9 * * *", "Overlap": "Forbid"});
    let house = House::with_unconfirmed_run(keys).await;
    house.plan("inspect", Fault::Panics);

    house.until("10:30:00").await;

    let expected =
        ["09:10:00 succeeded", "09:20:00 skipped: overlap 20261121T091000Z", "09:50:00 succeeded"];
    assert_eq!(house.summaries("a").await, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_missed_once_its_decision_has_panicked_four_times() {
    let keys = json!({"Cron": "10,20,50 9 * * *", "Overlap": "Forbid"});
    let house = House::with_unconfirmed_run(keys).await;
    (0..4).for_each(|_| house.plan("inspect", Fault::Panics));

    house.until("10:30:00").await;

    let expected = ["09:10:00 succeeded", MISSED, "09:50:00 succeeded"];
    assert_eq!(house.summaries("a").await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_dependent_whose_decision_panics_runs_or_is_missed() {
    for (panics, expected) in [(1, "09:20:00 skipped: overlap 20261121T091000Z"), (4, MISSED)] {
        let keys = json!({"After": ["parent"], "Overlap": "Forbid"});
        let house = House::open().await;
        house.push("parent", "10,20 9 * * *", "exit-0").await;
        house.push_with("a", "sleep-1800", keys).await;
        house.until("09:11:00").await;
        house.engine.set_away(true);
        house.until("09:13:00").await;
        house.engine.set_away(false);
        house.until("09:15:00").await;
        (0..panics).for_each(|_| house.plan("inspect", Fault::Panics));

        house.until("10:30:00").await;

        let summaries = house.summaries("a").await;
        assert_eq!(summaries.last().map(String::as_str), Some(expected), "{summaries:?}");
        assert!(house.runner.records.queues.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_claimed_by_a_decision_that_panicked_is_resumed() {
    let keys = json!({"Cron": "10,20 9 * * *", "Overlap": "Forbid"});
    let house = House::with_unconfirmed_run(keys).await;
    // What a panic between a claim and the task of its run leaves behind.
    let (instant, state) = (Instant::new(house.clock.now()), RunState::Starting);
    let (allocation, now) = (house.allocation("a"), house.clock.now());
    let claimed = Run::decided(&allocation, instant, Trigger::Schedule, state, now);
    house.store.claim(claimed.at_places(&[Arc::<str>::from("default").into()])).await.unwrap();
    house.plan("inspect", Fault::Panics);

    house.until("10:30:00").await;

    let expected =
        ["09:10:00 succeeded", "09:15:00 succeeded", "09:20:00 skipped: overlap 20261121T091500Z"];
    assert_eq!(house.summaries("a").await, expected);
}
