//! How containers end, by themselves and before their time, and their removal.

use std::time::Duration;

use docket_model::{output::Stream, run::ExitCause};
use docket_server::engine::{
    Condition, EngineError, Grace, Launch, Observation, Past, Stop, TakeOver,
};
use tokio::time::Instant;

use super::{PLENTY, Program, Subject};

fn gently(seconds: i64) -> Stop {
    Stop::Gently(Grace::of(Some(seconds)))
}

pub(crate) async fn a_run_gives_its_output_its_exit_code_and_its_times(subject: &Subject) {
    let plan = subject.plan("echo", Program::Prints(&[(Stream::Out, "hello")], 0));
    let handle = subject.start(&plan).await.handle;

    let exit = subject.follow(&handle).await.unwrap();
    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();

    assert_eq!((captured.output.to_bytes(), captured.remark), (b"hello\n".to_vec(), None));
    assert_eq!((exit.code, exit.cause, exit.error), (Some(0), None, None));
    assert!(exit.started_at.unwrap() <= exit.ended_at.unwrap());
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_failure_gives_its_exit_code(subject: &Subject) {
    let plan = subject.plan("three", Program::Prints(&[(Stream::Error, "why")], 3));
    let handle = subject.start(&plan).await.handle;

    let exit = subject.follow(&handle).await.unwrap();

    assert_eq!((exit.code, exit.cause, exit.error), (Some(3), None, None));
    let output = subject.engine.read_log(&handle, PLENTY).await.unwrap().output;
    assert_eq!(output.to_bytes(), b"why\n");
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_ends_at_once_is_watched_to_its_end(subject: &Subject) {
    for turn in 0..10 {
        let plan = subject.plan(&format!("at-once-{turn}"), Program::Ends(0));
        let handle = subject.start(&plan).await.handle;

        assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));

        let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();
        assert_eq!(captured.output.written(), 0);
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
}

pub(crate) async fn a_container_that_another_program_kills_was_killed(subject: &Subject) {
    let plan = subject.plan("killed", Program::EndsWhenAsked);
    let handle = subject.start_and_read(&plan).await.handle;

    let kill = async { subject.bed.kill(&handle) };
    let (exit, ()) = tokio::join!(subject.follow(&handle), kill);

    assert_eq!(exit.unwrap().cause, Some(ExitCause::Killed));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_another_program_removes_is_gone(subject: &Subject) {
    let plan = subject.plan("removed", Program::EndsWhenAsked);
    let handle = subject.start_and_read(&plan).await.handle;

    let remove = async { subject.bed.remove_by_force(&handle) };
    let (watched, ()) = tokio::join!(subject.follow(&handle), remove);

    assert_eq!(watched, Err(EngineError::Gone));
}

pub(crate) async fn a_gentle_stop_lets_the_program_end_by_itself(subject: &Subject) {
    let plan = subject.plan("gentle", Program::EndsWhenAsked);
    let handle = subject.start_and_read(&plan).await.handle;

    subject.engine.stop(&handle, gently(10)).await.unwrap();

    let observation = subject.engine.inspect(&handle).await.unwrap();
    let Observation::Ended(exit) = observation else { panic!("{observation:?}") };
    subject.assert_end(&handle, &exit, (Some(7), None));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_program_that_ignores_the_request_to_end_is_killed_after_its_grace(
    subject: &Subject,
) {
    let plan = subject.plan("ignores", Program::IgnoresRequestToEnd);
    let handle = subject.start_and_read(&plan).await.handle;
    let asked_at = Instant::now();

    subject.engine.stop(&handle, gently(1)).await.unwrap();

    assert!(asked_at.elapsed() > Duration::from_millis(900), "{:?}", asked_at.elapsed());
    let exit = subject.follow(&handle).await.unwrap();
    subject.assert_end(&handle, &exit, (None, Some(ExitCause::Killed)));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_stop_at_once_cuts_a_gentle_one_short(subject: &Subject) {
    let plan = subject.plan("hurry", Program::IgnoresRequestToEnd);
    let handle = subject.start_and_read(&plan).await.handle;
    let asked_at = Instant::now();
    let gently = subject.engine.stop(&handle, gently(600));

    let (gently, at_once) = tokio::join!(gently, subject.engine.stop(&handle, Stop::AtOnce));

    assert_eq!((gently, at_once), (Ok(()), Ok(())));
    assert!(asked_at.elapsed() < Duration::from_secs(300), "{:?}", asked_at.elapsed());
    let exit = subject.follow(&handle).await.unwrap();
    subject.assert_end(&handle, &exit, (None, Some(ExitCause::Killed)));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_was_not_started_is_stopped_already(subject: &Subject) {
    let handle =
        subject.engine.prepare(&subject.plan("new", Program::Ends(0))).await.unwrap().handle;

    for how in [gently(10), Stop::AtOnce] {
        assert_eq!(subject.engine.stop(&handle, how).await, Ok(()));
    }

    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Pending(None)));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn an_ended_container_is_stopped_already(subject: &Subject) {
    let handle = subject.start(&subject.plan("ended", Program::Ends(0))).await.handle;
    subject.follow(&handle).await.unwrap();

    for how in [gently(10), Stop::AtOnce] {
        assert_eq!(subject.engine.stop(&handle, how).await, Ok(()));
    }

    assert_eq!(subject.follow(&handle).await.unwrap().code, Some(0));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_is_removed_is_gone_for_every_call(subject: &Subject) {
    let handle = subject.start(&subject.plan("gone", Program::Ends(0))).await.handle;
    subject.follow(&handle).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();

    assert_eq!(subject.engine.remove(&handle, Condition::NotRunning).await, Ok(()));
    assert_eq!(subject.engine.launch(&handle).await, Ok(Launch::NeverRan));
    assert_eq!(subject.engine.inspect(&handle).await, Ok(Observation::Gone(Past::Unknown)));
    assert_eq!(subject.engine.identify(&handle).await, Err(EngineError::Gone));
    assert_eq!(subject.follow(&handle).await, Err(EngineError::Gone));
    assert_eq!(subject.engine.read_log(&handle, PLENTY).await, Err(EngineError::Gone));
    for how in [gently(10), Stop::AtOnce] {
        assert_eq!(subject.engine.stop(&handle, how).await, Err(EngineError::Gone));
    }
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    assert!(matches!(taken_over, TakeOver::Gone(_)), "{taken_over:?}");
}

pub(crate) async fn a_container_that_runs_is_not_removed(subject: &Subject) {
    let handle = subject.start(&subject.plan("runs", Program::EndsWhenAsked)).await.handle;

    let refusal = subject.engine.remove(&handle, Condition::NotRunning).await.unwrap_err();

    assert!(matches!(refusal, EngineError::Refused { .. }), "{refusal:?}");
    let observation = subject.engine.inspect(&handle).await.unwrap();
    assert!(matches!(observation, Observation::Running { .. }), "{observation:?}");
    subject.clean_up(&handle).await;
}

pub(crate) async fn a_container_that_has_changed_is_not_removed_unchanged(subject: &Subject) {
    let plan = subject.plan("changed", Program::Ends(0));
    let handle = subject.start(&plan).await.handle;
    subject.follow(&handle).await.unwrap();

    // Its start has changed it, where the engine has versions.
    if handle.version.is_some() {
        let refusal = subject.engine.remove(&handle, Condition::Unchanged).await.unwrap_err();
        assert!(matches!(refusal, EngineError::Refused { .. }), "{refusal:?}");
    }

    let present = subject.engine.prepare(&plan).await.unwrap();
    assert!(present.joined && present.handle.id == handle.id, "{present:?}");
    assert_eq!(subject.engine.remove(&present.handle, Condition::Unchanged).await, Ok(()));
}
