//! A run from its creation to its removal.

use std::fmt::Write;

use docket_server::engine::{
    Condition, Disarmed, EngineError, Launch, Observation, Past, Stop, TakeOver, Target,
};
use serde_json::json;
use uuid::Uuid;

use super::{PLENTY, Subject};

pub(crate) async fn it_tells_what_it_is(subject: &Subject) {
    let info = subject.engine.status().await.unwrap();

    assert!(info.id.is_some() && !info.version.is_empty() && info.cores > 0, "{info:?}");
    assert!(info.api_version.starts_with("1."), "{info:?}");
}

pub(crate) async fn a_run_gives_its_output_its_exit_code_and_its_times(subject: &Subject) {
    let (exit, captured) = subject.run(&subject.script("echo", "echo hello")).await;

    assert_eq!(captured.output.to_bytes(), b"hello\n");
    assert_eq!(captured.remark, None);
    assert_eq!((exit.code, exit.cause), (0, None));
    assert!(exit.started_at.unwrap() <= exit.ended_at.unwrap());
    assert_eq!(exit.error, None);
}

pub(crate) async fn a_failure_gives_its_exit_code(subject: &Subject) {
    let (exit, captured) = subject.run(&subject.script("three", "echo why >&2; exit 3")).await;

    assert_eq!((exit.code, exit.cause), (3, None));
    assert_eq!(captured.output.to_bytes(), b"why\n");
}

pub(crate) async fn a_container_that_ends_at_once_is_followed_to_its_end(subject: &Subject) {
    for turn in 0..10 {
        let plan = subject.plan(&format!("at-once-{turn}"), json!({"Config": {"Cmd": ["true"]}}));
        let (exit, captured) = subject.run(&plan).await;

        assert_eq!((exit.code, captured.output.written()), (0, 0));
    }
}

pub(crate) async fn many_lines_come_back_to_the_byte(subject: &Subject) {
    let (_, captured) = subject.run(&subject.script("many", "seq 1 200000")).await;

    let mut expected = String::new();
    for line in 1..=200_000 {
        writeln!(expected, "{line}").unwrap();
    }
    assert!(captured.output.to_bytes() == expected.as_bytes(), "{}", captured.output.written());
}

pub(crate) async fn a_line_of_a_mebibyte_comes_back_to_the_byte(subject: &Subject) {
    let script = "head -c 1048576 /dev/zero | tr '\\0' x; printf y";
    let (_, captured) = subject.run(&subject.script("long", script)).await;

    let mut expected = vec![b'x'; 1 << 20];
    expected.push(b'y');
    assert!(captured.output.to_bytes() == expected, "{}", captured.output.written());
}

pub(crate) async fn both_streams_come_back_in_the_order_they_were_written(subject: &Subject) {
    let script =
        "echo 1; sleep 0.2; echo 2 >&2; sleep 0.2; echo 3; sleep 0.2; printf '4\\0\\1' >&2";
    let (_, captured) = subject.run(&subject.script("both", script)).await;

    assert_eq!(captured.output.to_bytes(), b"1\n2\n3\n4\x00\x01");
}

pub(crate) async fn of_longer_output_head_and_tail_are_kept(subject: &Subject) {
    let made = subject.begin(&subject.script("cut", "seq 1 5000")).await;
    subject.follow(&made.handle).await.unwrap();

    let output = subject.engine.read_log(&made.handle, 100).await.unwrap().output;

    let bytes = output.to_bytes();
    assert!(bytes.starts_with(b"1\n2\n3\n") && bytes.ends_with(b"4999\n5000\n"));
    assert_eq!((output.kept(), output.written()), (100, 23_893));
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_terminals_bytes_come_back_as_they_were_written(subject: &Subject) {
    let script =
        "printf '\\1\\2\\0 first'; sleep 0.2; printf '\\2second\\n'; sleep 0.2; printf '\\0'";
    let config = json!({"Config": {"Tty": true, "Cmd": ["sh", "-c", script]}});
    let (_, captured) = subject.run(&subject.plan("terminal", config)).await;

    assert_eq!(captured.output.to_bytes(), b"\x01\x02\x00 first\x02second\r\n\x00");
}

pub(crate) async fn the_environment_names_the_run(subject: &Subject) {
    let plan = subject.plan(
        "named",
        json!({"Config": {"Cmd": ["sh", "-c", "env | grep DOCKET_ | sort"], "Env": ["DOCKET_X=1"]}}),
    );
    let (_, captured) = subject.run(&plan).await;

    let expected = "DOCKET_ALLOCATION=named\nDOCKET_ATTEMPT=1\nDOCKET_INSTANT=2026-11-21T09:00:00Z\n\
                    DOCKET_RUN=named/20261121T090000Z\nDOCKET_X=1\n";
    assert_eq!(String::from_utf8(captured.output.to_bytes()).unwrap(), expected);
}

pub(crate) async fn creating_twice_joins_the_container(subject: &Subject) {
    let plan = subject.script("twice", "echo once");
    let first = subject.engine.prepare(&plan).await.unwrap();
    let second = subject.engine.prepare(&plan).await.unwrap();

    assert_eq!((&first.handle, first.joined, second.joined), (&second.handle, false, true));
    assert!(second.image.is_some());
    subject.engine.remove(&first.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_that_was_not_started_is_taken_over_and_disarmed(subject: &Subject) {
    let handle = subject.engine.prepare(&subject.script("never", "true")).await.unwrap().handle;

    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };
    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Gone(Past::NeverRan)), "{disarmed:?}");
    assert_eq!(subject.engine.launch(&handle).await, Ok(Launch::NeverRan));
    let later = subject.engine.take_over(&handle).await.unwrap();
    assert!(matches!(later, TakeOver::Gone(Past::NeverRan)), "{later:?}");
}

pub(crate) async fn a_container_that_is_started_meanwhile_is_not_disarmed(subject: &Subject) {
    let handle = subject.engine.prepare(&subject.script("late", "sleep 600")).await.unwrap().handle;
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    let TakeOver::Replaceable(guard) = taken_over else { panic!("{taken_over:?}") };

    subject.engine.launch(&handle).await.unwrap();
    let disarmed = subject.engine.disarm(Target::Guarded(guard)).await.unwrap();

    assert!(matches!(disarmed, Disarmed::Found(Observation::Running { .. })), "{disarmed:?}");
    let taken_over = subject.engine.take_over(&handle).await.unwrap();
    assert!(matches!(taken_over, TakeOver::Found(Observation::Running { .. })), "{taken_over:?}");
    subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn of_a_container_that_ran_and_is_gone_the_exit_code_is_known(subject: &Subject) {
    let ran = subject.begin(&subject.script("ran", "exit 3")).await.handle;
    let exit = subject.follow(&ran).await.unwrap();
    subject.engine.remove(&ran, Condition::NotRunning).await.unwrap();

    let taken_over = subject.engine.take_over(&ran).await.unwrap();

    let TakeOver::Gone(Past::Ran(past)) = taken_over else { panic!("{taken_over:?}") };
    assert_eq!(past.code, exit.code);
    let (ended_at, by_events) = (exit.ended_at.unwrap(), past.ended_at.unwrap());
    assert!((by_events - ended_at).num_seconds().abs() < 2, "{by_events}");
}

pub(crate) async fn a_name_that_another_holds_is_left_alone(subject: &Subject) {
    let plan = subject.script("held", "true");
    let holder = subject.engine.prepare(&plan).await.unwrap();
    let mut other = plan.clone();
    other.identity.uid = Uuid::new_v4();

    let refusal = subject.engine.prepare(&other).await.unwrap_err();

    let EngineError::NameHeld { holder: words } = refusal else { panic!("{refusal:?}") };
    assert!(words.contains(&*holder.handle.id.0) && words.contains(&subject.image), "{words}");
    subject.engine.remove(&holder.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn a_container_without_an_image_is_not_created(subject: &Subject) {
    let config = json!({"Config": {"Image": "example/missing:7", "Cmd": ["true"]}});
    let refusal = subject.engine.prepare(&subject.plan("no-image", config)).await.unwrap_err();

    assert!(matches!(refusal, EngineError::NoSuchImage { .. }), "{refusal:?}");
    assert_eq!(refusal.to_string(), "image example/missing:7 not found");
}

pub(crate) async fn a_program_that_is_not_there_cannot_be_started(subject: &Subject) {
    let plan = subject.plan("no-program", json!({"Config": {"Cmd": ["/no/such"]}}));
    let made = subject.engine.prepare(&plan).await.unwrap();

    let refusal = subject.engine.launch(&made.handle).await.unwrap_err();

    let EngineError::NotStartable(message) = refusal else { panic!("{refusal:?}") };
    assert!(message.contains("/no/such"), "{message}");
    let followed = subject.follow(&made.handle).await.unwrap_err();
    assert!(matches!(followed, EngineError::NotStartable(_)), "{followed:?}");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

pub(crate) async fn what_is_gone_is_said_to_be_gone(subject: &Subject) {
    let made = subject.begin(&subject.script("gone", "true")).await;
    subject.follow(&made.handle).await.unwrap();
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();

    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
    assert_eq!(subject.engine.launch(&made.handle).await, Ok(Launch::NeverRan));
    assert_eq!(subject.follow(&made.handle).await, Err(EngineError::Gone));
    assert_eq!(subject.engine.read_log(&made.handle, PLENTY).await, Err(EngineError::Gone));
}

pub(crate) async fn a_container_that_runs_is_not_removed(subject: &Subject) {
    let made = subject.begin(&subject.script("runs", "sleep 3")).await;

    let refusal = subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap_err();

    assert!(matches!(refusal, EngineError::Refused { .. }), "{refusal:?}");
    subject.follow(&made.handle).await.unwrap();
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}
