//! The errors and warnings found in a container.

use super::UnknownOptions;
use crate::finding::{Finding, Place, note, unknown_word};

/// The errors and warnings found.
pub(super) struct Findings<'a> {
    pub(super) errors: &'a mut Vec<Finding>,
    pub(super) warnings: &'a mut Vec<Finding>,
    pub(super) unknown_options: UnknownOptions,
}

impl Findings<'_> {
    pub(super) fn wrong(&mut self, at: Place<'_>, message: impl Into<String>) {
        note(self.errors, || at.wrong(message));
    }

    pub(super) fn wrong_key(&mut self, at: Place<'_>, key: &str, message: String) {
        note(self.errors, || at.wrong_key(key, message));
    }

    pub(super) fn doubtful(&mut self, at: Place<'_>, message: impl Into<String>) {
        note(self.warnings, || at.wrong(message));
    }

    pub(super) fn unknown_key(&mut self, at: Place<'_>, key: &str, message: String) {
        self.unknown(at.wrong_key(key, message));
    }

    /// Notes a text that is not one of the words for an option.
    pub(super) fn unknown_word(&mut self, at: Place<'_>, text: &str, known: &[&str]) {
        // The empty word is bollard's name for "not given", which no user writes.
        let known: Vec<_> = known.iter().copied().filter(|word| !word.is_empty()).collect();
        self.unknown(at.wrong(unknown_word(text, &known)));
    }

    /// Notes a key or a word that a newer engine may have.
    fn unknown(&mut self, mut finding: Finding) {
        match self.unknown_options {
            UnknownOptions::Refuse => note(self.errors, || finding),
            UnknownOptions::Allow => {
                finding.message.push_str(" (sent to the engine as it is)");
                note(self.warnings, || finding);
            }
        }
    }
}
