//! The end of an output, without control sequences of terminals.
//!
//! Memory is bounded by [`MOST_LINES`] and [`LONGEST_LINE`], whatever a container writes.

use std::collections::VecDeque;

use crate::print::visible;

/// The number of lines to keep: the newest.
// With the longest lines that is 2 MB of ASCII, 8 MB at most.
const MOST_LINES: usize = 2_000;
/// The number of characters of a line to keep: the first.
const LONGEST_LINE: usize = 1_000;

/// The newest lines of a run's output.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    /// The state of an escape sequence that is not complete.
    escape: Escape,
    /// The bytes of an incomplete character.
    partial: Vec<u8>,
    /// True if the last line has no line break yet.
    is_open: bool,
    /// The number of characters of the last line, kept or not.
    width: usize,
}

/// The state of an escape sequence.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// Outside of a sequence.
    #[default]
    None,
    /// After the escape character.
    Begun,
    /// `ESC [`: ends with a letter or one of a few signs.
    Control,
    /// `ESC ]` and similar: a text up to BEL or `ESC \`.
    Text,
    /// The escape character within such a text.
    TextEnds,
}

impl Tail {
    /// Adds output.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // A piece may end within a character: its beginning waits for the next piece.
        self.partial.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.partial);
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.add(c));
            if chunk.invalid().is_empty() {
                continue;
            }
            // Only at the end of the piece: elsewhere an incomplete character is followed by bytes
            // that do not continue it.
            if is_beginning(chunk.invalid()) && bytes.ends_with(chunk.invalid()) {
                self.partial = chunk.invalid().to_vec();
            } else {
                self.add(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn add(&mut self, c: char) {
        let (next, is_shown) = self.escape.after(c);
        self.escape = next;
        if !is_shown {
            return;
        }
        match c {
            '\n' => {
                self.open();
                // The line is closed, but the next one is only begun by its first character:
                // otherwise the end would always be an empty line.
                self.is_open = false;
            }
            // Most programs write it before a line feed. A progress bar appears as one long line.
            '\r' => {}
            _ => self.show(c),
        }
    }

    fn show(&mut self, c: char) {
        self.open();
        self.width += 1;
        let Some(line) = self.lines.back_mut() else { return };
        match self.width {
            // The width of a tab depends on its column, which a cut line does not have.
            ..=LONGEST_LINE if c == '\t' => line.push_str("    "),
            ..=LONGEST_LINE => line.push(visible(c)),
            width if width == LONGEST_LINE + 1 => line.push('…'),
            _ => {}
        }
    }

    /// Begins a line if none is open.
    fn open(&mut self) {
        if self.is_open {
            return;
        }
        if self.lines.len() == MOST_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(String::new());
        (self.is_open, self.width) = (true, 0);
    }

    /// The number of lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// `count` lines from `from` on.
    pub(super) fn lines(&self, from: usize, count: usize) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(from).take(count).map(String::as_str)
    }
}

impl Escape {
    /// The state after a character, and whether to show the character.
    fn after(self, c: char) -> (Self, bool) {
        let next = match (self, c) {
            // `ESC ( B` and similar have a character in between.
            (Self::None, '\u{1b}') | (Self::Begun, ' '..='/') => Self::Begun,
            (Self::None, '\u{9b}') | (Self::Begun, '[') => Self::Control,
            (Self::Begun, ']' | 'P' | 'X' | '^' | '_') => Self::Text,
            (Self::Text, '\u{1b}') => Self::TextEnds,
            // An unterminated sequence must not hide all later output: it ends with its line.
            (_, '\n')
            | (Self::None | Self::Begun, _)
            | (Self::Control, '@'..='~')
            | (Self::Text, '\u{7}' | '\u{9c}')
            | (Self::TextEnds, '\\') => Self::None,
            (Self::Control, _) => Self::Control,
            (Self::Text | Self::TextEnds, _) => Self::Text,
        };
        let is_shown = c == '\n' || matches!((self, &next), (Self::None, Self::None));
        (next, is_shown)
    }
}

/// True if these bytes may be the beginning of a character.
fn is_beginning(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => false,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]]) -> Vec<String> {
        let mut tail = Tail::default();
        for piece in pieces {
            tail.push(piece);
        }
        tail.lines.into()
    }

    #[test]
    fn lines_are_joined_from_pieces_of_any_length() {
        let text = "one\n\nzwölf\r\nthree".as_bytes();
        let bytes: Vec<_> = text.chunks(1).collect();

        assert_eq!(tail(&[text]), ["one", "", "zwölf", "three"]);
        assert_eq!(tail(&bytes), ["one", "", "zwölf", "three"]);
    }

    #[test]
    fn control_sequences_are_removed() {
        let cases: [(&[u8], &str); 7] = [
            (b"\x1b[31mred\x1b[0m", "red"),
            (b"a\x1b[2J\x1b[1;1Hb", "ab"),
            (b"a\x1b]0;title\x07b", "ab"),
            (b"a\x1b]8;;http://x\x1b\\b", "ab"),
            (b"a\x1bPq#0\x1b\\b", "ab"),
            (b"a\x1b(Bb", "ab"),
            ("a\u{202e}b\u{0}c\u{9b}2Jd".as_bytes(), "a\u{fffd}b\u{fffd}cd"),
        ];
        for (written, shown) in cases {
            assert_eq!(tail(&[written]), [shown], "{}", written.escape_ascii());
        }
    }

    #[test]
    fn invalid_bytes_are_shown_as_replacement_characters() {
        assert_eq!(tail(&[b"a\xffb", b"\xc3"]), ["a\u{fffd}b"]);
        assert_eq!(tail(&[b"\xc3", b"\xa9\xc3x"]), ["é\u{fffd}x"]);
    }

    #[test]
    fn an_unterminated_sequence_ends_with_its_line() {
        assert_eq!(tail(&[b"a\x1b]never\nb"]), ["a", "b"]);
    }

    #[test]
    fn many_and_long_lines_are_kept_within_limits() {
        let numbers: String = (0..=MOST_LINES).map(|number| number.to_string() + "\n").collect();
        let long = "x".repeat(1 << 20);

        let kept = tail(&[numbers.as_bytes(), long.as_bytes()]);

        assert_eq!(kept.len(), MOST_LINES);
        assert_eq!(kept.first().unwrap(), "2");
        assert_eq!(kept.last().unwrap().chars().count(), LONGEST_LINE + 1);
    }
}
