//! Reading what a container wrote, from the engine's log of it.

use std::time::Duration;

use docket_model::{Output, output::Stream, run::ContainerId};
use futures_util::{Stream as Pieces, StreamExt};

use super::{
    container_log_cache::{Kept, LogForm, Notes},
    log_decoder::{Messages, broken},
    log_timestamps::{Next, Stamped, moment_of},
    rotated_log_index::{Extent, Found, Missing, Walk},
};
use crate::engine::docker_api::{engine_client::Client, log_frames::stream_of};
use crate::engine::{Captured, EngineError, Refusal};

/// What a message of the driver `json-file` has on disk beside its text: keys, stream and time.
const JSON_MESSAGE: u64 = 68;
/// How long the engine may take for the next piece.
const PIECE_LIMIT: Duration = Duration::from_secs(60);

/// The log of a container that has ended.
pub(super) struct Log<'a> {
    pub(super) client: &'a Client,
    pub(super) id: &'a ContainerId,
    pub(super) form: LogForm,
    pub(super) notes: &'a Notes,
}

impl Log<'_> {
    /// Reads the whole log from its beginning, and keeps at most `limit` bytes.
    pub(super) async fn read(&self, limit: usize) -> Result<Captured, EngineError> {
        let read = match &self.form.kept {
            None => self.read_once(limit).await,
            Some(kept) => self.read_rotated(kept, limit).await,
        };
        match read {
            Err(error) if error.is_unreadable_log() => {
                let remark = Some(format!("no output: {error}"));
                Ok(Captured { output: Output::default(), remark })
            }
            read => read,
        }
    }

    async fn read_once(&self, limit: usize) -> Result<Captured, EngineError> {
        let mut messages = Messages::new(&self.form);
        let mut pieces = self.client.get(format!("{}{}", path(self.id), messages.query()))?;
        let mut output = Output::bounded(limit);
        while let Some(piece) = next(self.client, &mut pieces).await? {
            messages.push(&piece, &mut |stream, at, bytes| {
                if let Some(at) = at {
                    output.note_time(at);
                }
                output.push_to(stream, bytes);
            })?;
        }
        if !messages.are_complete() {
            return Err(broken("it ends within a frame"));
        }
        Ok(Captured { output, remark: messages.message().as_deref().map(ends_too_soon) })
    }

    /// Reads a log that is rotated, which may begin in the middle of what was written.
    async fn read_rotated(&self, kept: &Kept, limit: usize) -> Result<Captured, EngineError> {
        let mut pieces = self.client.get(format!("{}&timestamps=1", path(self.id)))?;
        let mut output = Output::bounded(limit);
        let mut stamped = Stamped::new(self.form.has_terminal);
        // Without a mark: nothing of this read was handed out before.
        let mut walk = Walk::new(self.notes.index(self.id), Extent::All, None);
        let mut stream = Stream::Out;
        let mut on_disk = 0_u64;
        while let Some(piece) = next(self.client, &mut pieces).await? {
            let pushed = stamped.push(&piece, |next| {
                match next {
                    Next::Message(number, stamp) => {
                        stream = stream_of(number);
                        on_disk += JSON_MESSAGE;
                        if let Some(at) = moment_of(&stamp) {
                            output.note_time(at);
                        }
                        // All is kept, so positions matter only at the end, for the count of
                        // missing bytes.
                        let _: Found = walk.message(number, stamp);
                    }
                    Next::Bytes(bytes) => {
                        walk.bytes(bytes.len());
                        // JSON escapes take more, so this is the least that the log has on disk.
                        on_disk += bytes.len() as u64;
                        output.push_to(stream, bytes);
                    }
                }
                true
            });
            pushed.map_err(|_| broken("its messages have no time stamps"))?;
        }
        if !stamped.is_complete() {
            return Err(broken("it ends within a frame"));
        }
        if walk.is_outdated() {
            return Err(broken("the log driver dropped what was to be read"));
        }
        let missing = walk.missing();
        let output = output.behind_missing(missing.bytes);
        // A log that fills what its driver keeps may have been rotated before the first read.
        let is_full = kept.at_least > 0 && on_disk >= kept.at_least;
        let dropped = match missing.bytes {
            0 => is_full.then(|| may_be_dropped(&kept.words)),
            _ => Some(dropped(missing, &kept.words)),
        };
        let remarks = dropped.into_iter().chain(stamped.message().as_deref().map(ends_too_soon));
        let remark = remarks.reduce(|first, second| format!("{first}; {second}"));
        Ok(Captured { output, remark })
    }
}

pub(super) fn ends_too_soon(message: &str) -> String {
    format!("the output may end too soon: {message}")
}

/// Says what is missing at the beginning of an output.
fn dropped(missing: Missing, kept: &str) -> String {
    let Missing { bytes, is_exact } = missing;
    let at_least = if is_exact { "" } else { "at least " };
    format!(
        "the beginning of the output is missing, {at_least}{bytes} bytes: the engine's log driver \
         ({kept}) dropped it before docket read the log"
    )
}

/// Says that it is not known whether something is missing at the beginning of an output.
fn may_be_dropped(kept: &str) -> String {
    format!(
        "the beginning of the output may be missing: the engine's log driver ({kept}) keeps no more \
         than docket read"
    )
}

/// Tells a log whose container is gone from one that the engine does not hand out.
pub(super) fn gone_or(error: EngineError) -> EngineError {
    match error {
        EngineError::Refused { kind: Refusal::NotFound, .. } => EngineError::Gone,
        EngineError::Refused { kind: Refusal::Conflict, message } if is_going(&message) => {
            EngineError::Gone
        }
        EngineError::Refused { kind: Refusal::Failed, message } if is_not_kept(&message) => {
            EngineError::Refused { kind: Refusal::Unsupported, message }
        }
        error => error,
    }
}

/// Podman's words where the log driver keeps nothing that can be read.
fn is_not_kept(message: &str) -> bool {
    // Docker has a status for it, 501; Podman has 500 for this and for each of its failures.
    message.contains("cannot read logs")
}

/// The engine's words where the container is being removed.
fn is_going(message: &str) -> bool {
    // Docker has the same status, 409, for other conflicts.
    message.contains("dead or marked for removal")
}

/// Where both streams of a log are, from its beginning.
pub(super) fn path(id: &ContainerId) -> String {
    format!("/containers/{id}/logs?stdout=1&stderr=1")
}

/// The next piece, unless the engine takes too long for it.
async fn next<T>(
    client: &Client,
    pieces: &mut (impl Pieces<Item = Result<T, EngineError>> + Unpin),
) -> Result<Option<T>, EngineError> {
    match tokio::time::timeout(PIECE_LIMIT, pieces.next()).await {
        Ok(piece) => piece.transpose().map_err(gone_or),
        Err(_) => Err(client.no_answer(PIECE_LIMIT)),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::scripted_daemon::{Reply, Stub},
        *,
    };

    /// Reads the log of a container without a terminal, of which this is noted.
    async fn read(stub: &Stub, notes: &Notes, kept: Option<Kept>) -> Result<Captured, EngineError> {
        let (client, id) = (stub.client(), ContainerId("c1".into()));
        let has_stamps = kept.is_some();
        let form = LogForm { has_terminal: false, has_stamps, kept };
        Log { client: &client, id: &id, form, notes }.read(100).await
    }

    const LOG: &[u8] = b"\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x03err";

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_silent_is_given_up_after_a_minute() {
        let stub = Stub::start(|_| Reply::Silence);
        let asked_at = tokio::time::Instant::now();

        let silent = read(&stub, &Notes::default(), None).await;

        assert!(matches!(silent, Err(EngineError::Unreachable(_))), "{silent:?}");
        assert_eq!(asked_at.elapsed().as_secs(), 60);
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_read_at_all_is_empty_and_one_that_the_engine_fails_at_is_refused()
    {
        let failed = |status| Reply::Json(status, r#"{"message":"no such thing"}"#.to_owned());
        let words = "this container is using the 'none' log driver, cannot read logs";
        let none = Reply::Json(500, serde_json::json!({"message": words}).to_string());
        let mut answers = [failed(500), failed(501), none].into_iter();
        let stub = Stub::start(move |_| answers.next().unwrap());
        let read = async || read(&stub, &Notes::default(), None).await;

        let failed = read().await.unwrap_err();
        let unreadable = read().await.unwrap();
        let not_kept = read().await.unwrap();

        let message = "no such thing".to_owned();
        assert_eq!(failed, EngineError::Refused { kind: Refusal::Failed, message });
        assert_eq!(unreadable.remark.unwrap(), "no output: no such thing");
        assert_eq!(not_kept.remark.unwrap(), format!("no output: {words}"));
    }

    #[tokio::test]
    async fn a_log_that_fills_what_its_driver_keeps_may_lack_its_beginning() {
        let text = b"2026-11-21T09:00:00.000000001Z line\n";
        let log = [b"\x01\0\0\0\0\0\0".as_slice(), &[36], text].concat();
        let stub = Stub::start(move |_| Reply::Bytes(log.clone()));
        let remark = async |at_least| {
            let kept = Kept { words: "`json-file`, max-size 1k".into(), at_least };
            read(&stub, &Notes::default(), Some(kept)).await.unwrap().remark
        };

        // The line has 5 bytes, and 68 more on the disk of the engine.
        assert_eq!(remark(74).await, None);
        assert_eq!(remark(0).await, None, "it is not known how much is kept");
        let full = remark(73).await.unwrap();
        assert!(full.starts_with("the beginning of the output may be missing"), "{full}");
    }

    #[tokio::test]
    async fn a_read_that_breaks_off_is_no_refusal() {
        let cut = || Reply::Bytes(LOG.get(..10).unwrap().to_vec());
        for reply in [Reply::Broken(LOG.to_vec()), cut()] {
            let mut replies = [reply].into_iter();
            let stub = Stub::start(move |_| replies.next().unwrap());

            let broken = read(&stub, &Notes::default(), None).await;

            assert!(matches!(broken, Err(EngineError::Unreachable(_))), "{broken:?}");
            assert_eq!(stub.count("GET /containers/c1/logs?stdout=1&stderr=1"), 1);
        }
    }
}
