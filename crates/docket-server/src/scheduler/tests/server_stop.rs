//! Servers that stop in order.

use docket_model::run::RunState;
use serde_json::json;

use super::harness::{Fault, House, MINUTE, SECOND};
use crate::{clock::Clock, runner::stop_all_runs, store::RunFilter};

#[tokio::test(start_paused = true)]
async fn stopping_lets_running_containers_go() {
    let house = House::open().await;
    house.push("long", "* * * * *", "long").await;
    house.pass(90 * SECOND).await;

    let ground = house.close().await;

    let seen = ground.engine.seen();
    assert_eq!((seen.len(), seen[0].starts, seen[0].removed), (1, 1, false));
    let filter = RunFilter { limit: 10, ..RunFilter::default() };
    let runs = ground.store().await.runs("long", &filter).await.unwrap();
    assert_eq!(runs[0].state, RunState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_begun_is_finished() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "long").await;
    house.plan("prepare", Fault::AnswersLate);
    house.until("09:10:00.500").await;

    let ground = house.close().await;
    let filter = RunFilter { limit: 10, ..RunFilter::default() };
    let runs = ground.store().await.runs("a", &filter).await.unwrap();

    // Created, noted and, because that needs no waiting, started.
    assert!(runs[0].had_container());
    let house = ground.open().await;
    house.pass(SECOND).await;
    assert_eq!(house.newest("a").await, "09:10:00 running");
    assert_eq!(house.instants("a").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_and_an_engine_in_trouble_hold_up_no_stop() {
    let house = House::open().await;
    house.push("a", "* * * * *", "sleep-10").await;
    house.push_with("child", "busybox", json!({"After": ["a"]})).await;
    house.until("09:01:05").await;
    house.trouble_store();
    house.until("09:03:05").await;
    house.engine.set_away(true);
    house.mend_store();
    house.push_with("other", "busybox", json!({"After": ["a"]})).await;
    house.trouble_store();

    let closed = tokio::time::timeout(MINUTE, house.close()).await;

    assert!(closed.is_ok());
}

#[tokio::test(start_paused = true)]
async fn all_runs_can_be_stopped_recorded_and_removed_first() {
    let house = House::open().await;
    house.push("gentle", "10 9 * * *", "grace-20").await;
    house.push_with("queue", "long", json!({"Cron": "*/5 * * * *", "Overlap": "Queue"})).await;
    house.push("pulls", "10 9 * * *", "slow").await;
    let retries = json!({"Cron": "10 9 * * *", "Retries": 3});
    house.push_with("fails", "exit-1", retries).await;
    house.until("09:10:10").await;

    stop_all_runs(&house.runner.records, &house.runner.retention).await;

    for name in ["gentle", "queue", "pulls", "fails"] {
        for summaries in house.summaries(name).await {
            assert!(summaries.ends_with("cancelled: server-stopped"), "{summaries}");
        }
    }
    let there = house.engine.seen().into_iter().filter(|seen| !seen.removed);
    // But for the newest failed one.
    assert_eq!(
        there.map(|seen| seen.identity.allocation.to_string()).collect::<Vec<_>>(),
        ["fails"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_begins_while_all_is_stopped_is_stopped_too() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-60").await;
    house.push_with("child", "long", json!({"After": ["a"]})).await;
    let container = json!({"Config": {"Image": "grace-90", "StopTimeout": 90}});
    let gentle = json!({"Cron": "10 9 * * *", "Container": container});
    house.push_with("gentle", "grace-90", gentle).await;
    house.until("09:10:59.999").await;

    // The parent is as good as over, and its end has its child begin.
    let stopped = async {
        tokio::time::timeout(
            10 * MINUTE,
            stop_all_runs(&house.runner.records, &house.runner.retention),
        )
        .await
        .unwrap();
    };
    let ends = house.pass(SECOND);
    tokio::join!(ends, async {
        house.pass(SECOND / 500).await;
        stopped.await;
    });

    assert_eq!(house.engine.seen().iter().filter(|seen| seen.ended_at.is_none()).count(), 0);
    assert!(house.newest("child").await.contains("cancelled: server-stopped"));
}

#[tokio::test(start_paused = true)]
async fn news_that_comes_faster_than_it_is_read_holds_up_no_stop() {
    let house = House::open().await;
    for number in 0..400 {
        house.push(&format!("a{number}"), "", "long").await;
        house.run_manually(&format!("a{number}"), None).await.unwrap();
    }
    house.pass(SECOND).await;

    tokio::time::timeout(MINUTE, stop_all_runs(&house.runner.records, &house.runner.retention))
        .await
        .unwrap();

    assert!(house.runner.records.queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_holds_up_no_stop_of_all_runs_for_long() {
    let house = House::open().await;
    let container = json!({"Config": {"Image": "long", "StopTimeout": 300}});
    house.push_with("a", "long", json!({"Cron": "10 9 * * *", "Container": container})).await;
    house.until("09:10:10").await;
    house.engine.set_away(true);
    let asked_at = tokio::time::Instant::now();

    stop_all_runs(&house.runner.records, &house.runner.retention).await;
    let took = asked_at.elapsed();
    let ground = house.close().await;
    ground.engine.set_away(false);
    let house = ground.open().await;
    house.pass(MINUTE).await;

    assert_eq!(took, 6 * MINUTE);
    // That it is to end was on record.
    assert!(house.newest("a").await.contains("cancelled: server-stopped"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_gets_all_cancellations_at_once() {
    let house = House::open().await;
    for number in 0..100 {
        house.push(&format!("a{number}"), "10 9 * * *", "long").await;
        house.plan("cancelling", Fault::AnswersLate);
    }
    house.until("09:10:10").await;
    let asked_at = tokio::time::Instant::now();

    stop_all_runs(&house.runner.records, &house.runner.retention).await;

    assert!(house.runner.records.queues.is_empty());
    assert_eq!(asked_at.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_cannot_be_written_holds_up_a_stop_for_five_seconds() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "exit-0").await;
    house.trouble_store();
    house.until("09:10:05").await;
    let (clock, begun_at) = (house.clock.clone(), house.clock.now());

    let ground = house.close().await;

    let waited = (clock.now() - begun_at).num_seconds();
    assert_eq!(waited, 5);
    let house = ground.open().await;
    house.pass(SECOND).await;
    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
}
