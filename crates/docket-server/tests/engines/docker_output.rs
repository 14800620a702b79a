//! What containers write on a real Docker engine, to the byte.

use docket_server::engine::{Condition, EngineError, Follow, Handle, LogCursor};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::{
    contract::{PLENTY, Subject, bytes},
    harness::Bed,
};

/// All that is handed out behind so many bytes, to the end.
async fn all(subject: &Subject, handle: &Handle, skip: u64) -> Result<Vec<u8>, EngineError> {
    let log = subject.engine.logs(handle, LogCursor::behind(skip), Follow::ToEnd);
    Ok(bytes(&log.try_collect::<Vec<_>>().await?))
}

#[tokio::test]
async fn a_line_of_a_mebibyte_comes_back_to_the_byte() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script = "head -c 1048576 /dev/zero | tr '\\0' x; printf y";
    let (_, captured) = subject.run(&subject.script("long", script)).await;

    let mut expected = vec![b'x'; 1 << 20];
    expected.push(b'y');
    assert!(captured.output.to_bytes() == expected, "{}", captured.output.written());
}

#[tokio::test]
async fn both_streams_come_back_in_the_order_they_were_written() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script =
        "echo 1; sleep 0.2; echo 2 >&2; sleep 0.2; echo 3; sleep 0.2; printf '4\\0\\1' >&2";
    let (_, captured) = subject.run(&subject.script("both", script)).await;

    assert_eq!(captured.output.to_bytes(), b"1\n2\n3\n4\x00\x01");
}

#[tokio::test]
async fn of_longer_output_head_and_tail_are_kept() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let made = subject.start(&subject.script("cut", "seq 1 5000")).await;
    subject.follow(&made.handle).await.unwrap();

    let output = subject.engine.read_log(&made.handle, 100).await.unwrap().output;

    let bytes = output.to_bytes();
    assert!(bytes.starts_with(b"1\n2\n3\n") && bytes.ends_with(b"4999\n5000\n"));
    assert_eq!((output.kept(), output.written()), (100, 23_893));
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_terminals_bytes_come_back_as_they_were_written() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script =
        "printf '\\1\\2\\0 first'; sleep 0.2; printf '\\2second\\n'; sleep 0.2; printf '\\0'";
    let config = json!({"Config": {"Tty": true, "Cmd": ["sh", "-c", script]}});
    let (_, captured) = subject.run(&subject.docker_plan("terminal", config)).await;

    assert_eq!(captured.output.to_bytes(), b"\x01\x02\x00 first\x02second\r\n\x00");
}

#[tokio::test]
async fn live_output_has_each_byte_in_the_order_of_the_output() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script = "seq 1 20000; echo between >&2; seq 1 20000";
    let made = subject.start(&subject.script("live-bytes", script)).await;

    let live = all(subject, &made.handle, 0).await.unwrap();

    // How the engine mixes the two streams is its own affair.
    let output = subject.engine.read_log(&made.handle, PLENTY).await.unwrap().output.to_bytes();
    assert!(live == output, "{} {}", live.len(), output.len());
    let written: usize = (1..=20_000).map(|number: u32| format!("{number}\n").len()).sum();
    assert_eq!(live.len(), 2 * written + "between\n".len());
    let (_, rest) = live.split_at(live.len() - 9);
    let skip = u64::try_from(live.len() - rest.len()).unwrap();
    assert_eq!(all(subject, &made.handle, skip).await.unwrap(), rest);
    assert_eq!(all(subject, &made.handle, 1 << 40).await.unwrap(), b"");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn a_terminals_live_output_is_as_it_was_written() {
    let bed = Bed::shared().await;
    let subject = &bed.subject();
    let script = "printf '\\1\\2\\0 first'; sleep 0.2; printf '\\2second\\n'";
    let config = json!({"Config": {"Tty": true, "Cmd": ["sh", "-c", script]}});
    let made = subject.start(&subject.docker_plan("live-terminal", config)).await;

    let live = all(subject, &made.handle, 0).await.unwrap();

    assert_eq!(live, b"\x01\x02\x00 first\x02second\r\n");
    subject.engine.remove(&made.handle, Condition::NotRunning).await.unwrap();
}
