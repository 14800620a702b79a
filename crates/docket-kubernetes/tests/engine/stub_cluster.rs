//! A stub of an API server with scheduling gates keeps the contract, too, and what is of gates.

use docket_server::engine::{EngineError, Launch, Observation};

use crate::{
    cluster_bed::name,
    contract::{self, Program},
    stub_api::StubApi,
};

/// Runs a behaviour of the contract on a stub of its own.
macro_rules! keeps {
    ($($behaviour:ident,)*) => {
        $(#[tokio::test]
        async fn $behaviour() {
            contract::$behaviour(&StubApi::start().await.subject().await).await;
        })*
    };
}

contract::any_engine!(keeps);
contract::separate_start!(keeps);
keeps! {
    a_stop_at_once_cuts_a_gentle_one_short,
    an_engine_that_is_away_is_unreachable_and_found_again,
}

#[tokio::test]
async fn a_start_under_a_stale_version_starts_nothing() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let handle =
        subject.engine.prepare(&subject.plan("stale", Program::Ends(0))).await.unwrap().handle;
    let note = serde_json::json!({"metadata": {"annotations": {"note": "of someone else"}}});
    stub.change(|objects| objects.annotate(name(&handle), &note));

    let launched = subject.engine.launch(&handle).await.unwrap();

    let Launch::OutOfDate(present) = launched else { panic!("{launched:?}") };
    assert_eq!(stub.objects.lock().starts(), 0);
    assert_eq!(subject.engine.launch(&present).await, Ok(Launch::Accepted));
    assert_eq!(subject.follow(&handle).await.unwrap().code, 0);
    assert_eq!(stub.objects.lock().starts(), 1);
}

#[tokio::test]
async fn a_create_that_arrives_after_the_removal_starts_nothing() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let plan = subject.plan("late", Program::Ends(0));
    stub.objects.lock().holds_create = true;
    let unanswered = subject.engine.prepare(&plan).await;
    assert!(matches!(unanswered, Err(EngineError::Unreachable(_))), "{unanswered:?}");
    let handle = subject.start(&plan).await.handle;
    subject.follow(&handle).await.unwrap();
    subject.engine.remove(&handle, docket_server::engine::Condition::NotRunning).await.unwrap();

    assert_eq!(stub.change(crate::stub_api::Objects::deliver_late), 1);

    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    assert_eq!(found.len(), 1);
    let observation = subject.engine.inspect(&found[0].handle).await;
    assert_eq!(observation, Ok(Observation::Pending(None)));
    assert_eq!(stub.objects.lock().starts(), 1);
}
