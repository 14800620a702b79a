//! Finding containers again by their labels.

use docket_server::engine::{Condition, Owner, Stop};
use uuid::Uuid;

use super::{Program, Subject};

pub(crate) async fn the_containers_of_an_owner_are_listed(subject: &Subject) {
    let plans =
        ["found-1", "found-2", "found-3"].map(|name| subject.plan(name, Program::EndsWhenAsked));
    let prepared = subject.engine.prepare(&plans[0]).await.unwrap().handle;
    let running = subject.start(&plans[1]).await.handle;
    let ended = subject.start(&plans[2]).await.handle;
    subject.engine.stop(&ended, Stop::AtOnce).await.unwrap();

    let mut found = subject.engine.list_owned(&subject.owner()).await.unwrap();

    found.sort_by_key(|found| found.identity.allocation.to_string());
    let ids: Vec<_> = found.iter().map(|found| &found.handle.id).collect();
    assert_eq!(ids, [&prepared.id, &running.id, &ended.id]);
    for (found, plan) in found.iter().zip(&plans) {
        assert_eq!((&found.identity, found.life), (&plan.identity, Some(plan.life)));
    }
    let others = Owner { store: Uuid::new_v4(), ..subject.owner() };
    assert_eq!(subject.engine.list_owned(&others).await, Ok(Vec::new()));
    let elsewhere = Owner { namespace: "test".into(), ..subject.owner() };
    assert_eq!(subject.engine.list_owned(&elsewhere).await, Ok(Vec::new()));
    for handle in [prepared, running, ended] {
        subject.clean_up(&handle).await;
    }
    assert_eq!(subject.engine.list_owned(&subject.owner()).await, Ok(Vec::new()));
}

pub(crate) async fn running_containers_of_other_stores_are_listed(subject: &Subject) {
    let running = subject.start(&subject.plan("other-1", Program::EndsWhenAsked)).await.handle;
    let ended = subject.start(&subject.plan("other-2", Program::Ends(0))).await.handle;
    subject.follow(&ended).await.unwrap();
    let another_store = Owner { store: Uuid::new_v4(), ..subject.owner() };

    let found = subject.engine.list_of_other_stores(&another_store).await.unwrap();
    let own = subject.engine.list_of_other_stores(&subject.owner()).await.unwrap();

    let ids: Vec<_> = found.iter().map(|found| &found.handle.id).collect();
    assert_eq!((ids, own), (vec![&running.id], Vec::new()));
    subject.clean_up(&running).await;
    subject.engine.remove(&ended, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn the_labels_of_a_container_say_whose_it_is(subject: &Subject) {
    let mut plan = subject.plan("labelled", Program::EndsWhenAsked);
    plan.identity.attempt.number = 3;
    let handle = subject.start(&plan).await.handle;

    let found = subject.engine.identify(&handle).await.unwrap().unwrap();

    assert_eq!((found.identity, found.life), (plan.identity, Some(plan.life)));
    assert!(found.created_at.is_some());
    subject.clean_up(&handle).await;
}
