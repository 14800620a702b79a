//! A log whose messages carry time stamps (`timestamps=1`), taken apart into messages.
//!
//! A message is a line, or a piece of a long line, and begins with its stamp and a space. Where the
//! container has no terminal, each message is a frame.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};

use crate::engine::docker_api::log_frames::{Frames, NoFrame, Part};

/// How long a stamp is: `2026-11-21T09:00:00.123456789Z`.
const LENGTH: usize = 30;
/// How many bytes of a line the engine takes into one message.
const LONGEST_MESSAGE: usize = 16 << 10;
/// The stream of a terminal's messages.
const TERMINAL: u8 = 0;

/// When the engine took a message in. Stamps are in order as texts.
pub(super) type Stamp = [u8; LENGTH];

/// What comes next in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A message of a stream begins.
    Message(u8, Stamp),
    /// More bytes of the message.
    Bytes(&'a [u8]),
}

/// Takes a stamped log apart as its bytes come in; holds no message in memory.
#[derive(Debug)]
pub(super) struct Stamped {
    /// None where the container writes to a terminal.
    frames: Option<Frames>,
    message: Message,
}

/// A message under way.
#[derive(Debug, Default)]
struct Message {
    stream: u8,
    /// Its beginning, up to the space behind the stamp.
    stamp: Vec<u8>,
    /// How many bytes of it came in.
    length: usize,
    has_ended_line: bool,
}

impl Stamped {
    pub(super) fn new(has_terminal: bool) -> Self {
        Self { frames: (!has_terminal).then(Frames::default), message: Message::default() }
    }

    /// Hands out what comes next, until `next` returns false.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut next: impl FnMut(Next<'_>) -> bool,
    ) -> Result<(), NoFrame> {
        let message = &mut self.message;
        let mut goes_on = true;
        let mut outcome = Ok(());
        match &mut self.frames {
            None => outcome = message.of_terminal(bytes, &mut next),
            Some(frames) => frames.push_parts(bytes, &mut |part| {
                // The reader of frames cannot be stopped, so the rest of these bytes is skipped.
                if !goes_on || outcome.is_err() {
                    return;
                }
                match part {
                    Part::Begin(stream) => *message = Message { stream, ..Message::default() },
                    Part::Payload(bytes) => match message.push(bytes, &mut next) {
                        Ok(may_go_on) => goes_on = may_go_on,
                        Err(error) => outcome = Err(error),
                    },
                }
            })?,
        }
        outcome
    }

    /// True where nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        let is_within_stamp = (1..=LENGTH).contains(&self.message.stamp.len());
        self.frames.as_ref().map_or(!is_within_stamp, Frames::are_complete)
    }

    /// Why the engine could not read the log to its end.
    pub(super) fn message(&self) -> Option<String> {
        self.frames.as_ref()?.message()
    }
}

impl Message {
    /// Takes in more of a message: its stamp first. False where no more is wanted.
    fn push(
        &mut self,
        bytes: &[u8],
        next: &mut impl FnMut(Next<'_>) -> bool,
    ) -> Result<bool, NoFrame> {
        // The stamp and the space behind it.
        let wanted = (LENGTH + 1).saturating_sub(self.stamp.len());
        let (stamp, bytes) = bytes.split_at(wanted.min(bytes.len()));
        self.stamp.extend_from_slice(stamp);
        if !stamp.is_empty() && self.stamp.len() > LENGTH {
            let stamp = stamp_in(&self.stamp).ok_or(NoFrame)?;
            if !next(Next::Message(self.stream, stamp)) {
                return Ok(false);
            }
        }
        self.length += bytes.len();
        self.has_ended_line = bytes.last().map_or(self.has_ended_line, |byte| *byte == b'\n');
        Ok(bytes.is_empty() || next(Next::Bytes(bytes)))
    }

    /// Takes in more of a terminal's log, in which a message ends with its line, or once it is full.
    fn of_terminal(
        &mut self,
        mut bytes: &[u8],
        next: &mut impl FnMut(Next<'_>) -> bool,
    ) -> Result<(), NoFrame> {
        while !bytes.is_empty() {
            if self.has_ended_line || self.length >= LONGEST_MESSAGE {
                *self = Self { stream: TERMINAL, ..Self::default() };
            }
            // No underflow: a full message was replaced by an empty one above.
            let room =
                (LENGTH + 1).saturating_sub(self.stamp.len()) + LONGEST_MESSAGE - self.length;
            let (within, _) = bytes.split_at(room.min(bytes.len()));
            let stamp = (LENGTH + 1).saturating_sub(self.stamp.len()).min(within.len());
            let (_, text) = within.split_at(stamp);
            let line = text.iter().position(|byte| *byte == b'\n').map(|at| stamp + at + 1);
            let (message, rest) = bytes.split_at(line.unwrap_or(within.len()));
            if !self.push(message, next)? {
                return Ok(());
            }
            bytes = rest;
        }
        Ok(())
    }
}

/// The moment of a stamp.
// By its digits, because the general parser would take longer for each line than the rest of reading it.
pub(super) fn moment_of(stamp: &Stamp) -> Option<DateTime<Utc>> {
    let number = |digits: Range<usize>| {
        let digits = stamp.get(digits).unwrap_or_default().iter();
        digits.fold(0_u32, |number, digit| number * 10 + u32::from(digit & 0xf))
    };
    let date = NaiveDate::from_ymd_opt(number(0..4).cast_signed(), number(5..7), number(8..10))?;
    let (hour, minute, second) = (number(11..13), number(14..16), number(17..19));
    Some(date.and_hms_nano_opt(hour, minute, second, number(20..29))?.and_utc())
}

/// The stamp before a message, if that is one in UTC.
fn stamp_in(beginning: &[u8]) -> Option<Stamp> {
    let (stamp, rest) = beginning.split_first_chunk::<LENGTH>()?;
    let form = b"0000-00-00T00:00:00.000000000Z";
    let is_like = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    (rest == b" " && stamp.iter().zip(form).all(is_like)).then_some(*stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-21T09:00:00.123456789Z";

    /// The messages of a log that comes in pieces of this size.
    fn messages(log: &[u8], has_terminal: bool, size: usize) -> Vec<(u8, Vec<u8>)> {
        let mut stamped = Stamped::new(has_terminal);
        let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
        for piece in log.chunks(size) {
            let pushed = stamped.push(piece, |next| {
                match next {
                    Next::Message(stream, stamp) => {
                        assert_eq!(&stamp, STAMP.as_bytes());
                        messages.push((stream, Vec::new()));
                    }
                    Next::Bytes(bytes) => messages.last_mut().unwrap().1.extend(bytes),
                }
                true
            });
            pushed.unwrap();
        }
        assert!(stamped.is_complete());
        messages
    }

    #[test]
    fn frames_in_pieces_of_any_size_are_messages_without_their_stamps() {
        let frame = |stream: u8, text: &str| {
            let text = format!("{STAMP} {text}");
            let length = u32::try_from(text.len()).unwrap().to_be_bytes();
            [&[stream, 0, 0, 0], &length[..], text.as_bytes()].concat()
        };
        let log = [frame(1, "out\n"), frame(2, ""), frame(2, "a\nb"), frame(1, "end")].concat();

        for size in 1..=log.len() {
            let expected: [(u8, &[u8]); 4] = [(1, b"out\n"), (2, b""), (2, b"a\nb"), (1, b"end")];
            assert_eq!(messages(&log, false, size), expected.map(|(to, text)| (to, text.to_vec())));
        }
    }

    #[test]
    fn a_terminals_messages_end_with_their_lines_or_once_they_are_full() {
        let full = "x".repeat(LONGEST_MESSAGE);
        let log = format!("{STAMP} a\r\n{STAMP} {full}{STAMP} \n{STAMP} {full}{STAMP} end");
        let texts = ["a\r\n", &full, "\n", &full, "end"];

        for size in [1, 7, 31, 32, 1000, log.len()] {
            let read = messages(log.as_bytes(), true, size);
            assert!(read == texts.map(|text| (TERMINAL, text.as_bytes().to_vec())), "{size}");
        }
    }

    #[test]
    fn a_stamp_is_the_moment_that_its_digits_say() {
        for stamp in [STAMP, "2000-02-29T23:59:59.000000001Z", "9999-12-31T00:00:00.999999999Z"] {
            let moment = moment_of(stamp.as_bytes().try_into().unwrap());
            assert_eq!(moment, Some(stamp.parse().unwrap()));
        }
        assert_eq!(moment_of(b"2026-02-30T09:00:00.000000000Z"), None);
    }

    #[test]
    fn a_message_without_a_stamp_is_an_error() {
        let mut terminal = Stamped::new(true);
        let pushed = terminal.push(b"2026-11-21 09:00:00.123456789Z text\n", |_| true);

        assert_eq!(pushed, Err(NoFrame));
    }
}
