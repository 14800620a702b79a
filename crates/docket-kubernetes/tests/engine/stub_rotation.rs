//! Logs that their node rotates while they are followed, on the stub of an API server.

use bytes::Bytes;
use docket_server::engine::{Condition, EngineError, Follow, Handle, Log, LogCursor};
use futures_util::StreamExt;

use crate::{
    cluster_bed::name,
    contract::{PLENTY, Program, Subject},
    stub_api::StubApi,
};

/// A pod that runs and has written `up`, and a follower that has read that; docket has followed its log, too.
async fn followed(stub: &StubApi, subject: &Subject) -> (Handle, Log) {
    let handle =
        subject.start_and_read(&subject.plan("rotated", Program::EndsWhenAsked)).await.handle;
    let mut follower = follow(subject, &handle, 0);
    assert_eq!(next(&mut follower).await, Ok((3, "up\n".into())));
    // Of both followers, and of docket.
    stub.until(|objects| (objects.stamped_reads >= 3).then_some(())).await;
    (handle, follower)
}

fn follow(subject: &Subject, handle: &Handle, from: u64) -> Log {
    subject.engine.logs(handle, LogCursor::behind(from), Follow::ToEnd)
}

/// The next piece, and the position behind it.
async fn next(log: &mut Log) -> Result<(u64, Bytes), EngineError> {
    log.next().await.unwrap().map(|(cursor, chunk)| (cursor.bytes(), chunk.bytes))
}

fn rotate(stub: &StubApi, handle: &Handle, is_followed_on: bool) {
    stub.change(|objects| {
        objects.rotate(name(handle), is_followed_on);
        objects.write(name(handle), "later\n");
    });
}

fn missing(bytes: u64) -> Result<(u64, Bytes), EngineError> {
    Err(EngineError::OutputMissing { bytes, is_exact: false })
}

#[tokio::test]
async fn followers_go_on_behind_a_rotation_that_ends_their_follow() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let (handle, mut follower) = followed(&stub, &subject).await;

    rotate(&stub, &handle, false);
    let later = next(&mut follower).await;
    let begun_late = next(&mut follow(&subject, &handle, 0)).await;
    let continued = next(&mut follow(&subject, &handle, 3)).await;
    stub.change(|objects| objects.end(name(&handle), 0));
    let captured = subject.engine.read_log(&handle, PLENTY).await.unwrap();

    assert_eq!(later, Ok((9, "later\n".into())));
    assert_eq!(begun_late, missing(3));
    assert_eq!(continued, later);
    assert!(follower.next().await.is_none());
    assert_eq!(captured.output.to_bytes(), b"up\nlater\n");
    assert!(captured.remark.unwrap().contains("rotated"));
    subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
}

#[tokio::test]
async fn followers_go_on_behind_two_rotations() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let (handle, mut follower) = followed(&stub, &subject).await;
    let has_read =
        |times| stub.until(move |objects| (objects.stamped_reads >= times).then_some(()));

    stub.change(|objects| objects.rotate(name(&handle), false));
    // The follower asks twice how the new file begins, and docket once; then each once more, when it has a line.
    let first = tokio::join!(next(&mut follower), async {
        has_read(6).await;
        stub.change(|objects| objects.write(name(&handle), "later\n"));
        has_read(8).await;
    });
    rotate(&stub, &handle, false);

    assert_eq!(first.0, Ok((9, "later\n".into())));
    assert_eq!(next(&mut follower).await, Ok((15, "later\n".into())));
}

#[tokio::test]
async fn followers_that_come_after_a_rotation_learn_what_is_missing_also_if_the_follow_went_on() {
    let stub = StubApi::start().await;
    let subject = stub.subject().await;
    let (handle, mut follower) = followed(&stub, &subject).await;

    rotate(&stub, &handle, true);
    let later = next(&mut follower).await;
    let begun_late = next(&mut follow(&subject, &handle, 0)).await;
    let mut continued = follow(&subject, &handle, 9);
    stub.change(|objects| objects.write(name(&handle), "end\n"));

    assert_eq!(later, Ok((9, "later\n".into())));
    assert_eq!(begun_late, missing(3));
    assert_eq!(next(&mut continued).await, Ok((13, "end\n".into())));
}
