//! Containers that a request of an earlier life, or one without an answer, may still start; and an engine
//! that is away.

use docket_model::allocation::Pull;
use docket_server::engine::{
    Condition, Disarmed, EngineError, Follow, Handle, Launch, LogCursor, Observation, Past, Plan,
    Starts, Stop, TakeOver, Target,
};
use futures_util::StreamExt;

use super::{PLENTY, Program, Subject};

pub(crate) async fn a_container_that_was_not_started_is_disarmed(subject: &Subject) {
    let plan = subject.plan("never", Program::Ends(0));
    let (handle, is_kept) = disarmed(subject, &plan).await;

    let late = subject.engine.launch(&handle).await.unwrap();
    let later = subject.engine.take_over(&handle).await.unwrap();
    let again = subject.start(&plan).await;

    match late {
        Launch::OutOfDate(_) => assert!(is_kept),
        late => assert_eq!((late, is_kept), (Launch::NeverRan, false)),
    }
    assert_eq!(matches!(later, TakeOver::Replaceable(_)), is_kept, "{later:?}");
    assert_eq!(matches!(later, TakeOver::Gone(_)), !is_kept, "{later:?}");
    assert_eq!((again.joined, again.handle.id == handle.id), (is_kept, is_kept), "{again:?}");
    assert_eq!(subject.follow(&again.handle).await.unwrap().code, Some(0));
    subject.engine.remove(&again.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_is_disarmed_is_removed(subject: &Subject) {
    let (handle, _) = disarmed(subject, &subject.plan("given-up", Program::Ends(0))).await;

    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    assert_eq!(subject.engine.launch(&handle).await, Ok(Launch::NeverRan));
    assert_eq!(subject.engine.list_owned(&subject.owner()).await, Ok(Vec::new()));
}

pub(crate) async fn a_container_that_is_disarmed_is_known_to_have_never_run(subject: &Subject) {
    let (handle, _) = disarmed(subject, &subject.plan("remembered", Program::Ends(0))).await;
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    let later = subject.engine.take_over(&handle).await.unwrap();

    assert!(matches!(later, TakeOver::Gone(Past::NeverRan)), "{later:?}");
}

/// A container that was prepared and disarmed, and whether it is kept: it may be where starts are conditional.
async fn disarmed(subject: &Subject, plan: &Plan) -> (Handle, bool) {
    let handle = subject.engine.prepare(plan).await.unwrap().handle;
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };

    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    let is_kept = matches!(disarmed, Disarmed::Unstarted);
    assert!(is_kept || matches!(disarmed, Disarmed::Gone(Past::NeverRan)), "{disarmed:?}");
    assert!(!is_kept || subject.engine.starts() == Starts::Conditionally);
    (handle, is_kept)
}

pub(crate) async fn a_container_that_is_started_meanwhile_is_not_disarmed(subject: &Subject) {
    let plan = subject.plan("late", Program::EndsWhenAsked);
    let handle = subject.engine.prepare(&plan).await.unwrap().handle;
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };

    subject.launch(&handle).await;
    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Found(Observation::Running { .. })), "{disarmed:?}");
    subject.clean_up(&handle).await;
}

pub(crate) async fn a_container_that_runs_is_taken_over(subject: &Subject) {
    let plan = subject.plan("continues", Program::EndsWhenAsked);
    let handle = subject.start_and_read(&plan).await.handle;

    let running = subject.engine.take_over(&handle).await.unwrap();
    subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();
    let ended = subject.engine.take_over(&handle).await.unwrap();

    assert!(matches!(running, TakeOver::Found(Observation::Running { .. })), "{running:?}");
    assert!(matches!(ended, TakeOver::Found(Observation::Ended(_))), "{ended:?}");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn of_a_container_that_ran_and_is_gone_the_exit_code_is_known(subject: &Subject) {
    let handle = subject.start(&subject.plan("ran", Program::Ends(3))).await.handle;
    let exit = subject.follow(&handle).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    let taken_over = subject.engine.take_over(&handle).await.unwrap();

    let TakeOver::Gone(Past::Ran(past)) = taken_over else { panic!("{taken_over:?}") };
    assert_eq!(past.code, exit.code);
    let (ended_at, by_events) = (exit.ended_at.unwrap(), past.ended_at.unwrap());
    assert!((by_events - ended_at).num_seconds().abs() < 2, "{by_events}");
}

pub(crate) async fn a_name_that_is_disarmed_starts_nothing_more(subject: &Subject) {
    let plan = subject.plan("disarmed", Program::Ends(0));

    let disarmed = subject.engine.disarm(Target::Name(&plan.identity)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Gone(Past::NeverRan)), "{disarmed:?}");
    let late = subject.engine.prepare(&plan).await;
    if subject.engine.starts() != Starts::WithPrepare {
        let handle = late.unwrap().handle;
        assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Pending(None)));
        return subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
    assert!(matches!(late, Err(EngineError::NameHeld { .. })), "{late:?}");

    let plan = subject.plan("started", Program::EndsWhenAsked);
    let started = subject.engine.prepare(&plan).await.unwrap().handle;
    let disarmed = subject.engine.disarm(Target::Name(&plan.identity)).await.unwrap();
    let Disarmed::NameTaken(handle) = disarmed else { panic!("{disarmed:?}") };
    assert_eq!(handle.id, started.id);
    subject.clean_up(&handle).await;
}

/// Takes an engine of its own.
pub(crate) async fn an_engine_that_is_away_is_unreachable_and_found_again(subject: &Subject) {
    let plan =
        subject.plan("away", Program::Prints(&[(docket_model::output::Stream::Out, "back")], 0));
    let prepared = subject.engine.prepare(&plan).await.unwrap();
    let (engine, handle) = (&subject.engine, &prepared.handle);
    subject.bed.crash();

    let refusals = [
        engine.ping().await,
        engine.status().await.map(drop),
        engine.prepare(&plan).await.map(drop),
        engine.stop(handle, Stop::AtOnce).await,
        engine.remove(handle, Condition::NotRunning).await,
        engine.inspect(handle).await.map(drop),
        engine.identify(handle).await.map(drop),
        engine.watch(handle).next().await.unwrap().map(drop),
        engine.logs(handle, LogCursor::default(), Follow::ToEnd).next().await.unwrap().map(drop),
        engine.read_log(handle, PLENTY).await.map(drop),
        engine.list_owned(&subject.owner()).await.map(drop),
        engine.list_of_other_stores(&subject.owner()).await.map(drop),
        engine.take_over(handle).await.map(drop),
    ];
    // An engine whose nodes pull by themselves is not asked.
    let pulled = engine.pull("busybox", None, Pull::Always).await;
    assert!(matches!(pulled, Err(EngineError::Unreachable(_)) | Ok(None)), "{pulled:?}");
    for (call, refusal) in refusals.into_iter().enumerate() {
        assert!(matches!(refusal, Err(EngineError::Unreachable(_))), "{call}: {refusal:?}");
    }
    if engine.starts() != Starts::WithPrepare {
        let launched = engine.launch(handle).await;
        assert!(matches!(launched, Ok(Launch::Unknown(_))), "{launched:?}");
    }

    subject.bed.restart().await;
    let found = subject.start(&plan).await;
    assert!(found.joined && found.handle.id == handle.id, "{found:?}");
    assert_eq!(subject.follow(handle).await.unwrap().code, Some(0));
    let output = engine.read_log(handle, PLENTY).await.unwrap().output;
    assert_eq!(output.to_bytes(), b"back\n");
    engine.remove(handle, Condition::NotRunning).await.unwrap();
}
