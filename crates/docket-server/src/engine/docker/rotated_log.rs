//! Reading a log that the engine's log driver rotates, while it is written.
//!
//! An engine's own follow of such a log is of no use: around a rotation it repeats messages and leaves
//! others out. What a plain read returns is the end of the log without gaps. So the log is read part
//! after part, from the newest message that is known on; a follow only shows that there is more.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use docket_model::{output::Stream, run::ContainerId};
use futures_util::StreamExt;
use tokio::time::Instant;

use super::{
    log_decoder::broken,
    log_timestamps::{Next, Stamp, Stamped, moment_of},
    read_log,
    rotated_log_index::{Extent, Found, LogIndex, Mark, Missing, Walk},
};
use crate::engine::EngineError;
use crate::engine::docker_api::{engine_client::Client, log_buffer::Chunks, log_frames::stream_of};

/// How far apart two reads begin at least, so that a program of many lines does not cost a request for
/// each of them.
const ROUND: Duration = Duration::from_millis(100);
/// How many new messages in a read say that the next one must not wait.
const MANY: u32 = 1000;
/// How many messages are asked for at least.
const TAIL: u32 = 256;
/// How long a follow is trusted to show that there is more.
const NEWS_LIMIT: Duration = Duration::from_secs(10);

/// The reads of a log, one after the other.
pub(super) struct Rounds {
    index: Arc<LogIndex>,
    has_terminal: bool,
    extent: Extent,
    /// How many messages are read where it is not all of them.
    tail: u32,
    /// When the next read may begin.
    next: Instant,
    /// Whether so much is written that the next read must not wait.
    is_urgent: bool,
    /// The newest message that was read.
    mark: Option<Mark>,
}

/// One read.
pub(super) struct Part {
    index: Arc<LogIndex>,
    stamped: Stamped,
    walk: Walk,
    /// The newest message that was read before.
    mark: Option<Mark>,
    extent: Extent,
    begun_at: Instant,
    /// How many messages came behind it.
    new_messages: u32,
    is_cut_short: bool,
    /// The stream of the message under way.
    stream: Stream,
    /// When that was written.
    at: Option<DateTime<Utc>>,
}

impl Rounds {
    pub(super) fn new(index: Arc<LogIndex>, has_terminal: bool) -> Self {
        let (extent, tail, next) = (Extent::All, TAIL, Instant::now());
        Self { index, has_terminal, extent, tail, next, is_urgent: false, mark: None }
    }

    /// Begins a read; returns what to ask for.
    pub(super) async fn begin(&mut self) -> (String, Part) {
        tokio::time::sleep_until(self.next).await;
        let tail = match self.extent {
            Extent::Tail => format!("&tail={}", self.tail),
            Extent::All | Extent::AllNew => String::new(),
        };
        let part = Part {
            index: Arc::clone(&self.index),
            stamped: Stamped::new(self.has_terminal),
            walk: Walk::new(Arc::clone(&self.index), self.extent, self.mark),
            mark: self.mark,
            extent: self.extent,
            begun_at: Instant::now(),
            new_messages: 0,
            is_cut_short: false,
            stream: Stream::Out,
            at: None,
        };
        (format!("&timestamps=1{tail}"), part)
    }

    /// Takes note of the end of a read; false where it must be made again, with more of the log.
    pub(super) fn end(&mut self, part: &Part) -> bool {
        // What was cut short did not reach its end, so its newest message is not that of the log.
        let is_placed = part.walk.is_placed() && !part.is_cut_short;
        if is_placed {
            self.mark = part.walk.mark().or(self.mark);
        }
        // A tail is the cheapest read; the others are for when it may not reach back to a known
        // message.
        self.extent = match part.extent {
            _ if is_placed && part.new_messages <= MANY => Extent::Tail,
            _ if is_placed => Extent::All,
            Extent::All if !part.is_cut_short => Extent::AllNew,
            _ => Extent::All,
        };
        // Twice as many as came now, so that the next tail most likely begins before them.
        self.tail = part.new_messages.saturating_mul(2).max(TAIL);
        self.is_urgent = !is_placed || part.new_messages > MANY;
        // Counted from the beginning of the read, so a long read is followed by the next one at
        // once.
        self.next = part.begun_at + if self.is_urgent { Duration::ZERO } else { ROUND };
        is_placed
    }

    /// Whether this is the stamp of the newest message that was read.
    fn has_read(&self, stamp: &Stamp) -> bool {
        self.mark.is_some_and(|mark| mark.has(stamp))
    }

    /// Waits for a message behind the newest that was read; false where none came.
    pub(super) async fn news(&self, client: &Client, id: &ContainerId) -> bool {
        if self.is_urgent {
            return true;
        }
        let path = format!("{}&timestamps=1&follow=1&tail=1", read_log::path(id));
        let Ok(mut pieces) = client.get(path) else { return false };
        let mut messages = 0;
        let mut stamped = Stamped::new(self.has_terminal);
        let news = async {
            // Errors are those of the next read.
            while let Some(Ok(piece)) = pieces.next().await {
                let mut is_new = false;
                let pushed = stamped.push(&piece, |next| {
                    if let Next::Message(_, stamp) = next {
                        messages += 1;
                        // Pieces of one line have the same stamp.
                        is_new |= messages > 1 || !self.has_read(&stamp);
                    }
                    true
                });
                // The next read meets a malformed message as well, and reports it.
                if is_new || pushed.is_err() {
                    return true;
                }
            }
            false
        };
        // Around a rotation a follow may leave messages out, so its silence is no proof.
        tokio::time::timeout(NEWS_LIMIT, news).await.unwrap_or_default()
    }
}

impl Part {
    /// Adds what of a piece of the log was not handed out before; `position` goes on with it.
    pub(super) fn unseen(
        &mut self,
        piece: &[u8],
        position: &mut u64,
        unseen: &mut Chunks,
    ) -> Result<(), EngineError> {
        let mut missing = None;
        let Self { index, stamped, walk, mark, extent, new_messages, is_cut_short, .. } = self;
        let (current, written_at) = (&mut self.stream, &mut self.at);
        let pushed = stamped.push(piece, |next| match next {
            Next::Message(stream, stamp) => {
                (*current, *written_at) = (stream_of(stream), moment_of(&stamp));
                // What the reader has not got yet begins no later than here.
                let (first, at) = match walk.message(stream, stamp) {
                    Found::At(at) => (at, at),
                    Found::Behind { first, at } => (first, at),
                    Found::NotYet => return true,
                    Found::TooNew | Found::Outdated => {
                        *is_cut_short = true;
                        return false;
                    }
                };
                *new_messages += u32::from(!mark.is_some_and(|mark| mark.is_at_or_behind(at)));
                if at <= *position {
                    return true;
                }
                // A read of all begins with a message whose position is known by now.
                if first > *position && *extent != Extent::Tail {
                    missing = Some(index.missing(*position, first));
                } else {
                    *is_cut_short = true;
                }
                false
            }
            Next::Bytes(bytes) => {
                if let Some(at) = walk.bytes(bytes.len()) {
                    let known = usize::try_from(position.saturating_sub(at)).unwrap_or(usize::MAX);
                    let new = bytes.get(known..).unwrap_or_default();
                    unseen.push(*current, *written_at, new);
                    *position += new.len() as u64;
                }
                true
            }
        });
        pushed.map_err(|_| broken("its messages have no time stamps"))?;
        match missing {
            Some(Missing { bytes, is_exact }) if unseen.is_empty() => {
                Err(EngineError::OutputMissing { bytes, is_exact })
            }
            _ => Ok(()),
        }
    }

    /// True where the rest of the read is of no use, because the read does not reach far enough back.
    pub(super) fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// Whether anything was read that no earlier read had.
    pub(super) fn has_news(&self) -> bool {
        self.new_messages > 0
    }

    /// True where nothing is missing at its end.
    pub(super) fn is_complete(&self) -> bool {
        self.stamped.is_complete()
    }

    /// Why the engine could not read the log to its end.
    pub(super) fn message(&self) -> Option<String> {
        self.stamped.message()
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{Chunk, Follow};
    use std::{iter::once, sync::Arc};

    use futures_util::TryStreamExt;
    use serde_json::json;

    use super::{
        super::{
            container_log_cache::{Kept, LogForm, Notes},
            follow_log,
            read_log::Log,
            tests::scripted_daemon::{Reply, Stub, inspection},
        },
        *,
    };

    /// The lines of a log from one number on, each with a stamp of its own.
    fn lines(numbers: std::ops::Range<u32>) -> Vec<u8> {
        let frame = |number: u32| {
            let line = format!("2026-11-21T09:00:00.{number:09}Z line {number}\n");
            let stream = u8::try_from(1 + number % 2).unwrap();
            [&[stream, 0, 0, 0], &u32::try_from(line.len()).unwrap().to_be_bytes(), line.as_bytes()]
                .concat()
        };
        numbers.flat_map(frame).collect()
    }

    /// The same as they were written.
    fn text(numbers: std::ops::Range<u32>) -> String {
        let lines: Vec<_> = numbers.map(|number| format!("line {number}\n")).collect();
        lines.concat()
    }

    /// A container whose log is at each read what is next in `logs`; it has ended at the last one.
    fn stub(logs: impl IntoIterator<Item = std::ops::Range<u32>>) -> Stub {
        let mut logs: Vec<_> = logs.into_iter().collect();
        logs.reverse();
        Stub::start(move |request| match request {
            "GET /_ping" => Reply::Json(200, "OK".to_owned()),
            // As an engine does around a rotation: messages are repeated, and left out.
            request if request.contains("follow=1") => {
                Reply::Bytes([lines(0..2), lines(0..1), lines(7..8)].concat())
            }
            request if request.contains("/logs") => {
                let log = logs.pop().unwrap();
                let tail = request.split_once("&tail=").map(|(_, tail)| tail.parse().unwrap());
                let first = tail.map_or(log.start, |tail: u32| log.end.saturating_sub(tail));
                Reply::Bytes(lines(first.max(log.start)..log.end))
            }
            _ => rotated(if logs.len() > 1 { "running" } else { "exited" }),
        })
    }

    fn rotated(state: &str) -> Reply {
        let Reply::Json(status, body) = inspection(state) else { panic!("no JSON") };
        let mut inspection: serde_json::Value = serde_json::from_str(&body).unwrap();
        inspection["HostConfig"] =
            json!({"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}});
        Reply::Json(status, inspection.to_string())
    }

    fn container() -> ContainerId {
        ContainerId("c1".into())
    }

    async fn follow(stub: &Stub, notes: &Arc<Notes>, skip: u64) -> Result<String, EngineError> {
        let output =
            follow_log::output(stub.client(), notes.clone(), container(), skip, Follow::ToEnd);
        let chunks: Vec<Chunk> = output.try_collect().await?;
        let bytes = chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
        Ok(String::from_utf8(bytes).unwrap())
    }

    async fn capture(stub: &Stub, notes: &Notes) -> (u64, String, Option<String>) {
        let form = LogForm {
            has_terminal: false,
            has_stamps: true,
            kept: Some(Kept { words: "`json-file`".into(), at_least: 0 }),
        };
        let (client, id) = (stub.client(), container());
        let captured = Log { client: &client, id: &id, form, notes }.read(1 << 20).await.unwrap();
        let (head, tail) = captured.output.parts();
        let kept = String::from_utf8([head, tail].concat()).unwrap();
        (captured.output.missing(), kept, captured.remark)
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_is_rotated_is_read_without_loss_or_doubling_as_long_as_the_engine_has_it() {
        let notes = Arc::default();
        // Some reads do not reach back to what was read before, and are made again.
        let stub = stub([0..3, 0..5, 2..700, 2..700, 300..5000, 300..5000, 4000..5000, 4990..5001]);

        assert!(follow(&stub, &notes, 0).await.unwrap() == text(0..5001));
    }

    #[tokio::test(start_paused = true)]
    async fn output_that_was_dropped_between_two_reads_is_reported_and_the_rest_follows() {
        let notes = Arc::default();
        let stub = stub([0..3, 5..8, 5..8, 5..8]);

        let missing = follow(&stub, &notes, 0).await.unwrap_err();
        let rest = follow(&stub, &notes, 21 + 1).await.unwrap();

        assert_eq!(missing, EngineError::OutputMissing { bytes: 1, is_exact: false });
        assert_eq!(rest, text(5..8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_comes_later_learns_how_much_was_dropped() {
        let notes = Arc::default();
        follow(&stub([0..5, 0..9]), &notes, 0).await.unwrap();

        let missing = follow(&stub([4..9, 4..9]), &notes, 0).await.unwrap_err();
        let rest = follow(&stub(once(4..9)), &notes, 28).await.unwrap();

        assert_eq!(missing, EngineError::OutputMissing { bytes: 28, is_exact: true });
        assert_eq!(rest, text(4..9));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_counted_and_is_not_there_any_more_is_missing_in_the_record() {
        let notes = Arc::<Notes>::default();
        let running = stub([0..5, 0..9]);
        let counting = follow_log::count(running.client(), Arc::clone(&notes), container());
        let _: Result<_, _> = tokio::time::timeout(Duration::from_secs(60), counting).await;

        let whole = capture(&stub(once(0..9)), &notes).await;
        let cut = capture(&stub(once(4..9)), &notes).await;
        let lost = capture(&stub(once(20..22)), &notes).await;

        assert_eq!(whole, (0, text(0..9), None));
        let remark = |many| {
            format!(
                "the beginning of the output is missing, {many} bytes: the engine's log driver \
                 (`json-file`) dropped it before docket read the log"
            )
        };
        assert_eq!(cut, (28, text(4..9), Some(remark("28"))));
        assert_eq!(lost, (64, text(20..22), Some(remark("at least 64"))));
    }
}
