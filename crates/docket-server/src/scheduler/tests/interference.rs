//! Containers that other programs remove, or whose names other containers hold.

use std::collections::BTreeMap;

use serde_json::json;

use super::harness::{Fault, House, SECOND};
use crate::{
    clock::Clock,
    engine::{Engine, Identity, Plan},
};

const NAME: &str = "docket-a-20261121T091000Z-1";

#[tokio::test(start_paused = true)]
async fn one_removed_before_it_was_started_is_made_anew() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.plan("created", Fault::AnswersLate);
    house.until("09:10:00.500").await;

    house.engine.take_away(NAME);
    house.until("09:11:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
    let starts: Vec<_> = house.seen("a").iter().map(|seen| seen.starts).collect();
    assert_eq!(starts, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn one_removed_before_it_was_started_is_made_anew_after_a_crash_too() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.plan("created", Fault::DiesAfter);
    house.until("09:10:01").await;
    let ground = house.die();
    let house = ground.open().await;
    house.plan("inspect", Fault::AnswersLate);
    house.until("09:10:01.500").await;

    // After the look, and before the start.
    house.engine.take_away(NAME);
    house.until("09:11:00").await;

    assert_eq!(house.summaries("a").await, ["09:10:00 succeeded"]);
    assert_eq!(house.engine.starts_of(NAME), 1);
}

#[tokio::test(start_paused = true)]
async fn one_removed_while_it_runs_has_failed_and_is_tried_again() {
    let house = House::open().await;
    house.push("once", "10 9 * * *", "sleep-30").await;
    let retries = json!({"Limit": 1, "Delay": "1m"});
    house.push_with("a", "sleep-30", json!({"Cron": "10 9 * * *", "Retries": retries})).await;
    house.until("09:10:10").await;

    house.engine.take_away("docket-once-20261121T091000Z-1");
    house.engine.take_away(NAME);
    house.pass(SECOND).await;
    let meanwhile = house.newest("a").await;
    house.until("09:15:00").await;

    assert_eq!(house.newest("once").await, "09:10:00 failed: container-removed");
    assert_eq!(meanwhile, "09:10:00 retrying: container-removed");
    assert_eq!(house.newest("a").await, "09:10:00 succeeded at attempt 2");
}

const LOST: &str = "09:10:00 lost: container-gone";

/// Dies at a call, and another program removes the container while no server runs.
async fn removed_while_the_server_was_down(call: &'static str, forgets_events: bool) -> House {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "sleep-30").await;
    house.plan(call, Fault::DiesAfter);
    house.until("09:10:10").await;
    assert!(house.is_dead());
    let ground = house.die();
    ground.engine.take_away(NAME);
    if forgets_events {
        ground.engine.forget_events();
    }
    let house = ground.open().await;
    house.until("09:30:00").await;
    house
}

#[tokio::test(start_paused = true)]
async fn what_became_of_one_removed_while_the_server_was_down_is_in_the_events() {
    let never_ran = removed_while_the_server_was_down("created", false).await;
    assert_eq!(never_ran.summaries("a").await, ["09:10:00 succeeded"]);
    assert_eq!(never_ran.instants("a").len(), 1);

    for call in ["launch", "started"] {
        let ran = removed_while_the_server_was_down(call, false).await;
        assert_eq!(ran.summaries("a").await, ["09:10:00 failed: killed -9"], "{call}");
        let attempt = &ran.runs("a").await[0].attempts[0];
        assert_eq!(attempt.remarks, ["its container was removed before docket read its output"]);
        assert_eq!(ran.seen("a").len(), 1, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_removed_while_the_server_was_down_is_lost_where_the_engine_forgot_it() {
    for call in ["created", "launch", "started"] {
        let house = removed_while_the_server_was_down(call, true).await;
        assert_eq!(house.summaries("a").await, [LOST], "{call}");
        assert_eq!(house.seen("a").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_removed_after_a_start_without_an_answer_is_not_started_again() {
    for (forgets_events, expected) in [(false, "09:10:00 succeeded"), (true, LOST)] {
        let house = House::open().await;
        house.push_with("a", "busybox", json!({"Cron": "10 9 * * *", "Retries": 3})).await;
        house.plan("launch", Fault::LosesAnswer);
        house.until("09:09:59").await;
        (0..8).for_each(|_| house.plan("ping", Fault::Fails));
        house.until("09:10:00.500").await;

        // It has run and ended meanwhile.
        house.engine.take_away(NAME);
        if forgets_events {
            house.engine.forget_events();
        }
        house.until("09:30:00").await;

        assert_eq!(house.newest("a").await, expected);
        assert_eq!(house.instants("a").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_the_same_name_that_is_not_ours_is_never_touched() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    let allocation = house.allocation("a");
    let identity = Identity {
        namespace: "docket".into(),
        store: uuid::Uuid::from_u128(7),
        allocation: allocation.name().clone(),
        uid: allocation.uid,
        instant: "20261121T091000Z".parse().unwrap(),
        attempt: 1.into(),
    };
    let container = allocation.specification.container.clone();
    let (labels, environment) = (BTreeMap::default(), Vec::new());
    let plan = Plan {
        identity,
        labels,
        container,
        environment,
        command: None,
        pull: docket_model::allocation::Pull::Missing,
        placement: docket_model::allocation::Placement::default(),
        node: None,
        life: docket_model::Life::new(1, house.clock.now()),
        parts: 1,
    };
    let holder = house.engine.prepare(&plan).await.unwrap().handle;

    house.until("09:11:00").await;

    let summary = house.newest("a").await;
    assert_eq!(summary, format!("09:10:00 failed: name-held container {holder} (image `busybox`)"));
    let seen = house.seen("a");
    assert_eq!((seen.len(), seen[0].starts, seen[0].removed), (1, 0, false));
}
