//! A run from its creation to its removal.

use std::fmt::Write;

use docket_model::run::ContainerId;
use docket_server::engine::{EngineError, LifeEvent};
use futures_util::StreamExt;
use serde_json::json;
use uuid::Uuid;

use super::{PLENTY, Subject};

pub(crate) async fn it_tells_what_it_is(subject: &Subject) {
    let info = subject.engine.info().await.unwrap();

    assert!(info.id.is_some() && !info.version.is_empty() && info.cores > 0, "{info:?}");
    assert!(info.api_version.starts_with("1."), "{info:?}");
}

pub(crate) async fn a_run_gives_its_output_its_exit_code_and_its_times(subject: &Subject) {
    let (exit, captured) = subject.run(&subject.script("echo", "echo hello")).await;

    assert_eq!(captured.output.to_bytes(), b"hello\n");
    assert_eq!(captured.remark, None);
    assert_eq!((exit.code, exit.out_of_memory, exit.engine_went_down), (0, false, false));
    assert!(exit.started_at.unwrap() <= exit.ended_at.unwrap());
    assert_eq!(exit.error, None);
}

pub(crate) async fn a_failure_gives_its_exit_code(subject: &Subject) {
    let (exit, captured) = subject.run(&subject.script("three", "echo why >&2; exit 3")).await;

    assert_eq!((exit.code, exit.engine_went_down), (3, false));
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
    subject.follow(&made.id).await.unwrap();

    let output = subject.engine.output(&made.id, 100).await.unwrap().output;

    let bytes = output.to_bytes();
    assert!(bytes.starts_with(b"1\n2\n3\n") && bytes.ends_with(b"4999\n5000\n"));
    assert_eq!((output.kept(), output.written()), (100, 23_893));
    subject.engine.remove(&made.id).await.unwrap();
}

pub(crate) async fn a_terminals_bytes_come_back_as_they_were_written(subject: &Subject) {
    let script =
        "printf '\\1\\2\\0 first'; sleep 0.2; printf '\\2second\\n'; sleep 0.2; printf '\\0'";
    let config = json!({"Config": {"Tty": true, "Cmd": ["sh", "-c", script]}});
    let (_, captured) = subject.run(&subject.plan("terminal", config)).await;

    assert_eq!(captured.output.to_bytes(), b"\x01\x02\x00 first\x02second\r\n\x00");
}

pub(crate) async fn the_program_is_told_which_run_it_is(subject: &Subject) {
    let plan = subject.plan(
        "told",
        json!({"Config": {"Cmd": ["sh", "-c", "env | grep DOCKET_ | sort"], "Env": ["DOCKET_X=1"]}}),
    );
    let (_, captured) = subject.run(&plan).await;

    let expected = "DOCKET_ALLOCATION=told\nDOCKET_ATTEMPT=1\nDOCKET_INSTANT=2026-11-21T09:00:00Z\n\
                    DOCKET_RUN=told/20261121T090000Z\nDOCKET_X=1\n";
    assert_eq!(String::from_utf8(captured.output.to_bytes()).unwrap(), expected);
}

pub(crate) async fn creating_twice_joins_the_container(subject: &Subject) {
    let plan = subject.script("twice", "echo once");
    let first = subject.engine.create(&plan).await.unwrap();
    let second = subject.engine.create(&plan).await.unwrap();

    assert_eq!((&first.id, first.joined, second.joined), (&second.id, false, true));
    assert!(second.image.is_some());
    subject.engine.remove(&first.id).await.unwrap();
}

/// The events of a container up to its removal.
async fn life(subject: &Subject, id: &ContainerId) -> Vec<LifeEvent> {
    let mut events = subject.engine.life_events(id).map(Result::unwrap);
    let mut seen = Vec::new();
    while seen.last() != Some(&LifeEvent::Removed) {
        seen.extend(events.next().await);
    }
    seen
}

pub(crate) async fn events_say_whether_a_container_ever_ran(subject: &Subject) {
    let never = subject.engine.create(&subject.script("never", "true")).await.unwrap().id;
    let ran = subject.begin(&subject.script("ran", "exit 3")).await.id;
    let exit = subject.follow(&ran).await.unwrap();
    // One is looked at while it is removed, and the other after that.
    let (of_never, removed) = tokio::join!(life(subject, &never), subject.engine.remove(&never));
    removed.unwrap();
    subject.engine.remove(&ran).await.unwrap();
    let of_ran = life(subject, &ran).await;

    assert_eq!(of_never, [LifeEvent::Created, LifeEvent::Removed]);
    let [
        LifeEvent::Created,
        LifeEvent::Started { at: Some(_) },
        LifeEvent::Exited { code, at: Some(ended_at) },
        LifeEvent::Removed,
    ] = of_ran[..]
    else {
        panic!("{of_ran:?}");
    };
    assert_eq!(code, Some(exit.code));
    assert!((ended_at - exit.ended_at.unwrap()).num_seconds().abs() < 2, "{ended_at}");
}

pub(crate) async fn a_name_that_another_holds_is_left_alone(subject: &Subject) {
    let plan = subject.script("held", "true");
    let holder = subject.engine.create(&plan).await.unwrap();
    let mut other = plan.clone();
    other.identity.uid = Uuid::new_v4();

    let refusal = subject.engine.create(&other).await.unwrap_err();

    let EngineError::NameHeld { holder: words } = refusal else { panic!("{refusal:?}") };
    assert!(words.contains(&*holder.id.0) && words.contains(&subject.image), "{words}");
    subject.engine.remove(&holder.id).await.unwrap();
}

pub(crate) async fn a_container_without_an_image_is_not_created(subject: &Subject) {
    let config = json!({"Config": {"Image": "nobody/nothing:7", "Cmd": ["true"]}});
    let refusal = subject.engine.create(&subject.plan("no-image", config)).await.unwrap_err();

    assert!(matches!(refusal, EngineError::NoSuchImage { .. }), "{refusal:?}");
    assert_eq!(refusal.to_string(), "image nobody/nothing:7 not found");
}

pub(crate) async fn a_program_that_is_not_there_cannot_be_started(subject: &Subject) {
    let plan = subject.plan("no-program", json!({"Config": {"Cmd": ["/no/such"]}}));
    let made = subject.engine.create(&plan).await.unwrap();

    let refusal = subject.engine.start(&made.id).await.unwrap_err();

    let EngineError::NotStartable(message) = refusal else { panic!("{refusal:?}") };
    assert!(message.contains("/no/such"), "{message}");
    let followed = subject.follow(&made.id).await.unwrap_err();
    assert!(matches!(followed, EngineError::NotStartable(_)), "{followed:?}");
    subject.engine.remove(&made.id).await.unwrap();
}

pub(crate) async fn what_is_gone_is_said_to_be_gone(subject: &Subject) {
    let made = subject.begin(&subject.script("gone", "true")).await;
    subject.follow(&made.id).await.unwrap();
    subject.engine.remove(&made.id).await.unwrap();

    subject.engine.remove(&made.id).await.unwrap();
    assert_eq!(subject.engine.start(&made.id).await, Err(EngineError::NeverStarted));
    assert_eq!(subject.follow(&made.id).await, Err(EngineError::Gone));
    assert_eq!(subject.engine.output(&made.id, PLENTY).await, Err(EngineError::Gone));
}

pub(crate) async fn a_container_that_runs_is_not_removed(subject: &Subject) {
    let made = subject.begin(&subject.script("runs", "sleep 3")).await;

    let refusal = subject.engine.remove(&made.id).await.unwrap_err();

    assert!(matches!(refusal, EngineError::Refused { .. }), "{refusal:?}");
    subject.follow(&made.id).await.unwrap();
    subject.engine.remove(&made.id).await.unwrap();
}
