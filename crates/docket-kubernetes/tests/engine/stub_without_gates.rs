//! A stub of an API server without scheduling gates also keeps the contract, and the rules that hold where
//! creating a pod starts it.

use docket_model::allocation::Pull;
use docket_server::engine::{Condition, Disarmed, EngineError, Finding, Observation, Past, Target};
use serde_json::json;

use crate::{
    cluster_bed::name,
    contract::{self, Program},
    stub_api::{Objects, Requests, StubApi},
};

/// Runs a behaviour of the contract on a stub of its own.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            contract::$behaviour(&StubApi::start_without_gates().await.subject().await).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::several_nodes!(keeps);
contract::late_requests!(keeps);
keeps! { an_engine_that_is_away_is_unreachable_and_found_again, }

#[tokio::test]
async fn a_removed_pod_is_deleted_once_it_has_held_its_name_long_enough() {
    let stub = StubApi::start_without_gates().await;
    let subject = stub.subject().await;
    let handle = subject.start(&subject.plan("held", Program::Ends(0))).await.handle;
    subject.follow(&handle).await.unwrap();

    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    let held = stub.objects.lock().pod(name(&handle)).cloned().unwrap();
    let long_ago = json!({"io.docket.removed-at": "2000-01-01T00:00:00Z"});
    let aged = json!({"metadata": {"annotations": long_ago}});
    stub.change(|objects| objects.annotate(name(&handle), &aged));
    subject.engine.list_owned(&subject.owner()).await.unwrap();

    assert!(found.is_empty(), "{found:?}");
    assert_eq!(held["metadata"]["deletionTimestamp"], json!(null), "its node repeats a DELETE");
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Gone(Past::Unknown)));
    assert!(!stub.objects.lock().has(name(&handle)));
}

#[tokio::test]
async fn a_name_that_a_quota_keeps_from_being_held_may_still_be_taken_by_a_late_create() {
    let stub = StubApi::start_without_gates().await;
    let subject = stub.subject().await;
    let plan = subject.plan("late", Program::Ends(0));
    stub.objects.lock().holds = Some(Requests::Creates);
    let unanswered = subject.engine.prepare(&plan).await;
    assert!(matches!(unanswered, Err(EngineError::Unreachable(_))), "{unanswered:?}");
    let set_refused = |refused| stub.objects.lock().refuses = refused;

    set_refused(Some(Requests::Creates));
    let refused = subject.engine.disarm(Target::Name(&plan.identity)).await;
    set_refused(None);
    assert_eq!(stub.change(Objects::deliver_late), [true]);
    set_refused(Some(Requests::Creates));
    let taken = subject.engine.disarm(Target::Name(&plan.identity)).await;

    let Err(EngineError::Refused { message, .. }) = refused else { panic!("{refused:?}") };
    assert!(message.contains("exceeded quota"), "{message}");
    let Ok(Disarmed::NameTaken(handle)) = taken else { panic!("{taken:?}") };
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
    assert_eq!(stub.objects.lock().starts(), 1);
}

#[tokio::test]
async fn a_refused_read_says_nothing_about_who_has_a_name() {
    let stub = StubApi::start_without_gates().await;
    let subject = stub.subject().await;
    let plan = subject.plan("unread", Program::EndsWhenAsked);
    let handle = subject.start(&plan).await.handle;

    for refused in [Requests::Reads, Requests::All] {
        stub.objects.lock().refuses = Some(refused);
        let held = subject.engine.disarm(Target::Name(&plan.identity)).await;

        assert!(matches!(held, Err(EngineError::Unreachable(_))), "{refused:?}: {held:?}");
    }
    stub.objects.lock().refuses = None;
    let held = subject.engine.disarm(Target::Name(&plan.identity)).await;
    assert!(matches!(&held, Ok(Disarmed::NameTaken(taken)) if taken.id == handle.id), "{held:?}");
}

#[tokio::test]
async fn a_check_starts_nothing_and_reports_what_the_cluster_refuses() {
    let stub = StubApi::start_without_gates().await;
    let subject = stub.subject().await;
    let plan = subject.plan("checked", Program::Ends(0));

    let accepted = subject.check(&plan, Pull::Always).await;
    stub.objects.lock().refuses = Some(Requests::Trials);
    let refused = subject.check(&plan, Pull::Always).await;

    assert_eq!(accepted, []);
    assert_eq!(refused, [Finding::fatal("", "pods is forbidden: exceeded quota".to_owned())]);
    assert_eq!(stub.objects.lock().starts(), 0);
}
