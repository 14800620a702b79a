//! Stores that cannot be written, or not be read, for a while.

use chrono::SecondsFormat;
use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};
use crate::store::EntryFilter;

#[tokio::test(start_paused = true)]
async fn an_instant_that_cannot_be_claimed_starts_nothing_until_it_can() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.until("09:09:00").await;

    house.trouble_store();
    house.until("09:20:00").await;
    let meanwhile = house.seen("a").len();
    house.mend_store();
    house.pass(10 * SECOND).await;

    assert_eq!(meanwhile, 0);
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
    assert_eq!(house.runs("a").await[0].trigger_word(), "catch-up");
    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missed_because_it_could_not_be_written_says_so() {
    let house = House::open().await;
    house.push("a", "*/10 * * * *", "busybox").await;
    house.until("09:05:00").await;

    house.trouble_store();
    house.until("09:35:00").await;
    let meanwhile = house.store.trouble().unwrap();
    house.mend_store();
    house.pass(10 * SECOND).await;

    // The sign of life is the first write that fails.
    assert_eq!(meanwhile.since.to_rfc3339_opts(SecondsFormat::Secs, true), "2026-11-21T09:05:00Z");
    assert_eq!(meanwhile.reason, "no space left");
    let summaries = house.summaries("a").await;
    let reason = "deadline-passed StoreUnwritable 2026-11-21T09:05:00";
    assert!(
        summaries[0].starts_with(&format!("09:10:00 missed 2 to 09:20:00: {reason}")),
        "{summaries:?}"
    );
    assert_eq!(summaries[1..], ["09:30:00 succeeded"]);
    assert_eq!(house.store.trouble(), None);
    let cause = "the store could not be written from 2026-11-21T09:05:00Z to 2026-11-21T09:35:0";
    let entries = house.store.entries(&EntryFilter { limit: 9, ..Default::default() });
    let paused = entries.into_iter().map(|entry| entry.event.to_string());
    assert_eq!(paused.filter(|event| event.starts_with(cause)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_goes_only_once_its_end_is_on_record() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-60").await;
    house.until("09:10:30").await;

    house.trouble_store();
    house.until("09:20:00").await;
    let meanwhile = (house.newest("a").await, house.seen("a").remove(0));
    house.mend_store();
    house.pass(10 * SECOND).await;

    assert_eq!(meanwhile.0, "09:10:00 running");
    assert!(meanwhile.1.ended_at.is_some() && !meanwhile.1.removed);
    assert_eq!(house.newest("a").await, "09:10:00 succeeded");
    assert!(house.seen("a")[0].removed);
    // Its real end, not the one of the trouble.
    let exit = house.runs("a").await[0].attempts[0].exit.clone().unwrap();
    assert_eq!((exit.ended_at.unwrap() - exit.started_at.unwrap()).num_seconds(), 60);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_started_before_its_container_is_on_record() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "pull-30").await;
    house.until("09:10:10").await;

    house.trouble_store();
    house.until("09:15:00").await;
    let meanwhile = house.instants("a");
    house.mend_store();
    house.pass(10 * SECOND).await;

    assert_eq!(meanwhile, Vec::<String>::new());
    assert_eq!(house.instants("a"), ["20261121T091000Z"]);
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn each_write_that_fails_once_is_made_again() {
    let calls = ["claim", "pulled", "created", "started", "next-attempt", "finish"];
    for call in calls {
        let house = House::open().await;
        let retries = json!({"Limit": 2, "Delay": "1s"});
        let keys = json!({"Cron": "10 9 * * *", "Retries": retries});
        house.push_with("a", "fail-until-2", keys).await;
        house.plan(call, Fault::Fails);

        house.until("09:12:00").await;

        assert_eq!(house.summaries("a").await, ["09:10:00 succeeded at attempt 2"], "{call}");
        let starts: Vec<_> = house.seen("a").iter().map(|seen| seen.starts).collect();
        assert_eq!(starts, [1, 1], "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_manual_request_gets_the_error_of_a_store_that_cannot_be_written() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "long").await;
    house.until("09:11:00").await;
    house.trouble_store();

    let refusal = house.run_manually("a", None).await.unwrap_err();

    assert_eq!(refusal.to_string(), "the store cannot be written: no space left");
    let running = house.runs("a").await.remove(0);
    let wanted = docket_model::run::Cancellation {
        reason: docket_model::run::Reason::text("why"),
        kill: false,
    };
    let refusal = house.runner.cancel_manually("a", running.id.instant, wanted).await.unwrap_err();
    assert_eq!(refusal.to_string(), "the store cannot be written: no space left");
    house.mend_store();
    house.pass(MINUTE).await;
    // What was refused is not done in secret.
    assert_eq!(house.summaries("a").await, ["09:10:00 running"]);
}
