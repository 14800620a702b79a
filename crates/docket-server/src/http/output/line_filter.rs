//! Which lines of an output a response has, and with what each of them begins.
//!
//! 1. Positions stay those of the whole output, so that a client goes on behind any piece.
//! 2. A line whose time is not known is shown, whatever time its client asks for: nothing is left out by a guess.

use chrono::{DateTime, SecondsFormat, Utc};
use docket_model::output::{Stream, Times};

use crate::outputs::Piece;

/// What stands for a time that is not known.
const UNKNOWN: &str = "-";

/// What a client asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The lines of this stream; of both if there is none.
    pub(super) stream: Option<Stream>,
    /// Those that were written at this time or later.
    pub(super) since: Option<DateTime<Utc>>,
    /// Each with its time.
    pub(super) timestamps: bool,
}

impl Shown {
    /// True if the output is to be as it was written.
    pub(super) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    fn needs_times(&self) -> bool {
        self.since.is_some() || self.timestamps
    }
}

/// Picks the lines of an output as it is read.
#[derive(Debug)]
pub(super) struct LineFilter {
    shown: Shown,
    /// How many bytes the client has.
    had: u64,
    /// The line under way of each stream, standard output first.
    lines: [Line; 2],
    /// True once the client knows that times are not known.
    has_note: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Line {
    is_begun: bool,
    is_shown: bool,
}

impl LineFilter {
    /// Picks lines for a client that has so many bytes already.
    pub(super) fn new(shown: Shown, had: u64) -> Self {
        Self { shown, had, lines: [Line::default(); 2], has_note: had > 0 }
    }

    /// From which position the output is to be read.
    pub(super) fn reads_from(&self, begin: u64) -> u64 {
        // The byte before shows whether the client has the beginning of a line.
        let before = u64::from(self.shown.needs_times() && self.had > 0);
        begin.saturating_sub(before)
    }

    /// The position that the client has reached once so much was read.
    pub(super) fn position(&self, read: u64) -> u64 {
        read.max(self.had)
    }

    /// True if all pieces stay as they are.
    pub(super) fn is_for_all(&self) -> bool {
        self.shown.is_all()
    }

    /// What of a piece the client gets.
    pub(super) fn take(&mut self, piece: Piece) -> Vec<Piece> {
        if piece.is_note {
            return vec![piece];
        }
        if self.shown.stream.is_some_and(|stream| stream != piece.stream) {
            return Vec::new();
        }
        if self.shown.needs_times() { self.lines_of(&piece) } else { vec![piece] }
    }

    fn lines_of(&mut self, piece: &Piece) -> Vec<Piece> {
        let Self { shown, had, lines: [out, error], has_note } = self;
        let state = if piece.stream == Stream::Out { out } else { error };
        let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
        let (first, mut offset) = (piece.begin(), 0);
        for line in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            let begins = !state.is_begun;
            let at = piece.times.at(offset);
            if begins {
                let is_late = |since| at.is_none_or(|at| at >= since);
                state.is_shown = shown.since.is_none_or(is_late);
            }
            let position = first + offset;
            let known = usize::try_from(had.saturating_sub(position)).unwrap_or(usize::MAX);
            if state.is_shown && begins && known == 0 {
                if at.is_none() && !std::mem::replace(has_note, true) {
                    push(&mut pieces, &mut bytes, piece.stream, position);
                    pieces.push(Piece::note(note(shown), position));
                }
                if shown.timestamps {
                    bytes.extend_from_slice(written(at).as_bytes());
                    bytes.push(b' ');
                }
            }
            if state.is_shown {
                bytes.extend_from_slice(line.get(known..).unwrap_or_default());
            }
            state.is_begun = !line.ends_with(b"\n");
            offset += line.len() as u64;
        }
        push(&mut pieces, &mut bytes, piece.stream, piece.end);
        pieces
    }
}

/// Adds what was collected up to a position.
fn push(pieces: &mut Vec<Piece>, bytes: &mut Vec<u8>, stream: Stream, end: u64) {
    if !bytes.is_empty() {
        let (bytes, times) = (std::mem::take(bytes).into(), Times::default());
        pieces.push(Piece { bytes, stream, times, is_note: false, end });
    }
}

fn written(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| UNKNOWN.to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Says once that times are not known.
fn note(shown: &Shown) -> String {
    let effect = if shown.since.is_some() { ", so all of it is shown" } else { "" };
    format!("[docket: the times of this output are not known{effect}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_251_600 + second, 0).unwrap()
    }

    /// An output of two lines to each stream, one a second, whose second line is cut in two.
    fn pieces() -> Vec<Piece> {
        let (out, error) = (Stream::Out, Stream::Error);
        let texts = [(out, "one\nt", 0), (out, "wo\n", 1), (error, "oh\n", 2), (error, "no", 3)];
        let mut end = 0;
        let piece = |(stream, text, second): (Stream, &'static str, i64)| {
            end += text.len() as u64;
            let mut times = Times::default();
            times.note(0, at(second));
            if let Some(line) = text.find("\nt") {
                times.note(line as u64 + 1, at(second + 1));
            }
            Piece { bytes: text.into(), stream, times, is_note: false, end }
        };
        texts.map(piece).into()
    }

    fn text(shown: Shown, had: u64, pieces: impl IntoIterator<Item = Piece>) -> String {
        let mut filter = LineFilter::new(shown, had);
        let pieces = pieces.into_iter().flat_map(|piece| filter.take(piece));
        let bytes: Vec<_> = pieces.flat_map(|piece| piece.bytes).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_line_has_its_time_once() {
        let shown = Shown { timestamps: true, ..Shown::default() };

        assert_eq!(
            text(shown, 0, pieces()),
            "2026-11-21T09:00:00.000Z one\n2026-11-21T09:00:01.000Z two\n\
             2026-11-21T09:00:02.000Z oh\n2026-11-21T09:00:03.000Z no"
        );
    }

    #[test]
    fn lines_are_those_of_a_stream_and_of_a_time() {
        let (out, error) = (Some(Stream::Out), Some(Stream::Error));
        let shown = |stream, since: Option<i64>| {
            text(Shown { stream, since: since.map(at), timestamps: false }, 0, pieces())
        };

        assert_eq!([shown(out, None), shown(error, None)], ["one\ntwo\n", "oh\nno"]);
        assert_eq!([shown(None, Some(1)), shown(None, Some(3))], ["two\noh\nno", "no"]);
        assert_eq!([shown(out, Some(1)), shown(error, Some(9))], ["two\n", ""]);
    }

    #[test]
    fn a_client_that_goes_on_within_a_line_gets_its_rest_without_a_time() {
        let shown = Shown { timestamps: true, since: Some(at(1)), stream: None };
        let whole = text(shown, 0, pieces());
        for had in 1..=13_u64 {
            // As an output is read: from the byte before.
            let rest = pieces().into_iter().filter(|piece| piece.end >= had).map(|piece| {
                let first = (had - 1).saturating_sub(piece.begin());
                let times = piece.times.within(first..u64::MAX);
                let bytes = piece.bytes.slice(usize::try_from(first).unwrap()..);
                Piece { bytes, times, ..piece }
            });
            let rest = text(shown, had, rest);
            assert!(whole.ends_with(&rest), "{had}: {rest}");
            let unseen = "one\ntwo\noh\nno".get(usize::try_from(had).unwrap()..).unwrap();
            let unseen = if had < 4 { "two\noh\nno" } else { unseen };
            let without_times: String = rest
                .split("2026-11-21T09:00:0")
                .map(|line| line.split_once("Z ").map_or(line, |(_, line)| line))
                .collect();
            assert_eq!(without_times, unseen, "{had}");
        }
    }

    #[test]
    fn lines_without_a_time_are_shown_and_it_is_noted_once() {
        let untimed = || {
            let lines = ["one\n", "two\n"].into_iter().zip([4, 8]);
            lines.map(|(text, end)| {
                let (bytes, times) = (text.into(), Times::default());
                Piece { bytes, stream: Stream::Out, times, is_note: false, end }
            })
        };
        let timed = Shown { timestamps: true, ..Shown::default() };
        let late = Shown { since: Some(at(0)), ..Shown::default() };

        let note = "[docket: the times of this output are not known]\n";
        assert_eq!(text(timed, 0, untimed()), format!("{note}- one\n- two\n"));
        let note = "[docket: the times of this output are not known, so all of it is shown]\n";
        assert_eq!(text(late, 0, untimed()), format!("{note}one\ntwo\n"));
    }

    #[test]
    fn notes_about_missing_output_stay_as_they_are() {
        let note = Piece::note("\n[docket: 7 bytes left out here]\n", 0);
        let shown = Shown { stream: Some(Stream::Out), timestamps: true, since: Some(at(9)) };

        assert_eq!(text(shown, 0, [note]), "\n[docket: 7 bytes left out here]\n");
    }
}
