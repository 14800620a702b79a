//! The output of a container, bounded.

mod stream_changes;
mod times;

use std::{collections::VecDeque, ops::Range};

use chrono::{DateTime, Utc};

pub use self::{
    stream_changes::{Stream, Streams},
    times::Times,
};

/// The size of a piece of output, in memory, in the store and in an answer.
///
/// Small compared to the buffers of a connection, and large enough that the overhead is small.
pub const PIECE: usize = 64 << 10;

/// The output of an attempt; if it is too long, its head and its tail.
///
/// Standard output and standard error are in the order in which the engine logged them.
#[derive(Debug, Clone, Default)]
pub struct Output {
    head: Pieces,
    tail: Pieces,
    /// Bytes between head and tail that were not kept.
    omitted: u64,
    /// Bytes before the head that the engine no longer had.
    missing: u64,
    limit: usize,
    /// Bytes that are kept in the store.
    elsewhere: usize,
    /// How many bytes take, where those are, what is known of their streams and times.
    notes_elsewhere: usize,
    streams: Streams,
    /// When the bytes of the head were written, as far as that is known.
    head_times: Times,
    /// The same of the kept bytes behind the head.
    // By themselves, so that the times of omitted bytes are always the first ones.
    tail_times: Times,
}

/// A part of an output, from a position on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// How many bytes after the position are omitted.
    pub omitted: u64,
    /// The kept bytes after them.
    pub bytes: Vec<u8>,
    /// To which streams these were written, with positions counted from the first of them.
    pub streams: Streams,
    /// When these were written, as far as that is known, with positions counted from the first of them.
    pub times: Times,
    /// The position after the last byte.
    pub end: u64,
}

/// What follows a position: how much is omitted, and which of the kept bytes come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// How many bytes after the position are omitted.
    pub omitted: u64,
    /// The kept bytes up to the next gap, counted from the first kept byte.
    pub kept: Range<usize>,
    /// The position of the first of these.
    pub position: u64,
}

impl Output {
    /// An empty output that keeps at most `limit` bytes: the first half and the last half.
    #[must_use]
    pub fn bounded(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The same output, after so many bytes that the engine no longer had.
    #[must_use]
    pub fn behind_missing(self, missing: u64) -> Self {
        Self {
            missing,
            streams: self.streams.behind(missing),
            head_times: self.head_times.behind(missing),
            tail_times: self.tail_times.behind(missing),
            ..self
        }
    }

    /// Appends bytes that were written to a stream.
    pub fn push_to(&mut self, stream: Stream, bytes: &[u8]) {
        // An empty piece would count as a change of the stream, of which only so many are kept.
        if !bytes.is_empty() {
            self.streams.note(self.written(), stream);
        }
        self.push(bytes);
    }

    /// Notes when the bytes that follow were written.
    pub fn note_time(&mut self, at: DateTime<Utc>) {
        let position = self.written();
        if position < (self.limit / 2) as u64 {
            self.head_times.note(position, at);
            return;
        }
        self.tail_times.note(position, at);
        // What is omitted grows with the output, and its times must not.
        self.tail_times.forget_before(self.head.length as u64 + self.omitted);
    }

    /// Appends bytes to the same stream as before.
    pub fn push(&mut self, mut bytes: &[u8]) {
        // The head is never written again once the tail has begun: its bytes are the first ones for
        // ever.
        let head_room = (self.limit / 2).saturating_sub(self.head.length);
        if self.tail.length == 0 && self.omitted == 0 && head_room > 0 {
            let (head, rest) = bytes.split_at(head_room.min(bytes.len()));
            self.head.push(head);
            bytes = rest;
        }
        // Not half, which would lose a byte of an odd limit.
        let room = self.limit - self.limit / 2;
        let skipped = bytes.len().saturating_sub(room);
        // Bytes that would be dropped at once are not copied into the tail first.
        let (_, bytes) = bytes.split_at(skipped);
        let excess = (self.tail.length + bytes.len()).saturating_sub(room);
        self.tail.drop_first(excess);
        self.tail.push(bytes);
        self.omitted += (skipped + excess) as u64;
    }

    /// Reads at most `most` of the kept bytes from a position on. An excerpt without bytes and without
    /// omission is the end.
    #[must_use]
    pub fn excerpt(&self, from: u64, most: usize) -> Excerpt {
        let Place { omitted, kept, position } = self.place(from);
        let bytes = self.kept_bytes(kept.start, most.min(kept.len()));
        Excerpt { omitted, end: position + bytes.len() as u64, bytes, ..Excerpt::default() }
    }

    /// To which streams the bytes of a piece were written, and when. A piece begins at a kept byte and has at
    /// most [`PIECE`] of them; positions are counted from its first byte.
    #[must_use]
    pub fn streams_and_times(&self, first: usize) -> (Streams, Times) {
        let (head, mut streams) = (self.head_length(), Streams::default());
        let (mut kept, end) = (first, self.kept().min(first + PIECE));
        while kept < end {
            let position = self.position_of_kept(kept);
            let (stream, next) = self.streams.at(position);
            streams.note((kept - first) as u64, stream);
            let next = next.map(|next| next - position);
            // Without a further change the loop ends, since a piece has at most that many bytes.
            let next = kept + next.and_then(|next| usize::try_from(next).ok()).unwrap_or(PIECE);
            // Positions jump at the gap, so the stream is looked up anew behind the head.
            kept = if kept < head { next.min(head) } else { next };
        }
        (streams, self.times_within(first..end))
    }

    /// When some of the kept bytes were written, with positions counted from the first of these.
    fn times_within(&self, kept: Range<usize>) -> Times {
        let (head, mut times) = (self.head_length(), Times::default());
        // The parts before and behind the gap, whose positions jump.
        for part in [kept.start..kept.end.min(head), kept.start.max(head)..kept.end] {
            let Some(last) = part.clone().next_back() else { continue };
            let (begin, offset) = (self.position_of_kept(part.start), part.start - kept.start);
            let end = self.position_of_kept(last) + 1;
            times.append(offset as u64, &self.head_times.within(begin..end));
            times.append(offset as u64, &self.tail_times.within(begin..end));
        }
        times
    }

    /// The position of a kept byte, counted from the first kept one.
    #[must_use]
    pub fn position_of_kept(&self, index: usize) -> u64 {
        let omitted = if index < self.head_length() { 0 } else { self.omitted };
        self.missing + omitted + index as u64
    }

    /// What follows a position; also for an output whose bytes are only in the store.
    #[must_use]
    pub fn place(&self, from: u64) -> Place {
        let place = self.place_behind_missing(from.saturating_sub(self.missing));
        Place {
            omitted: place.omitted + self.missing.saturating_sub(from),
            position: place.position + self.missing,
            ..place
        }
    }

    /// The same, with positions counted from the first byte that the engine had.
    fn place_behind_missing(&self, from: u64) -> Place {
        let (head, all) = (self.head_length(), self.kept());
        let within = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let tail = head as u64 + self.omitted;
        if from < head as u64 {
            return Place { omitted: 0, kept: within(from)..head, position: from };
        }
        let position = from.max(tail);
        // A position beyond the end is that of a reader who has everything.
        let first = within(position - tail).saturating_add(head).min(all);
        Place { omitted: tail.saturating_sub(from), kept: first..all, position }
    }

    /// How many bytes a reader gets from a position on, including the line about omitted bytes.
    #[must_use]
    pub fn readable(&self, from: u64) -> u64 {
        let Place { omitted, kept, position } = self.place(from);
        let note = Excerpt { omitted, ..Excerpt::default() }.into_bytes();
        let next = position + kept.len() as u64;
        // An output has one gap inside and one before it, so this recursion is shallow.
        let rest = if kept.is_empty() || next >= self.written() { 0 } else { self.readable(next) };
        note.len() as u64 + kept.len() as u64 + rest
    }

    /// At most `most` of the kept bytes from an index on, before and after the gap.
    #[must_use]
    pub fn kept_bytes(&self, from: usize, most: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(most.min(self.kept().saturating_sub(from)));
        // Only the second read crosses the gap; each part ignores an index beyond its end.
        self.head.read(from, most, &mut bytes);
        let rest = most - bytes.len();
        self.tail.read((from + bytes.len()).saturating_sub(self.head.length), rest, &mut bytes);
        bytes
    }

    /// How many of the kept bytes are before the gap; all if there is none.
    fn head_length(&self) -> usize {
        match self.elsewhere {
            0 => self.head.length,
            // Bytes are omitted only once the head is full, and then the tail is as long.
            kept if self.omitted > 0 => kept / 2,
            kept => kept,
        }
    }

    /// How many bytes are omitted, between head and tail and before the head.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.omitted + self.missing
    }

    /// How many of the first bytes the engine no longer had.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How many bytes the container wrote.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.kept() as u64 + self.omitted()
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.head.length + self.tail.length + self.elsewhere
    }

    /// The kept bytes before and after the gap.
    #[must_use]
    pub fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let head = self.head.length;
        (self.kept_bytes(0, head), self.kept_bytes(head, self.tail.length))
    }

    /// An output whose bytes are only in the store.
    #[must_use]
    pub fn sized(kept: usize, omitted: u64) -> Self {
        Self { omitted, elsewhere: kept, ..Self::default() }
    }

    /// The same output, without the bytes, their streams and times, which the store has.
    #[must_use]
    pub fn to_sized(&self) -> Self {
        let sized = Self::sized(self.kept(), self.omitted).behind_missing(self.missing);
        // What the memory store holds still counts towards its limit.
        Self { notes_elsewhere: self.weight() - self.kept(), ..sized }
    }

    /// The same output, with these streams.
    #[must_use]
    pub fn with_streams(self, streams: Streams) -> Self {
        Self { streams, ..self }
    }

    /// Which bytes were written to which stream.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// How many bytes it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let times = self.head_times.weight() + self.tail_times.weight();
        self.kept() + self.notes_elsewhere + self.streams.weight() + times
    }

    /// The same output, of which no bytes are kept any more.
    #[must_use]
    pub fn without_bytes(&self) -> Self {
        Self::sized(0, self.written())
    }

    /// The bytes as they were written; a line between head and tail says how many are omitted. Empty where
    /// the bytes are kept elsewhere.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut position = 0;
        while position < self.written() {
            let excerpt = self.excerpt(position, usize::MAX);
            // The bytes may be elsewhere, and then there is never more to read.
            if excerpt.is_empty() {
                break;
            }
            position = excerpt.end;
            bytes.extend(excerpt.into_bytes());
        }
        bytes
    }
}

/// Outputs are equal if a reader gets the same, however the bytes arrived.
impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        let sizes =
            |output: &Self| (output.elsewhere, output.omitted, output.missing, output.kept());
        sizes(self) == sizes(other)
            && self.streams == other.streams
            && self.parts() == other.parts()
    }
}

impl Eq for Output {}

impl Excerpt {
    /// True if a reader gets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.omitted == 0 && self.bytes.is_empty()
    }

    /// What a reader gets: a line about omitted bytes, if there are any, and the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self.omitted {
            0 => self.bytes,
            omitted => {
                let note = format!("\n[docket: {omitted} bytes left out here]\n");
                [note.into_bytes(), self.bytes].concat()
            }
        }
    }
}

/// Bytes in pieces, so that neither appending nor dropping from the front moves other bytes.
#[derive(Debug, Clone, Default)]
struct Pieces {
    /// All but the last hold [`PIECE`] bytes.
    // `read` finds a byte by division, which needs pieces of one length.
    all: VecDeque<Vec<u8>>,
    /// How many bytes of the first piece were dropped.
    dropped: usize,
    length: usize,
}

impl Pieces {
    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            match self.all.back_mut() {
                Some(last) if last.len() < PIECE => {
                    let (next, rest) = bytes.split_at(bytes.len().min(PIECE - last.len()));
                    last.extend_from_slice(next);
                    bytes = rest;
                }
                // Grown as bytes come: most outputs are far smaller than a piece.
                _ => self.all.push_back(Vec::new()),
            }
        }
    }

    fn drop_first(&mut self, count: usize) {
        self.length -= count;
        self.dropped += count;
        // Only whole pieces are freed, and the rest is skipped by its number.
        while let Some(first) = self.all.front().map(Vec::len).filter(|it| *it <= self.dropped) {
            self.dropped -= first;
            self.all.pop_front();
        }
    }

    /// Appends at most `most` bytes from an index on to `to`.
    fn read(&self, from: usize, most: usize, to: &mut Vec<u8>) {
        let end = to.len() + most.min(self.length.saturating_sub(from));
        let mut place = self.dropped + from;
        while to.len() < end {
            let piece = self.all.get(place / PIECE).map(|piece| piece.split_at(place % PIECE));
            let Some((_, rest)) = piece else { return };
            let (next, _) = rest.split_at(rest.len().min(end - to.len()));
            to.extend_from_slice(next);
            place += next.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader gets that reads three bytes at once.
    fn rest(output: &Output, mut from: u64) -> Vec<u8> {
        let mut rest = Vec::new();
        loop {
            let excerpt = output.excerpt(from, 3);
            if excerpt.is_empty() {
                return rest;
            }
            from = excerpt.end;
            rest.extend(excerpt.into_bytes());
        }
    }

    #[test]
    fn output_within_the_bound_is_kept_to_the_byte() {
        let mut output = Output::bounded(10);
        for piece in ["he", "", "llo ", "you!"] {
            output.push(piece.as_bytes());
        }
        assert_eq!(output.to_bytes(), b"hello you!");
        assert_eq!((output.written(), output.omitted()), (10, 0));
    }

    #[test]
    fn of_longer_output_head_and_tail_are_kept_and_the_gap_is_reported() {
        let mut output = Output::bounded(8);
        for byte in b'a'..=b'z' {
            output.push(&[byte]);
        }
        assert_eq!(output.to_bytes(), b"abcd\n[docket: 18 bytes left out here]\nwxyz");
        assert_eq!((output.written(), output.kept()), (26, 8));
    }

    #[test]
    fn an_output_of_which_only_the_size_is_known_is_read_at_the_same_places() {
        for limit in 0..=12 {
            let mut output = Output::bounded(limit);
            output.push(b"0123456789");

            let sized = Output::sized(output.kept(), output.omitted());

            assert_eq!((sized.written(), sized.kept()), (10, output.kept()));
            for from in 0..12 {
                assert_eq!(sized.readable(from), rest(&output, from).len() as u64, "{from}");
                if output.omitted() > 0 {
                    assert_eq!(sized.place(from), output.place(from), "{limit} {from}");
                }
            }
        }
    }

    #[test]
    fn an_output_whose_bytes_were_removed_says_how_many_there_were() {
        let mut output = Output::bounded(8);
        output.push(b"0123456789");

        let removed = output.without_bytes();

        assert_eq!((removed.written(), removed.kept()), (10, 0));
        assert_eq!(removed.to_bytes(), b"\n[docket: 10 bytes left out here]\n");
    }

    #[test]
    fn bytes_that_the_engine_did_not_have_any_more_stand_before_all_others() {
        let note = |bytes| format!("\n[docket: {bytes} bytes left out here]\n");
        for (limit, read) in [
            (10, format!("{}0123456789", note(7))),
            (4, format!("{}01{}89", note(7), note(6))),
            (0, note(17)),
        ] {
            let mut output = Output::bounded(limit);
            output.push(b"0123456789");
            let output = output.behind_missing(7);

            assert_eq!(String::from_utf8(output.to_bytes()).unwrap(), read);
            assert_eq!((output.written(), output.missing()), (17, 7));
            assert_eq!(output.kept() as u64 + output.omitted(), 17);
            let sized = output.to_sized();
            for from in 0..20 {
                assert_eq!(sized.readable(from), rest(&output, from).len() as u64, "{from}");
                if output.omitted() > 7 {
                    assert_eq!(sized.place(from), output.place(from), "{limit} {from}");
                }
            }
        }
    }

    #[test]
    fn an_output_of_many_pieces_is_read_from_anywhere() {
        let text: Vec<u8> =
            (0..5 * PIECE).map(|number| u8::try_from(number % 251).unwrap()).collect();
        let (whole, mut cut) = (text.len(), Output::bounded(3 * PIECE + 11));
        text.chunks(7001).for_each(|piece| cut.push(piece));
        let (head, tail) = text.split_at(whole - cut.kept().div_ceil(2));
        let kept = [&head[..cut.kept() / 2], tail].concat();

        for from in [0, 1, PIECE - 1, PIECE, 2 * PIECE, 3 * PIECE + 10, 3 * PIECE + 11] {
            for most in [0, 1, 100, PIECE, usize::MAX] {
                let expected: Vec<_> = kept.iter().skip(from).take(most).copied().collect();
                assert!(cut.kept_bytes(from, most) == expected, "{from} {most}");
            }
        }
    }

    #[test]
    fn one_large_piece_is_cut_as_many_small_ones_are() {
        let text: Vec<u8> = (0..=255).collect();
        let (mut whole, mut pieces) = (Output::bounded(33), Output::bounded(33));
        whole.push(&text);
        for piece in text.chunks(7) {
            pieces.push(piece);
        }
        assert_eq!(whole.to_bytes(), pieces.to_bytes());
        assert_eq!(whole.written(), 256);
    }

    #[test]
    fn one_who_has_the_beginning_gets_the_rest() {
        let mut output = Output::bounded(8);
        output.push(b"abcdefghijkl");

        let rests = [0, 2, 4, 6, 8, 10, 12, 99].map(|from| rest(&output, from));

        let rests = rests.map(|rest| String::from_utf8(rest).unwrap());
        let note = |bytes| format!("\n[docket: {bytes} bytes left out here]\n");
        let expected = [
            format!("abcd{}ijkl", note(4)),
            format!("cd{}ijkl", note(4)),
            format!("{}ijkl", note(4)),
            format!("{}ijkl", note(2)),
            "ijkl".to_owned(),
            "kl".to_owned(),
            String::new(),
            String::new(),
        ];
        assert_eq!(rests, expected);
    }
}
