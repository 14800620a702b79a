//! The errors in a schedule: the wrong text, its position, what is allowed, and how to fix it.

use std::error::Error;
use std::fmt::{self, Display};

use serde::Serialize;

/// The key of a specification that holds a schedule.
const FIELD: &str = "Cron";

/// One error in a schedule, with its position in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleError {
    /// The key of the specification, always `Cron`.
    pub field: &'static str,
    /// The part of the schedule: `sec`, `min`, `hour`, `dom`, `month`, `dow`, `year`,
    /// `interval`, `count`, `start` or `period`; `None` for the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// The wrong text.
    pub text: String,
    /// The offset of the text, in bytes.
    pub offset: usize,
    /// The length of the text, in bytes.
    pub length: usize,
    /// What is wrong, with the allowed values.
    pub message: String,
    /// What to write instead, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ScheduleError {
    pub(super) fn new(part: Option<&'static str>, piece: Piece<'_>, message: String) -> Self {
        Self {
            field: FIELD,
            part,
            text: piece.text.to_owned(),
            offset: piece.offset,
            length: piece.text.len(),
            message,
            hint: None,
        }
    }

    /// The error for characters that are not ASCII.
    pub(super) fn foreign(part: Option<&'static str>, piece: Piece<'_>) -> Self {
        let (_, tail) = piece.split_at(piece.text.find(|c: char| !c.is_ascii()).unwrap_or(0));
        let end = tail.text.find(|c: char| c.is_ascii()).unwrap_or(tail.text.len());
        let (letters, _) = tail.split_at(end);
        let shown = letters.text.escape_debug();
        Self::new(part, letters, format!("{shown} is not ASCII, as all of a schedule is"))
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Display for ScheduleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.part {
            write!(formatter, "{part}: ")?;
        }
        formatter.write_str(&self.message)?;
        match &self.hint {
            // A hint after a question is its answer, not the rest of a sentence.
            Some(hint) if self.message.ends_with('?') => write!(formatter, " {hint}"),
            Some(hint) => write!(formatter, ", {hint}"),
            None => Ok(()),
        }
    }
}

/// A text that is not a valid schedule, with all errors in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSchedule {
    text: String,
    errors: Vec<ScheduleError>,
}

impl InvalidSchedule {
    pub(super) fn new(text: &str, errors: Vec<ScheduleError>) -> Self {
        Self { text: text.to_owned(), errors }
    }

    /// Returns all errors in the order of the text; there is at least one.
    #[must_use]
    pub fn errors(&self) -> &[ScheduleError] {
        &self.errors
    }

    /// Shows each error with a marker below its position in the text, on several lines.
    #[must_use]
    pub fn snippet(&self) -> String {
        let blocks: Vec<_> = self.errors.iter().map(|error| self.block(error)).collect();
        blocks.join("\n")
    }

    fn block(&self, error: &ScheduleError) -> String {
        let part = error.part.map(|part| format!("{part}: ")).unwrap_or_default();
        // A tab or line break would misplace the marker.
        let shown = self.text.replace(|c: char| c.is_ascii_control(), " ");
        let before = self.text.get(..error.offset).map_or(0, |text| text.chars().count());
        let mark = " ".repeat(before) + &"^".repeat(error.text.chars().count().max(1));
        let hint = error.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
        let (field, message) = (error.field, &error.message);
        format!("{field}: {part}{message}\n  {}\n  {mark}{hint}", shown.trim_end())
    }
}

impl Display for InvalidSchedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.errors.iter().map(ToString::to_string).collect();
        formatter.write_str(&texts.join("; "))
    }
}

impl Error for InvalidSchedule {}

/// A part of the text, with its offset.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

impl<'a> Piece<'a> {
    pub(super) fn trimmed(self) -> Self {
        // Line breaks come with YAML blocks; other white space of Unicode is an error, as all of a
        // schedule is ASCII.
        let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        let text = self.text.trim_start_matches(blank);
        let offset = self.offset + self.text.len() - text.len();
        Self { text: text.trim_end_matches(blank), offset }
    }

    /// Splits at every separator, keeping empty pieces.
    pub(super) fn split(self, separator: impl Fn(char) -> bool) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let here = rest.take()?;
            let Some((index, found)) = here.text.char_indices().find(|(_, c)| separator(*c)) else {
                return Some(here);
            };
            let (head, tail) = here.split_at(index);
            rest = Some(tail.split_at(found.len_utf8()).1);
            Some(head)
        })
    }

    /// Splits at the first separator, which is dropped.
    pub(super) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        let (head, tail) = self.split_at(self.text.find(separator)?);
        Some((head, tail.split_at(separator.len_utf8()).1))
    }

    /// Splits into the words between spaces and tabs.
    pub(super) fn words(self) -> impl Iterator<Item = Self> {
        self.split(|c| matches!(c, ' ' | '\t')).filter(|word| !word.text.is_empty())
    }

    /// Splits at a byte index, or at the end if that is not a character boundary.
    pub(super) fn split_at(self, index: usize) -> (Piece<'a>, Piece<'a>) {
        let (head, tail) = self.text.split_at_checked(index).unwrap_or((self.text, ""));
        let offset = self.offset + head.len();
        (Piece { text: head, offset: self.offset }, Piece { text: tail, offset })
    }
}
