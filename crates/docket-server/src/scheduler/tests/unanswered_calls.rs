//! Calls that an engine leaves without an answer, while it answers all others.

use docket_model::journal::Event;

use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};
use crate::store::EntryFilter;

impl House {
    /// How many pauses the journal has.
    fn pauses(&self) -> usize {
        let all = EntryFilter { limit: 1000, ..EntryFilter::default() };
        let entries = self.store.entries(&all);
        entries.iter().filter(|entry| matches!(entry.event, Event::Paused(_))).count()
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_breaks_off_each_time_fails_its_run_and_holds_up_no_other() {
    let house = House::open().await;
    house.push("poison", "10 9 * * *", "broken").await;
    house.push("often", "* * * * *", "busybox").await;

    house.until("09:10:30").await;
    let meanwhile = house.summaries("poison").await;
    house.until("09:12:00").await;

    assert_eq!(meanwhile, ["09:10:00 starting"]);
    assert_eq!(
        house.summaries("poison").await,
        ["09:10:00 failed: no-answer the creation of the container 10 the connection was closed"]
    );
    let late = |seen: &crate::engine::scripted_engine::Seen| {
        (seen.started_at.unwrap() - seen.identity.instant.moment()).num_milliseconds()
    };
    assert_eq!(house.seen("often").iter().map(late).collect::<Vec<_>>(), [0; 12]);
    assert_eq!(house.pauses(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_breaks_off_each_time_fails_its_run_once_it_is_sure_that_it_never_ran() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    (0..10).for_each(|_| house.plan("launch", Fault::Fails));
    // Nor does the engine tell what became of it.
    (0..9 + 20).for_each(|_| house.plan("inspect", Fault::Fails));

    house.until("09:12:00").await;
    let meanwhile = house.summaries("a").await;
    house.until("09:30:00").await;

    assert_eq!(meanwhile, ["09:10:00 starting"]);
    let summary = house.newest("a").await;
    assert!(
        summary.starts_with("09:10:00 failed: no-answer the start of the container"),
        "{summary}"
    );
    // Each one was asked to start once, and replaced.
    let seen = house.seen("a");
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|seen| seen.starts == 0 && seen.removed), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_cannot_be_read_is_done_without() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "mute").await;

    house.until("09:10:30").await;
    let meanwhile = house.summaries("a").await;
    house.until("09:11:00").await;

    assert_eq!(meanwhile, ["09:10:00 running"]);
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
    let run = house.runs("a").await.remove(0);
    assert_eq!(run.attempts[0].exit.as_ref().and_then(|exit| exit.code), Some(0));
    assert_eq!(
        run.attempts[0].remarks,
        ["the output could not be read: the request for the log got no answer 10 times in a row, \
          though the engine is there: the connection was closed"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_for_a_moment_does_not_fill_the_journal() {
    let house = House::open().await;
    house.push("a", "* * * * * * *", "busybox").await;
    house.pass(MINUTE).await;

    let mut pauses = Vec::new();
    for away in [SECOND / 2, 2 * SECOND] {
        // An engine that does not answer is asked four times a second.
        house.engine.set_away(true);
        house.pass(away).await;
        house.engine.set_away(false);
        house.pass(MINUTE).await;
        pauses.push(house.pauses());
    }

    assert_eq!(pauses, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_the_engine_does_not_tell_of_is_neither_over_nor_started_twice() {
    let house = House::open().await;
    house.push_with("a", "sleep-300", json!({"Cron": "10 9 * * *", "Retries": 2})).await;
    house.until("09:11:00").await;
    let house = house.die().open().await;
    (0..12).for_each(|_| house.plan("inspect", Fault::Refuses));

    house.until("09:12:00").await;
    let meanwhile = house.summaries("a").await;
    house.until("09:20:00").await;

    assert_eq!(meanwhile, ["09:10:00 running"]);
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
}

#[tokio::test(start_paused = true)]
async fn creates_and_starts_that_hang_delay_no_other_start_for_long() {
    for call in ["prepare", "launch"] {
        let house = House::open().await;
        // The gate is four wide.
        for number in 0..4 {
            house.push(&format!("a{number}"), "10 9 * * *", "busybox").await;
            house.plan(call, Fault::Hangs);
        }
        house.push("b", "1 10 9 * * * *", "busybox").await;

        house.until("09:10:07").await;

        assert_eq!(house.summaries("b").await, ["09:10:01 succeeded"], "{call}");
    }
}
