//! One read of a container's log for all its followers.
//!
//! 1. The engine is asked once for all followers that keep up with each other.
//! 2. Memory does not grow with the log or with slow followers: a window of the newest bytes is kept,
//!    and reading waits for the follower that is furthest.
//! 3. No follower misses a byte: one that is behind the window reads the log by itself.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use docket_model::{
    output::{PIECE, Stream, Times},
    run::ContainerId,
};
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::{
    engine::{Chunk, Engine, EngineError, Follow, Log as EngineLog, LogCursor},
    term_tasks::Term,
};

/// How many bytes are read before the furthest follower asks for them.
// Four pieces: the next ones arrive while the furthest follower sends the first.
const AHEAD: usize = 256 << 10;
/// How many bytes stay for followers that are a little behind.
// Each followed log costs this much memory, however many followers it has.
const BEHIND: usize = 1 << 20;
/// How many changes of the stream are remembered of the bytes that stay, and of those that are ahead.
// A program that writes to both streams by turns must not take more memory with them than with its bytes.
const MOST_CHANGES: usize = 1 << 14;
/// For how long lines are gathered into one piece: a piece for each line would cost a follower of
/// many lines more than the lines.
const GATHERED: Duration = Duration::from_millis(10);
/// How many pieces of the engine's are taken in at once, where so many are there.
const TAKEN_IN: usize = 16;

/// The logs that are followed.
#[derive(Debug, Default)]
pub(super) struct SharedLogs {
    // Weak, so that a log is read no longer than it has followers.
    logs: Mutex<HashMap<ContainerId, Weak<Log>>>,
}

/// A log that is being read; reading ends when it has no follower any more.
#[derive(Debug)]
struct Log {
    window: Arc<Window>,
    _reading: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Window {
    content: Mutex<Content>,
    /// How many bytes stay that the furthest follower has.
    kept: usize,
    /// There is more to read, or the end.
    grown: Notify,
    /// A follower went further.
    wanted: Notify,
}

#[derive(Debug)]
struct Content {
    bytes: VecDeque<u8>,
    /// The position of the first of them.
    start: u64,
    /// Where the streams begin to which the bytes were written, in order.
    streams: VecDeque<(u64, Stream)>,
    /// When the bytes were written.
    times: Times,
    /// The furthest position that a follower asked for.
    furthest: u64,
    /// The end of the log, or what went wrong.
    end: Option<Result<(), EngineError>>,
}

/// What comes next for a follower.
#[derive(Debug)]
pub(super) enum Next {
    /// The bytes from its position on that were written to one stream.
    Piece(Chunk),
    /// The end of the log, or why there is no more of it.
    End(Result<(), EngineError>),
}

/// One who follows a log.
#[derive(Debug)]
pub(super) struct LogFollower {
    engine: Arc<dyn Engine>,
    container: ContainerId,
    term: Term,
    shared: Arc<Log>,
    /// Its own read of the log, while it is behind the others.
    own: Option<Arc<Log>>,
    has_joined: bool,
    /// True once it has fallen behind: it would again, and read all from the beginning each time.
    stays_alone: bool,
}

impl SharedLogs {
    /// Follows a container's log from a position on, together with those that follow it already.
    pub(super) fn follow(
        &self,
        engine: &Arc<dyn Engine>,
        container: &ContainerId,
        position: u64,
        term: &Term,
    ) -> LogFollower {
        // Held until the log is in the map, so that two followers who come at once share one read.
        let mut logs = self.logs.lock();
        let there = logs.get(container).and_then(Weak::upgrade);
        // One that failed is not what another would get.
        let shared = there.filter(|log| !log.window.has_failed()).unwrap_or_else(|| {
            // A log that lost its followers leaves its entry, which is removed here.
            logs.retain(|_, log| log.strong_count() > 0);
            let pieces = engine.logs(&container.into(), LogCursor::behind(position), Follow::ToEnd);
            let log = Arc::new(Log::read(pieces, position, BEHIND, term));
            logs.insert(container.clone(), Arc::downgrade(&log));
            log
        });
        LogFollower {
            engine: Arc::clone(engine),
            container: container.clone(),
            term: term.clone(),
            shared,
            own: None,
            has_joined: false,
            stays_alone: false,
        }
    }
}

impl LogFollower {
    /// Waits for what comes behind a position, which must not be less than the last one.
    pub(super) async fn next(&mut self, position: u64) -> Next {
        loop {
            if !self.stays_alone && self.shared.window.covers(position) {
                self.own = None;
            }
            let log = self.own.as_ref().unwrap_or(&self.shared);
            if let Some(next) = log.next(position).await {
                self.has_joined |= self.own.is_none();
                return next;
            }
            // A follower that has not joined yet only came late, and joins once it has caught up.
            self.stays_alone = self.has_joined;
            let pieces = {
                let from = LogCursor::behind(position);
                self.engine.logs(&(&self.container).into(), from, Follow::ToEnd)
            };
            // It has no other followers, so no bytes are kept for them.
            self.own = Some(Arc::new(Log::read(pieces, position, 0, &self.term)));
        }
    }
}

impl Log {
    fn read(pieces: EngineLog, start: u64, kept: usize, term: &Term) -> Self {
        let content = Content {
            bytes: VecDeque::new(),
            start,
            streams: VecDeque::new(),
            times: Times::default(),
            furthest: start,
            end: None,
        };
        let (grown, wanted) = (Notify::new(), Notify::new());
        let window = Arc::new(Window { content: Mutex::new(content), kept, grown, wanted });
        // A task, and not a stream that a follower polls: followers that stop reading delay no
        // other.
        let reading = term.spawn(Arc::clone(&window).fill(pieces).in_current_span());
        Self { window, _reading: AbortOnDropHandle::new(reading) }
    }

    /// Waits for what comes behind a position; nothing where that is not kept any more.
    async fn next(&self, position: u64) -> Option<Next> {
        let window = &self.window;
        window.wait(position, 1).await;
        // What comes meanwhile is handed out with it.
        let _: Result<(), _> = tokio::time::timeout(GATHERED, window.wait(position, PIECE)).await;
        window.next(position)
    }
}

impl Window {
    /// Reads what the engine sends, no faster than the followers take it.
    async fn fill(self: Arc<Self>, pieces: EngineLog) {
        let mut pieces = pieces.ready_chunks(TAKEN_IN);
        while let Some(pieces) = pieces.next().await {
            for piece in pieces {
                match piece {
                    Ok((_, chunk)) => self.take_in(&chunk).await,
                    Err(error) => return self.end(Err(error)),
                }
            }
            // Once for the whole batch: each wake-up costs every follower a look at the window.
            self.grown.notify_waiters();
        }
        self.end(Ok(()));
    }

    async fn take_in(&self, chunk: &Chunk) {
        // In parts, because a chunk of the engine may be larger than all the room there is.
        for (part, first) in chunk.bytes.chunks(PIECE).zip((0..).step_by(PIECE)) {
            loop {
                let wanted = self.wanted.notified();
                if self.content.lock().has_room() {
                    break;
                }
                // The followers do not know yet of this batch, and without them no room would ever
                // come.
                self.grown.notify_waiters();
                wanted.await;
            }
            let times = chunk.times.within(first..first + part.len() as u64);
            self.content.lock().add(chunk.stream, part, &times, self.kept);
        }
    }

    fn end(&self, end: Result<(), EngineError>) {
        self.content.lock().end = Some(end);
        self.grown.notify_waiters();
    }

    fn has_failed(&self) -> bool {
        matches!(self.content.lock().end, Some(Err(_)))
    }

    /// True where a follower at this position misses nothing.
    fn covers(&self, position: u64) -> bool {
        let content = self.content.lock();
        (content.start..=content.position()).contains(&position)
    }

    /// Waits until so many bytes are there behind a position, or no more will come.
    async fn wait(&self, position: u64, count: usize) {
        loop {
            // Made before the look at the window, so that no wake-up in between is lost.
            let grown = self.grown.notified();
            if self.is_there(position, count) {
                return;
            }
            grown.await;
        }
    }

    /// Whether waiting for so many bytes behind a position is over; they are wanted from now on.
    fn is_there(&self, position: u64, count: usize) -> bool {
        let mut content = self.content.lock();
        if position > content.furthest {
            content.furthest = position;
            // One permit is enough, because one task reads the log. It stays until that task waits.
            self.wanted.notify_one();
        }
        content.position() >= position.saturating_add(count as u64)
            || content.end.is_some()
            // The window has moved on, so waiting any longer would bring nothing.
            || position < content.start
    }

    fn next(&self, position: u64) -> Option<Next> {
        let content = self.content.lock();
        let begin = usize::try_from(position.checked_sub(content.start)?).unwrap_or(usize::MAX);
        let length = content.bytes.len().saturating_sub(begin).min(PIECE);
        if let (0, Some(end)) = (length, &content.end) {
            return Some(Next::End(end.clone()));
        }
        let (stream, room) = content.stream_at(position);
        let length = room.map_or(length, |room| length.min(room));
        let bytes = content.bytes.range(begin..begin + length).copied().collect();
        let times = content.times.within(position..position + length as u64);
        Some(Next::Piece(Chunk { stream, bytes, times }))
    }
}

impl Content {
    /// The position behind the last byte.
    fn position(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn has_room(&self) -> bool {
        let passed = self.streams.partition_point(|(begin, _)| *begin <= self.furthest);
        self.position().saturating_sub(self.furthest) < AHEAD as u64
            && self.streams.len() - passed < MOST_CHANGES
    }

    /// Adds bytes; those that the furthest follower has are removed, except for the newest of them.
    fn add(&mut self, stream: Stream, bytes: &[u8], times: &Times, kept: usize) {
        if self.streams.back().is_none_or(|(_, last)| *last != stream) {
            self.streams.push_back((self.position(), stream));
        }
        self.times.append(self.position(), times);
        self.bytes.extend(bytes);
        // Bytes that the furthest follower does not have yet are never dropped.
        let had = self.furthest.saturating_sub(self.start);
        let had = usize::try_from(had).unwrap_or(usize::MAX).min(self.bytes.len());
        let gone = had.saturating_sub(kept).max(self.beyond_changes().min(had));
        self.bytes.drain(..gone);
        self.start += gone as u64;
        self.times.forget_before(self.start);
        // The last one that begins before the first byte is the stream of that byte.
        while self.streams.get(1).is_some_and(|(begin, _)| *begin <= self.start) {
            self.streams.pop_front();
        }
    }

    /// How many of the first bytes go because the changes of their streams are too many.
    fn beyond_changes(&self) -> usize {
        let first = self.streams.len().checked_sub(2 * MOST_CHANGES);
        let begin = first.and_then(|first| self.streams.get(first)).map(|(begin, _)| *begin);
        let gone = begin.map(|begin| begin.saturating_sub(self.start));
        gone.and_then(|gone| usize::try_from(gone).ok()).unwrap_or_default()
    }

    /// The stream of the byte at a position, and how many bytes there are until the other one begins.
    fn stream_at(&self, position: u64) -> (Stream, Option<usize>) {
        let passed = self.streams.partition_point(|(begin, _)| *begin <= position);
        let current = passed.checked_sub(1).and_then(|index| self.streams.get(index));
        let stream = current.map_or(Stream::Out, |(_, stream)| *stream);
        let next = self.streams.get(passed).map(|(begin, _)| begin - position);
        (stream, next.and_then(|room| usize::try_from(room).ok()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use chrono::{DateTime, Utc};
    use futures_util::stream;

    use super::*;

    fn chunk(stream: Stream, bytes: impl Into<Bytes>) -> Chunk {
        Chunk { stream, bytes: bytes.into(), times: Times::default() }
    }

    /// A log of a hundred pieces, which counts how many were read.
    fn log(kept: usize) -> (Log, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let pieces = stream::iter(0..100_u8).map(move |number| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok((LogCursor::behind(0), chunk(Stream::Out, vec![number; PIECE])))
        });
        (Log::read(pieces.boxed(), 0, kept, &Term::new(1)), read)
    }

    async fn piece(log: &Log, number: u8) -> Vec<u8> {
        match log.next(u64::from(number) * PIECE as u64).await {
            Some(Next::Piece(chunk)) => chunk.bytes.to_vec(),
            other => panic!("{number}: {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reading_waits_for_the_follower_that_is_furthest() {
        let (log, read) = log(BEHIND);
        for number in 0..100 {
            assert!(piece(&log, number).await.iter().all(|byte| *byte == number));
            // One read of the log has some pieces more than fit.
            let ahead = read.load(Ordering::SeqCst) - usize::from(number);
            assert!(ahead <= AHEAD / PIECE + TAKEN_IN + 1, "{number}: {ahead}");
            assert!(log.window.content.lock().bytes.len() <= AHEAD + BEHIND + 2 * PIECE);
        }
        assert!(matches!(log.next(100 * PIECE as u64).await, Some(Next::End(Ok(())))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_is_a_little_behind_is_served_and_one_that_is_far_behind_is_not() {
        let (log, _) = log(BEHIND);
        for number in 0..50 {
            piece(&log, number).await;
        }

        assert!(log.next(0).await.is_none());
        assert!(!log.window.covers(0));
        assert!(piece(&log, 40).await.iter().all(|byte| *byte == 40));
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_to_both_streams_by_turns_take_little_more_memory_than_others() {
        let pieces = stream::iter(0..3 * MOST_CHANGES).map(|number| {
            let stream = if number.is_multiple_of(2) { Stream::Out } else { Stream::Error };
            Ok((LogCursor::behind(0), chunk(stream, "x")))
        });
        let log = Log::read(pieces.boxed(), 0, BEHIND, &Term::new(1));

        let (mut position, mut most) = (0, 0);
        while let Some(Next::Piece(chunk)) = log.next(position).await {
            assert_eq!(chunk.bytes.len(), 1);
            position += 1;
            most = most.max(log.window.content.lock().streams.len());
        }

        assert_eq!(position, 3 * MOST_CHANGES as u64);
        assert!(most <= 2 * MOST_CHANGES + 1, "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_was_written_to_one_stream() {
        let (out, error) = (Stream::Out, Stream::Error);
        let chunks =
            [chunk(out, "one "), chunk(error, "oh"), chunk(error, " no"), chunk(out, " two")];
        let chunks = chunks.map(|chunk| Ok((LogCursor::behind(0), chunk)));
        let log = Log::read(stream::iter(chunks).boxed(), 0, BEHIND, &Term::new(1));

        let mut read = Vec::new();
        let mut position = 2;
        while let Some(Next::Piece(chunk)) = log.next(position).await {
            position += chunk.bytes.len() as u64;
            read.push((chunk.stream, chunk.bytes));
        }

        assert_eq!(read, [(out, "e ".into()), (error, "oh no".into()), (out, " two".into())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_has_the_times_of_its_lines_wherever_it_begins() {
        let at = |second| DateTime::<Utc>::from_timestamp(second, 0).unwrap();
        let lines = (0..100_i64).map(move |second| {
            let mut line = chunk(Stream::Out, vec![b'x'; PIECE]);
            line.times.note(0, at(second));
            line.times.note(1000, at(second + 1000));
            Ok((LogCursor::behind(0), line))
        });
        let log = Log::read(stream::iter(lines).boxed(), 0, BEHIND, &Term::new(1));

        let mut position = 500;
        while let Some(Next::Piece(chunk)) = log.next(position).await {
            let (line, begin) = (position / PIECE as u64, position % PIECE as u64);
            assert_eq!(begin, 500);
            let second = line.cast_signed();
            assert_eq!(chunk.times.at(0), Some(at(second)));
            assert_eq!(chunk.times.at(500), Some(at(second + 1000)));
            position += chunk.bytes.len() as u64;
        }
        assert_eq!(position, 100 * PIECE as u64);
    }
}
