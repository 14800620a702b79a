//! Starting a container, and where it is in its life.

use docket_server::engine::{
    Condition, EngineError, Follow, Launch, LogCursor, Observation, Past, Starts, Stop,
};
use futures_util::TryStreamExt;

use super::{Program, Subject};

pub(crate) async fn a_container_is_inspected_in_each_stage_of_its_life(subject: &Subject) {
    let plan = subject.plan("looked-at", Program::EndsWhenAsked);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Pending(None)));

    subject.launch(&handle).await;
    let observation = subject.engine.inspect(&handle).await.unwrap();
    assert!(matches!(observation, Observation::Running { since: Some(_), .. }), "{observation:?}");

    subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();
    let exit = subject.follow(&handle).await.unwrap();
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Ended(exit)));

    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Gone(Past::Unknown)));
}

pub(crate) async fn a_container_is_started_once(subject: &Subject) {
    let plan = subject.plan("once", Program::EndsWhenAsked);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    assert_eq!(handle.version.is_some(), subject.engine.starts() == Starts::Conditionally);
    subject.launch(&handle).await;
    let running = subject.engine.inspect(&handle).await.unwrap();

    let again = subject.engine.launch(&handle).await.unwrap();

    match (subject.engine.starts(), again) {
        (Starts::Conditionally, Launch::OutOfDate(present)) => {
            assert_ne!(present.version, handle.version);
            assert_eq!(subject.engine.launch(&present).await, Ok(Launch::AlreadyRan));
        }
        // The container runs, which is all that the request asked for.
        (Starts::ById, Launch::Started | Launch::AlreadyRan) => {}
        (_, again) => panic!("{again:?}"),
    }
    assert_eq!(subject.engine.inspect(&handle).await, Ok(running));
    subject.clean_up(&handle).await;
}

pub(crate) async fn a_program_that_is_not_there_cannot_be_started(subject: &Subject) {
    let plan = subject.plan("no-program", Program::HasNoFile);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;

    let refusal = subject.engine.launch(&handle).await.unwrap_err();

    let EngineError::NotStartable(message) = refusal else { panic!("{refusal:?}") };
    assert!(message.contains("/no/such"), "{message}");
    let watched = subject.follow(&handle).await.unwrap_err();
    assert!(matches!(watched, EngineError::NotStartable(_)), "{watched:?}");
    let output = subject.engine.logs(&handle, LogCursor::behind(0), Follow::ToEnd);
    let failure = output.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(failure, EngineError::NotStartable(_)), "{failure:?}");
    let observation = subject.engine.inspect(&handle).await.unwrap();
    assert!(matches!(observation, Observation::Pending(Some(_))), "{observation:?}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_is_removed_before_its_start_is_prepared_anew(
    subject: &Subject,
) {
    let plan = subject.plan("anew", Program::Ends(0));
    let first = subject.engine.prepare(&plan).await.unwrap().handle;
    subject.bed.remove_by_force(&first);

    assert_eq!(subject.engine.launch(&first).await, Ok(Launch::NeverRan));

    let second = subject.start(&plan).await;
    assert!(!second.joined && second.handle.id != first.id, "{second:?}");
    assert_eq!(subject.follow(&second.handle).await.unwrap().code, Some(0));
    subject.engine.remove(&second.handle, Condition::NotRunning).await.unwrap();
}
