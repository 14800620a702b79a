//! Containers that were left behind, and those that are others'.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::harness::{Fault, Ground, House, MINUTE, SECOND, Settings};
use crate::{
    clock::Clock,
    engine::{
        Engine, Identity, Plan,
        scripted_engine::{self, name},
    },
};

/// A container as a server makes it, of this image.
async fn put(ground: &Ground, image: &str, change: impl FnOnce(&mut Identity)) -> String {
    let house = ground.clone().open().await;
    house.push("model", "", image).await;
    let allocation = house.allocation("model");
    let mut identity = Identity {
        namespace: "docket".into(),
        store: ground.store_id().await,
        allocation: allocation.name().clone(),
        uid: allocation.uid,
        instant: "20261101T000000Z".parse().unwrap(),
        attempt: 1.into(),
    };
    change(&mut identity);
    let plan = Plan {
        identity,
        labels: BTreeMap::default(),
        container: allocation.specification.container.clone(),
        environment: Vec::new(),
        command: None,
        pull: docket_model::allocation::Pull::Missing,
        placement: docket_model::allocation::Placement::default(),
        node: None,
        life: docket_model::Life::new(1, house.clock.now()),
        parts: 1,
    };
    let made = ground.engine.prepare(&plan).await.unwrap();
    ground.engine.launch(&made.handle).await.unwrap();
    house.close().await;
    name(&plan.identity)
}

fn removed(house: &House, name: &str) -> bool {
    house
        .engine
        .seen()
        .iter()
        .any(|seen| scripted_engine::name(&seen.identity) == name && seen.removed)
}

#[tokio::test(start_paused = true)]
async fn one_of_a_run_without_a_record_goes_once_it_has_ended() {
    let ground = Ground::new(Settings::default());
    let ended = put(&ground, "exit-1", |_| {}).await;
    let running = put(&ground, "sleep-60", |identity| identity.attempt = 2.into()).await;

    let house = ground.open().await;
    house.pass(SECOND).await;
    let meanwhile = (removed(&house, &ended), removed(&house, &running));
    house.pass(MINUTE).await;

    assert_eq!(meanwhile, (true, false));
    assert!(removed(&house, &running));
}

#[tokio::test(start_paused = true)]
async fn those_of_others_are_not_touched() {
    let ground = Ground::new(Settings::default());
    let namespace = put(&ground, "exit-1", |identity| identity.namespace = "other".into()).await;
    let other = |identity: &mut Identity| {
        identity.store = Uuid::from_u128(7);
        identity.attempt = 2.into();
    };
    let store = put(&ground, "exit-1", other).await;

    let house = ground.open().await;
    house.pass(MINUTE).await;

    assert!(!removed(&house, &namespace) && !removed(&house, &store));
}

#[tokio::test(start_paused = true)]
async fn they_are_looked_for_again_when_the_engine_comes_back() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.plan("remove", Fault::LosesAnswer);
    house.until("09:05:00").await;
    let ground = house.die();
    let house = ground.clone().open().await;
    house.pass(SECOND).await;

    house.engine.set_away(true);
    house.pass(MINUTE).await;
    house.engine.set_away(false);
    let late = put(&ground, "exit-1", |_| {}).await;
    house.pass(MINUTE).await;

    assert!(removed(&house, &late));
}

#[tokio::test(start_paused = true)]
async fn they_are_looked_for_when_the_engine_comes_back_however_often_that_was_in_vain() {
    let ground = Ground::new(Settings::default());
    let house = ground.clone().open().await;
    (0..7).for_each(|_| house.plan("list_owned", Fault::Refuses));
    house.pass(12 * MINUTE).await;

    house.engine.set_away(true);
    house.pass(MINUTE).await;
    house.engine.set_away(false);
    let late = put(&ground, "exit-1", |_| {}).await;
    house.pass(5 * SECOND).await;

    assert!(removed(&house, &late));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_found_again_and_again_is_in_one_hand() {
    let ground = Ground::new(Settings::default());
    put(&ground, "sleep-3600", |_| {}).await;
    let house = ground.open().await;

    for _ in 0..5 {
        house.pass(MINUTE).await;
        house.engine.set_away(true);
        house.pass(MINUTE).await;
        house.engine.set_away(false);
    }
    house.pass(MINUTE).await;

    assert_eq!(house.runner.records.term.task_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_whose_end_is_on_record_goes() {
    let house = House::open().await;
    house.push("a", "10 9 * * *", "busybox").await;
    house.plan("remove", Fault::DiesBefore);
    house.until("09:11:00").await;
    assert!(house.is_dead() && !house.seen("a")[0].removed);

    let house = house.die().open().await;
    house.pass(SECOND).await;

    assert!(house.seen("a")[0].removed);
}
