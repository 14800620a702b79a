//! A mistake and its place.

use std::{collections::BTreeMap, fmt};

use crate::mistake::Mistake;

/// So many mistakes are told of one document.
const MOST_TOLD: usize = 1000;

/// A mistake in a document, or a warning about it, with its place in the text.
///
/// Written `3:9: Container.Config.Image: Image is required`; [`Located::in_file`] adds the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// What is wrong; of a schedule with several mistakes, one of them.
    pub mistake: Mistake,
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// Where the offending text begins, in bytes.
    pub offset: usize,
    /// How long it is, in bytes; it ends on the line where it begins.
    pub length: usize,
}

impl Located {
    /// Shows the file, too: `docket.yml:3:9: Container.Config.Image: Image is required`.
    #[must_use]
    pub fn in_file<'a>(&'a self, file: &'a str) -> InFile<'a> {
        InFile { file, located: self }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.mistake)
    }
}

/// Shows a mistake with the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct InFile<'a> {
    file: &'a str,
    located: &'a Located,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.located)
    }
}

/// Mistakes in the order of the text.
///
/// One in the defaults is found once for each allocation, and kept once.
#[derive(Default)]
pub(super) struct Noted(BTreeMap<(usize, String), Located>);

impl Noted {
    pub(super) fn note(&mut self, located: Located) {
        if !self.is_full() {
            let key = (located.offset, located.mistake.to_string());
            self.0.insert(key, located);
        }
    }

    pub(super) fn append(&mut self, more: Self) {
        more.0.into_values().for_each(|located| self.note(located));
    }

    /// True once nothing more is kept.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST_TOLD
    }

    pub(super) fn into_sorted(self) -> Vec<Located> {
        let full = self.is_full();
        let mut mistakes: Vec<_> = self.0.into_values().collect();
        if let Some(last) = mistakes.last_mut().filter(|_| full) {
            last.mistake.message.push_str("; there may be more, which are not shown");
        }
        mistakes
    }
}
