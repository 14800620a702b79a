//! Following a log whose reads and inspections come as a test says.

use super::{
    super::tests::scripted_daemon::{Reply, Stub, inspection, inspection_with},
    *,
};

/// `out\nerr` in two frames.
const LOG: &[u8] = b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x03err";

/// Answers looks and reads of the log, each in its turn.
fn stub<const N: usize, const M: usize>(looks: [&'static str; N], logs: [Reply; M]) -> Stub {
    let (mut looks, mut logs) = (looks.into_iter(), logs.into_iter());
    Stub::start(move |request| match request.split_once(' ') {
        Some((_, "/_ping")) => Reply::Json(200, "OK".to_owned()),
        Some((_, path)) if path.contains("/logs") => logs.next().unwrap(),
        _ => looks.next().map_or(Reply::Lost, inspection),
    })
}

fn log() -> Reply {
    Reply::Bytes(LOG.to_vec())
}

fn cut(length: usize) -> Reply {
    Reply::Broken(LOG.get(..length).unwrap().to_vec())
}

/// Follows the log to its end; one that breaks off is followed again behind what was read.
async fn read(stub: &Stub, skip: u64) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    loop {
        let (client, id) = (stub.client(), ContainerId("c1".into()));
        let position = skip + bytes.len() as u64;
        let mut live = output(client, Arc::default(), id, position, Follow::ToEnd);
        let broken = loop {
            match live.next().await {
                Some(Ok(chunk)) => bytes.extend_from_slice(&chunk.bytes),
                Some(Err(EngineError::Unreachable(_))) => break true,
                Some(Err(error)) => return Err(error),
                None => break false,
            }
        };
        if !broken {
            return Ok(bytes);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_breaks_off_anywhere_is_followed_on_without_loss_or_doubling() {
    for length in 0..=LOG.len() {
        let stub = stub(["running", "running", "exited"], [cut(length), log(), log()]);

        assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr", "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_known_already_is_skipped() {
    for (skip, rest) in [(0, &b"out\nerr"[..]), (5, b"rr"), (7, b""), (100, b"")] {
        let stub = stub(["running", "exited"], [cut(LOG.len()), log()]);

        assert_eq!(read(&stub, skip).await.unwrap(), rest, "{skip}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_follow_that_ends_cleanly_is_no_end_while_the_container_runs() {
    let none = || Reply::Bytes(Vec::new());
    let stub = stub(["running", "running", "running", "exited"], [none(), none(), none(), log()]);

    assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr");
    assert_eq!(stub.count("GET /containers/c1/logs?stdout=1&stderr=1&follow=1"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_follow_that_never_ends_is_left_once_the_container_has_ended() {
    let stub = stub(["running", "running", "exited", "exited"], [Reply::Silence, log()]);

    assert_eq!(read(&stub, 0).await.unwrap(), b"out\nerr");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_gone_ends_the_stream() {
    let gone = || Reply::Json(404, r#"{"message":"No such container: c1"}"#.to_owned());
    let stub = Stub::start(move |_| gone());

    assert_eq!(read(&stub, 0).await, Err(EngineError::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_follow_that_breaks_off_ends_with_an_error_after_one_request() {
    let stub = stub(["exited"], [cut(10)]);
    let (client, id) = (stub.client(), ContainerId("c1".into()));

    let read: Vec<_> = output(client, Arc::default(), id, 0, Follow::ToEnd).collect().await;

    assert!(matches!(read[..], [.., Err(EngineError::Unreachable(_))]), "{read:?}");
    assert_eq!(stub.count("GET /containers/c1/logs"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_terminals_bytes_are_handed_out_as_they_are() {
    let stub = Stub::start(|request| {
        if request.contains("/logs") {
            log()
        } else {
            inspection_with("exited", &serde_json::json!({"Tty": true}))
        }
    });

    assert_eq!(read(&stub, 0).await.unwrap(), LOG);
}
