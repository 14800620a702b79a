//! The text of a document, and positions in it.

use std::cell::OnceCell;

use saphyr_parser::{Marker, Span};

use super::Located;
use crate::finding::{FieldPath, Finding};

/// The parser counts characters; the byte offset of every so-many-th one is kept.
// A thousandth of the offsets takes little memory, and finding one reads at most so many
// characters.
const STRIDE: usize = 1024;

/// The most characters that an error points at: more than a schedule may have.
// A value on one line may be megabytes long, and a caret under all of it helps less.
const MOST_POINTED: usize = 2048;

/// A position, in characters; small, because every value has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) start: u32,
    pub(super) end: u32,
    line: u32,
    column: u32,
}

impl Mark {
    pub(super) const START: Self = Self { start: 0, end: 1, line: 1, column: 0 };

    /// The line, counted from 1.
    pub(super) fn line(self) -> usize {
        self.line as usize
    }

    /// The position after a text that begins here.
    pub(super) fn after(self, skipped: &str) -> Self {
        let last = skipped.rsplit('\n').next().unwrap_or_default();
        let start = self.start + small(skipped.chars().count());
        let column = small(last.chars().count());
        let lines = small(skipped.matches('\n').count());
        Self {
            start,
            end: start + 1,
            line: self.line + lines,
            column: if lines == 0 { self.column + column } else { column },
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

impl From<Span> for Mark {
    fn from(span: Span) -> Self {
        Self {
            start: small(span.start.index()),
            end: small(span.end.index()),
            line: small(span.start.line()),
            column: small(span.start.col()),
        }
    }
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        let end = Marker::new(marker.index() + 1, marker.line(), marker.col() + 1);
        Span::new(marker, end).into()
    }
}

/// A document has fewer characters than that.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A text, with the byte offsets of its characters.
pub(super) struct Source<'t> {
    text: &'t str,
    /// The byte offset of every [`STRIDE`]th character; empty if all are ASCII.
    // Computed for the first error only: most documents have none.
    strides: OnceCell<Vec<usize>>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, strides: OnceCell::new() }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// The byte offset of a character.
    pub(super) fn byte(&self, character: u32) -> usize {
        let character = character as usize;
        if character == 0 {
            return 0;
        }
        let strides = self.strides.get_or_init(|| strides(self.text));
        // In ASCII text a character's index is its byte offset.
        let Some(base) = strides.get(character / STRIDE) else {
            return character.min(self.text.len());
        };
        let rest = self.text.get(*base..).unwrap_or_default();
        rest.char_indices()
            .nth(character % STRIDE)
            .map_or(self.text.len(), |(index, _)| base + index)
    }

    /// A finding about the text at the mark, up to the end of its first line.
    pub(super) fn located(&self, mark: Mark, finding: Finding) -> Located {
        let offset = self.byte(mark.start);
        let rest = self.text.get(offset..).unwrap_or_default();
        let length =
            if mark.is_empty() { rest.len() } else { self.byte(mark.end).saturating_sub(offset) };
        let line_end = rest
            .char_indices()
            .take(MOST_POINTED)
            .take_while(|(index, letter)| *index < length && !matches!(letter, '\n' | '\r'))
            .map(|(index, letter)| index + letter.len_utf8())
            .last();
        let shown = rest.get(..line_end.unwrap_or_default());
        Located {
            finding,
            line: mark.line(),
            column: mark.column as usize + 1,
            offset,
            // The parser's span of a plain scalar may include white space after it.
            length: shown.unwrap_or_default().trim_end().len(),
        }
    }

    /// An error of the document as a whole.
    pub(super) fn at_start(&self, message: String) -> Located {
        self.located(Mark::START, Finding::new(FieldPath::default(), message))
    }
}

fn strides(text: &str) -> Vec<usize> {
    if text.is_ascii() {
        return Vec::new();
    }
    text.char_indices().step_by(STRIDE).map(|(index, _)| index).collect()
}
