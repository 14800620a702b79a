//! Findings with their positions.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    hash::{BuildHasher, RandomState},
};

use crate::finding::{Finding, MAX_REPORTED, Reported};

/// How many errors beyond the limit are remembered, so that an error in the defaults, which is found
/// again with each allocation, is counted once.
const MAX_REMEMBERED: usize = 10_000;

/// An error in a document, or a warning about it, with its position in the text.
///
/// Written `3:9: Container.Config.Image: Image is required`, before which messages write the file and a colon.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// What is wrong; for a schedule with several errors, one of them.
    pub finding: Finding,
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters, from 1.
    pub column: usize,
    /// The offset of the wrong text, in bytes.
    pub offset: usize,
    /// Its length in bytes; it ends on the line where it begins.
    pub length: usize,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.finding)
    }
}

/// Collects errors, up to a limit, and sorts them by position.
///
/// An error in the defaults is found for each allocation, and kept once.
#[derive(Default)]
pub(super) struct Noted {
    shown: BTreeMap<(usize, String), Located>,
    /// Hashes of errors that are only counted.
    remembered: HashSet<u64>,
    omitted: usize,
    // Seeded, since the errors come from a client that could choose texts whose hashes collide.
    hasher: RandomState,
}

impl Noted {
    pub(super) fn note(&mut self, located: Located) {
        let key = (located.offset, located.finding.to_string());
        if self.shown.len() < MAX_REPORTED {
            // The key has the position first, so the map is sorted as the text is.
            self.shown.insert(key, located);
        } else if !self.shown.contains_key(&key) && self.is_new(&key) {
            self.omitted += 1;
        }
    }

    /// Notes the error that ended the reading; it replaces another one if the limit is reached.
    pub(super) fn note_last(&mut self, located: Located) {
        if self.shown.len() >= MAX_REPORTED {
            self.shown.pop_last();
            self.omitted += 1;
        }
        self.note(located);
    }

    fn is_new(&mut self, key: &(usize, String)) -> bool {
        let hash = self.hasher.hash_one(key);
        if self.remembered.len() < MAX_REMEMBERED {
            self.remembered.insert(hash)
        } else {
            // Beyond the limit an error may be counted twice: a count that is too high is harmless.
            !self.remembered.contains(&hash)
        }
    }

    pub(super) fn append(&mut self, more: Self) {
        more.shown.into_values().for_each(|located| self.note(located));
        self.omitted += more.omitted;
    }

    pub(super) fn into_sorted(self) -> Reported<Located> {
        Reported { shown: self.shown.into_values().collect(), omitted: self.omitted }
    }
}
