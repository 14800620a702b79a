//! Where the messages of a log are that the engine's log driver rotates: how many bytes the container
//! wrote before each.
//!
//! 1. What the engine has of such a log is its end, without gaps. Its beginning says nothing about how
//!    much was dropped before, so positions are known from a message whose position is known.
//! 2. A message is known again by its stream, its stamp, and its number among the messages of the
//!    stream with that stamp. The order of stamps decides nothing alone: a clock may be set back.
//! 3. Where no message is known again, the engine dropped at least a byte between what was read and
//!    what it has. That byte is counted, so that no position stands for two bytes.
//! 4. A read that was begun before such a gap was found may have what is in the gap. It is made again,
//!    because the positions behind the gap are given by then.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::log_timestamps::Stamp;

/// How many messages of a log are remembered; their distance doubles when there are more.
// They take some 25 KiB for each log that is rotated.
const MOST: usize = 256;
/// The first distance between two of them, in bytes.
const DISTANCE: u64 = 16 << 10;
/// How many streams a log has: that of a terminal, and two others.
const STREAMS: usize = 3;

/// A message of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    stream: u8,
    stamp: Stamp,
    /// Its number among the messages of its stream with this stamp, from 1.
    number: u32,
}

/// A message and its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    key: Key,
    at: u64,
    /// The latest stamp up to it.
    latest: Stamp,
}

/// Output that the engine does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    /// How many bytes; at least so many where that is not known exactly.
    pub(super) bytes: u64,
    pub(super) is_exact: bool,
}

/// The positions of messages, as far as the log was read by anyone.
#[derive(Debug, Default)]
pub(super) struct LogIndex(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    places: HashMap<Key, u64>,
    /// How far apart they are.
    distance: u64,
    /// The position of the last of them.
    last: Option<u64>,
    /// The newest message of all.
    newest: Option<Mark>,
    /// The position behind the last byte that was read.
    end: u64,
    /// The position behind the last gap of unknown length.
    gap: u64,
    /// How many such gaps there are.
    gaps: u32,
}

/// How much of the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that the engine has.
    All,
    /// All that it has, and none of that was read before: an earlier walk through all found nothing.
    AllNew,
    /// The newest messages.
    Tail,
}

/// What is known of a message's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// So many bytes were written before it.
    At(u64),
    /// It is the first message of the read that is known again. The first ones of the read are not,
    /// but it follows where they begin; another read knows them.
    Behind {
        /// How many bytes were written before the read's first message.
        first: u64,
        /// How many bytes were written before the message.
        at: u64,
    },
    /// It was written before the first message that is known again.
    NotYet,
    /// The messages that are known are older than all that is read.
    TooNew,
    /// The read was begun before another one found a gap.
    Outdated,
}

/// One read of the log, in order.
#[derive(Debug)]
pub(super) struct Walk {
    index: Arc<LogIndex>,
    extent: Extent,
    /// The newest message of the reader's; later it is that of the walk.
    mark: Option<Mark>,
    /// For each stream: the stamp of its newest message, how many have it, and whether its first one
    /// is surely among them.
    groups: [Option<(Stamp, u32, bool)>; STREAMS],
    first: Option<Key>,
    /// How many gaps were known when the read began.
    gaps: u32,
    /// How many bytes were gone over.
    length: u64,
    /// The position behind them, once it is known.
    end: Option<u64>,
}

impl LogIndex {
    /// The position behind the last byte that was read.
    pub(super) fn end(&self) -> u64 {
        self.0.lock().end
    }

    /// What is missing between two positions.
    pub(super) fn missing(&self, from: u64, to: u64) -> Missing {
        Missing { bytes: to.saturating_sub(from), is_exact: from >= self.0.lock().gap }
    }
}

impl Mark {
    /// Whether this is its stamp.
    pub(super) fn has(&self, stamp: &Stamp) -> bool {
        self.key.stamp == *stamp
    }

    /// Whether a message at this position comes before it, or is it.
    pub(super) fn is_at_or_behind(&self, at: u64) -> bool {
        at <= self.at
    }
}

impl Walk {
    /// Begins a walk of a reader whose newest message is `mark`; the log is read afterwards.
    pub(super) fn new(index: Arc<LogIndex>, extent: Extent, mark: Option<Mark>) -> Self {
        let (groups, gaps) = ([None; STREAMS], index.0.lock().gaps);
        Self { index, extent, mark, groups, first: None, gaps, length: 0, end: None }
    }

    /// Goes on to the next message.
    pub(super) fn message(&mut self, stream: u8, stamp: Stamp) -> Found {
        let (key, is_counted) = self.key(stream, stamp);
        let first = *self.first.get_or_insert(key);
        let is_first = self.length == 0;
        let index = Arc::clone(&self.index);
        let mut known = index.0.lock();
        // The lock is taken anew for each message, so another reader may have found a gap
        // meanwhile.
        if known.gaps != self.gaps {
            return Found::Outdated;
        }
        if let Some(at) = self.end {
            self.mark = Some(known.note(key, at, self.mark));
            return Found::At(at);
        }
        // The reader's own mark first: the index remembers only some of the messages.
        let of_reader = self.mark.filter(|mark| mark.key == key && is_counted).map(|mark| mark.at);
        let Some(at) = of_reader.or_else(|| known.place(&key, is_counted)) else {
            return self.unknown(&mut known, key, is_first);
        };
        self.end = Some(at);
        self.mark = Some(known.note(key, at, self.mark));
        if is_first {
            return Found::At(at);
        }
        let before = at.saturating_sub(self.length);
        // In a tail the first message may not be the first one of its stamp.
        if self.extent != Extent::Tail {
            known.places.insert(first, before);
        }
        Found::Behind { first: before, at }
    }

    /// What a message is that is not known again.
    fn unknown(&mut self, known: &mut Known, key: Key, is_first: bool) -> Found {
        let latest = self.mark.or(known.newest).map(|mark| mark.latest);
        let is_later = latest.is_none_or(|latest| key.stamp > latest);
        // A later stamp than any before shows that all is new. With any other stamp a later message
        // may be known, so only a second walk through all of the log decides.
        let is_behind_gap = match self.extent {
            Extent::AllNew => is_first,
            Extent::All => is_first && known.newest.is_none_or(|newest| key.stamp > newest.latest),
            Extent::Tail => false,
        };
        if is_behind_gap {
            let at = known.behind_gap();
            self.gaps = known.gaps;
            self.end = Some(at);
            self.mark = Some(known.note(key, at, self.mark));
            known.remember(key, at);
            return Found::At(at);
        }
        if is_first && is_later && self.extent == Extent::Tail {
            Found::TooNew
        } else {
            Found::NotYet
        }
    }

    /// A message, and whether its number is sure.
    fn key(&mut self, stream: u8, stamp: Stamp) -> (Key, bool) {
        let is_whole = self.extent != Extent::Tail && self.first.is_none();
        let key = |number| Key { stream, stamp, number };
        let Some(group) = self.groups.get_mut(usize::from(stream)) else { return (key(1), false) };
        let next = match *group {
            Some((before, count, is_sure)) if before == stamp => (stamp, count + 1, is_sure),
            Some(_) => (stamp, 1, true),
            // Earlier ones with the same stamp may be in the part that is not read.
            None => (stamp, 1, is_whole),
        };
        *group = Some(next);
        (key(next.1), next.2)
    }

    /// Goes over bytes of the message; returns their position, if it is known.
    pub(super) fn bytes(&mut self, length: usize) -> Option<u64> {
        self.length += length as u64;
        let at = self.end?;
        let end = at + length as u64;
        self.end = Some(end);
        let mut known = self.index.0.lock();
        known.end = known.end.max(end);
        Some(at)
    }

    /// The newest message that the reader has gone over.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// Whether the position of what was read is known; also where there was nothing.
    pub(super) fn is_placed(&self) -> bool {
        self.end.is_some() || self.first.is_none()
    }

    /// How much is missing before the first byte of a walk through all that the engine has.
    pub(super) fn missing(&self) -> Missing {
        match (self.end, self.first) {
            (Some(end), _) => self.index.missing(0, end.saturating_sub(self.length)),
            // Nothing is known again: all that was ever read is missing, and at least a byte more.
            (None, Some(_)) => Missing { bytes: self.index.end() + 1, is_exact: false },
            (None, None) => self.index.missing(0, self.index.end()),
        }
    }

    /// Whether the read was begun before another one found a gap.
    pub(super) fn is_outdated(&self) -> bool {
        self.index.0.lock().gaps != self.gaps
    }
}

impl Known {
    /// The position of a message that is known again.
    fn place(&self, key: &Key, is_counted: bool) -> Option<u64> {
        if !is_counted {
            return None;
        }
        let newest = self.newest.filter(|newest| newest.key == *key);
        newest.map(|newest| newest.at).or_else(|| self.places.get(key).copied())
    }

    /// The position of the first message behind what was read: at the beginning, or behind a gap.
    fn behind_gap(&mut self) -> u64 {
        // The first read of all finds no gap: what was dropped before it is unknown.
        if self.newest.is_some() {
            self.end += 1;
            self.gap = self.end;
            self.gaps += 1;
        }
        self.end
    }

    /// Remembers a message of a reader that went over `before` the last time.
    fn note(&mut self, key: Key, at: u64, before: Option<Mark>) -> Mark {
        // Not the last stamp but the latest, because the engine's clock may have been set back.
        let latest = before.map_or(key.stamp, |before| before.latest.max(key.stamp));
        let mark = Mark { key, at, latest };
        if self.newest.is_some_and(|newest| at <= newest.at) {
            return mark;
        }
        self.newest = Some(mark);
        if self.last.is_none_or(|last| at - last >= self.distance.max(DISTANCE)) {
            self.remember(key, at);
        }
        mark
    }

    fn remember(&mut self, key: Key, at: u64) {
        if self.places.len() >= MOST {
            // Every other position is dropped, so the rest still covers the whole log evenly.
            self.distance = self.distance.max(DISTANCE) * 2;
            let mut places: Vec<_> = self.places.drain().collect();
            places.sort_unstable_by_key(|(_, at)| *at);
            self.places = places.into_iter().step_by(2).collect();
        }
        self.last = Some(at);
        self.places.insert(key, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message: its stream, the second of its stamp, and its length.
    type Message = (u8, u8, usize);

    fn stamp(second: u8) -> Stamp {
        format!("2026-11-21T09:00:{second:02}.000000000Z").into_bytes().try_into().unwrap()
    }

    /// Walks through messages; returns the first that is known again, with its place among them.
    fn walk(walk: &mut Walk, messages: &[Message]) -> Option<(usize, Found)> {
        let mut found = None;
        for (place, (stream, second, length)) in messages.iter().enumerate() {
            match walk.message(*stream, stamp(*second)) {
                Found::NotYet => {}
                other => found = found.or(Some((place, other))),
            }
            walk.bytes(*length);
        }
        found
    }

    fn all(index: &Arc<LogIndex>) -> Walk {
        Walk::new(Arc::clone(index), Extent::All, None)
    }

    fn tail(index: &Arc<LogIndex>, mark: Option<Mark>) -> Walk {
        Walk::new(Arc::clone(index), Extent::Tail, mark)
    }

    const LOG: [Message; 6] =
        [(1, 1, 10), (1, 2, 20), (2, 2, 30), (1, 4, 40), (1, 4, 50), (1, 5, 60)];

    #[test]
    fn a_log_is_known_again_from_its_beginning_and_from_its_newest_message() {
        let index = Arc::default();
        assert_eq!(walk(&mut all(&index), &LOG[..5]), Some((0, Found::At(0))));

        assert_eq!(walk(&mut all(&index), &LOG), Some((0, Found::At(0))));
        let mut newest = all(&index);
        assert_eq!(walk(&mut newest, &LOG[2..]), Some((3, Found::Behind { first: 30, at: 150 })));

        assert_eq!(newest.missing(), Missing { bytes: 30, is_exact: true });
        // From now on its first message is known.
        assert_eq!(walk(&mut all(&index), &LOG[2..]), Some((0, Found::At(30))));
        assert_eq!(index.end(), 210);
    }

    #[test]
    fn a_reader_knows_its_own_newest_message_in_a_tail() {
        let index = Arc::default();
        let mut reader = all(&index);
        walk(&mut reader, &LOG[..3]);
        walk(&mut all(&index), &LOG);

        let mut goes_on = tail(&index, reader.mark());
        // Whether the first message is the only one of its stamp is not known.
        let found = walk(&mut goes_on, &LOG[1..5]);

        assert_eq!(found, None);
        let mut goes_on = tail(&index, reader.mark());
        assert_eq!(walk(&mut goes_on, &[(2, 1, 1), (2, 2, 30), (1, 4, 40)]).unwrap().0, 1);
        let mut too_short = tail(&index, reader.mark());
        assert_eq!(walk(&mut too_short, &LOG[3..]), Some((0, Found::TooNew)));
    }

    #[test]
    fn what_was_dropped_before_it_was_read_counts_as_at_least_one_byte() {
        let index = Arc::default();
        walk(&mut all(&index), &LOG[..2]);

        let mut behind = all(&index);
        assert_eq!(walk(&mut behind, &LOG[3..]), Some((0, Found::At(31))));

        assert_eq!(behind.missing(), Missing { bytes: 31, is_exact: false });
        assert_eq!(index.missing(31, 40), Missing { bytes: 9, is_exact: true });
        assert_eq!(walk(&mut all(&index), &LOG[3..]), Some((0, Found::At(31))));
    }

    #[test]
    fn a_read_that_was_begun_before_a_gap_was_found_is_outdated() {
        let index = Arc::default();
        let mut slow = all(&index);
        walk(&mut slow, &LOG[..2]);

        walk(&mut all(&index), &LOG[3..]);

        assert_eq!(slow.message(2, stamp(2)), Found::Outdated);
        assert!(slow.is_outdated());
        let mut again = Walk::new(Arc::clone(&index), Extent::All, slow.mark());
        assert_eq!(walk(&mut again, &LOG[3..]), Some((0, Found::At(31))));
    }

    #[test]
    fn a_clock_that_was_set_back_changes_nothing() {
        let index = Arc::default();
        let log = [(1, 50, 10), (1, 51, 10), (1, 2, 10), (1, 3, 10)];
        let mut reader = all(&index);
        walk(&mut reader, &log[..3]);

        let found = walk(&mut tail(&index, reader.mark()), &log[1..]);
        assert_eq!(found, Some((1, Found::Behind { first: 10, at: 20 })));

        // All that is known was dropped, and the stamps do not say so.
        let lost = [(1, 4, 10)];
        let mut behind = all(&index);
        assert_eq!(walk(&mut behind, &lost), None);
        assert!(!behind.is_placed());
        let mut all_new = Walk::new(Arc::clone(&index), Extent::AllNew, reader.mark());
        assert_eq!(walk(&mut all_new, &lost), Some((0, Found::At(41))));
    }

    #[test]
    fn a_long_log_takes_no_more_memory_and_is_known_again_near_any_place() {
        let index = Arc::<LogIndex>::default();
        let message = |number: u32| {
            let text =
                format!("2026-11-21T09:{:02}:{:02}.{:09}Z", number / 60 % 60, number % 60, number);
            Stamp::try_from(text.into_bytes()).unwrap()
        };
        let mut writer = all(&index);
        for number in 0..100_000 {
            writer.message(1, message(number));
            writer.bytes(1000);
        }

        let known = index.0.lock().places.len();
        assert!((MOST / 2..=MOST).contains(&known), "{known}");
        let mut reader = all(&index);
        let found = (50_000..100_000).map(|number| {
            let found = reader.message(1, message(number));
            reader.bytes(1000);
            found
        });
        let behind = found.into_iter().find(|found| *found != Found::NotYet).unwrap();
        let Found::Behind { first, .. } = behind else { panic!("{behind:?}") };
        assert_eq!(first, 50_000_000);
    }
}
