//! Reading what a container wrote, from the engine's log of it.

use std::time::Duration;

use docket_model::{Output, run::ContainerId};
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use super::{client::Client, frames::Frames};
use crate::engine::{Captured, EngineError};

/// How often a log is read that breaks off, or that the engine fails at, before the caller is told.
const TRIES: u32 = 3;
/// How long the engine may take for the next piece.
const PIECE_LIMIT: Duration = Duration::from_secs(60);

/// Reads the whole log from its beginning; a read that breaks off or fails is begun again, unless
/// that took its time.
pub(super) async fn read(
    client: &Client,
    id: &ContainerId,
    has_terminal: bool,
    limit: usize,
) -> Result<Captured, EngineError> {
    let begun_at = Instant::now();
    let mut outcome = Err(EngineError::Gone);
    for _ in 0..TRIES {
        outcome = read_once(client, id, has_terminal, limit).await;
        match outcome {
            Err(error) if error.is_unreadable_log() => {
                let remark = Some(format!("no output: {error}"));
                return Ok(Captured { output: Output::default(), remark });
            }
            Err(EngineError::Unreachable(_) | EngineError::Refused { status: 500.., .. })
                if begun_at.elapsed() < PIECE_LIMIT => {}
            _ => break,
        }
    }
    outcome
}

/// Tells a log whose container is gone from one that the engine does not hand out.
pub(super) fn gone_or(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused { status: 404, .. } => EngineError::Gone,
        EngineError::Refused { status: 409, message } if is_going(&message) => EngineError::Gone,
        error => error,
    }
}

/// The engine's words where the container is being removed.
fn is_going(message: &str) -> bool {
    message.contains("dead or marked for removal")
}

/// Where both streams of a log are, from its beginning.
pub(super) fn path(id: &ContainerId) -> String {
    format!("/containers/{id}/logs?stdout=1&stderr=1")
}

async fn read_once(
    client: &Client,
    id: &ContainerId,
    has_terminal: bool,
    limit: usize,
) -> Result<Captured, EngineError> {
    let mut pieces = client.get(path(id))?;
    let mut output = Output::bounded(limit);
    let mut frames = Frames::default();
    while let Some(piece) = next(client, &mut pieces).await? {
        if has_terminal {
            output.push(&piece);
        } else if frames.push(&piece, &mut |bytes| output.push(bytes)).is_err() {
            return Err(broken("it is not in frames"));
        }
    }
    if !frames.are_complete() {
        return Err(broken("it ends within a frame"));
    }
    let remark = frames.message().map(|message| format!("the output may end too soon: {message}"));
    Ok(Captured { output, remark })
}

/// The next piece, unless the engine takes too long for it.
async fn next<T>(
    client: &Client,
    pieces: &mut (impl Stream<Item = Result<T, EngineError>> + Unpin),
) -> Result<Option<T>, EngineError> {
    match tokio::time::timeout(PIECE_LIMIT, pieces.next()).await {
        Ok(piece) => piece.transpose().map_err(gone_or),
        Err(_) => Err(client.no_answer(PIECE_LIMIT)),
    }
}

pub(super) fn broken(reason: &str) -> EngineError {
    EngineError::Unreachable(format!("the log cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::stub::{Reply, Stub},
        *,
    };

    const LOG: &[u8] = b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x03err";

    #[tokio::test]
    async fn a_read_that_breaks_off_is_begun_again() {
        let cut = LOG.get(..10).unwrap().to_vec();
        let mut answers =
            [Reply::Broken(LOG.to_vec()), Reply::Bytes(cut), Reply::Bytes(LOG.to_vec())]
                .into_iter();
        let stub = Stub::start(move |_| answers.next().unwrap());

        let captured = read(&stub.client(), &ContainerId("c1".into()), false, 100).await.unwrap();

        assert_eq!(captured.output.to_bytes(), b"out\nerr");
        assert_eq!(stub.count("GET /containers/c1/logs?stdout=1&stderr=1"), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_silent_is_given_up_after_a_minute() {
        let stub = Stub::start(|_| Reply::Silence);
        let asked_at = Instant::now();

        let silent = read(&stub.client(), &ContainerId("c1".into()), false, 100).await;

        assert!(matches!(silent, Err(EngineError::Unreachable(_))), "{silent:?}");
        assert_eq!(asked_at.elapsed().as_secs(), 60);
    }

    #[tokio::test]
    async fn a_read_that_the_engine_fails_at_is_begun_again_unless_its_log_cannot_be_read_at_all() {
        let failed = |status| Reply::Json(status, r#"{"message":"no such thing"}"#.to_owned());
        let mut answers = [failed(500), Reply::Bytes(LOG.to_vec()), failed(501)].into_iter();
        let stub = Stub::start(move |_| answers.next().unwrap());
        let read = async || read(&stub.client(), &ContainerId("c1".into()), false, 100).await;

        let failed_once = read().await.unwrap();
        let unreadable = read().await.unwrap();

        assert_eq!(failed_once.output.to_bytes(), b"out\nerr");
        assert_eq!(unreadable.remark.unwrap(), "no output: no such thing");
    }

    #[tokio::test]
    async fn a_read_that_always_breaks_off_is_no_refusal() {
        let stub = Stub::start(|_| Reply::Broken(LOG.to_vec()));

        let broken = read(&stub.client(), &ContainerId("c1".into()), false, 100).await;

        assert!(matches!(broken, Err(EngineError::Unreachable(_))), "{broken:?}");
    }
}
