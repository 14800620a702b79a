//! Requests that get no answer, and reach the engine later.

use docket_server::engine::{
    Condition, Disarmed, EngineError, Handle, Launch, Observation, Past, Plan, Starts, TakeOver,
    Target,
};

use super::{Program, Request, Subject};

/// Sends the request that starts a container, which gets no answer; returns the container where it is known.
async fn start_without_answer(subject: &Subject, plan: &Plan) -> Option<Handle> {
    if subject.engine.starts() == Starts::WithPrepare {
        prepare_without_answer(subject, plan).await;
        return None;
    }
    let handle = subject.engine.prepare(plan).await.unwrap().handle;
    subject.bed.hold(Request::Launch);
    let launched = subject.engine.launch(&handle).await;
    assert!(matches!(launched, Ok(Launch::Unknown(_))), "{launched:?}");
    Some(handle)
}

async fn prepare_without_answer(subject: &Subject, plan: &Plan) {
    subject.bed.hold(Request::Prepare);
    let prepared = subject.engine.prepare(plan).await;
    assert!(matches!(prepared, Err(EngineError::Unreachable(_))), "{prepared:?}");
}

/// Lets the request that is held reach the engine.
async fn deliver(subject: &Subject) {
    assert_eq!(subject.bed.deliver().await, 1);
}

/// Makes sure that an attempt whose start got no answer does not start any more.
async fn give_up(subject: &Subject, plan: &Plan, handle: Option<&Handle>) {
    let target = match handle {
        None => Target::Name(&plan.identity),
        Some(handle) => {
            let taken_over = subject.engine.take_over(handle).await.unwrap();
            let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };
            Target::Guarded(guard)
        }
    };
    let disarmed = subject.engine.disarm(target).await.unwrap();
    let is_disarmed = matches!(disarmed, Disarmed::Unstarted | Disarmed::Gone(Past::NeverRan));
    assert!(is_disarmed, "{disarmed:?}");
}

/// Asserts that no container is there that was started, and removes all; returns how many there were.
async fn remove_unstarted(subject: &Subject) -> usize {
    let found = subject.engine.list_owned(&subject.owner()).await.unwrap();
    for found in &found {
        let observation = subject.engine.inspect(&found.handle).await;
        assert_eq!(observation, Ok(Observation::Pending(None)));
        subject.engine.remove(&found.handle, Condition::NotRunning).await.unwrap();
    }
    found.len()
}

pub(crate) async fn a_late_start_of_a_container_that_was_given_up_starts_nothing(
    subject: &Subject,
) {
    let plan = subject.plan("late-given-up", Program::EndsWhenAsked);
    let handle = start_without_answer(subject, &plan).await;
    give_up(subject, &plan, handle.as_ref()).await;

    deliver(subject).await;

    remove_unstarted(subject).await;
}

pub(crate) async fn a_late_start_of_a_container_that_was_replaced_starts_nothing(
    subject: &Subject,
) {
    let plan = subject.plan("late-replaced", Program::Ends(0));
    let handle = start_without_answer(subject, &plan).await;
    give_up(subject, &plan, handle.as_ref()).await;
    let handle = subject.start(&plan).await.handle;
    let exit = subject.follow(&handle).await.unwrap();

    deliver(subject).await;

    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Ended(exit)));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    assert_eq!(remove_unstarted(subject).await, 0);
}

pub(crate) async fn a_late_start_before_the_next_look_is_found(subject: &Subject) {
    let plan = subject.plan("late-found", Program::EndsWhenAsked);
    let handle = start_without_answer(subject, &plan).await;

    deliver(subject).await;

    let prepared = subject.engine.prepare(&plan).await.unwrap();
    assert!(prepared.joined && handle.is_none_or(|handle| handle.id == prepared.handle.id));
    subject.wait_for_node(&prepared.handle).await;
    let found = subject.engine.take_over(&prepared.handle).await.unwrap();
    assert!(matches!(found, TakeOver::Found(Observation::Running { .. })), "{found:?}");
    subject.clean_up(&prepared.handle).await;
}

pub(crate) async fn a_late_create_after_the_removal_starts_nothing(subject: &Subject) {
    let plan = subject.plan("late-create", Program::Ends(0));
    prepare_without_answer(subject, &plan).await;
    let handle = subject.start(&plan).await.handle;
    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    deliver(subject).await;

    // Where creating starts, its name is still held; elsewhere one comes that was not started.
    let is_created = subject.engine.starts() != Starts::WithPrepare;
    assert_eq!(remove_unstarted(subject).await, usize::from(is_created));
}
