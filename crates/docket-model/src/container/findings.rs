//! The findings of the check of a container against the types of the Engine API.

use crate::finding::{Finding, Place, note, unknown_word};

/// What was found when a value was checked against a type.
#[derive(Default)]
pub(super) struct Findings {
    /// Values of the wrong type, and duplicate keys.
    pub(super) errors: Vec<Finding>,
    /// Keys and words that the type does not have, but a newer engine may have.
    pub(super) unknown: Vec<Finding>,
}

impl Findings {
    pub(super) fn wrong(&mut self, at: Place<'_>, message: String) {
        note(&mut self.errors, || at.wrong(message));
    }

    pub(super) fn wrong_key(&mut self, at: Place<'_>, key: &str, message: String) {
        note(&mut self.errors, || at.wrong_key(key, message));
    }

    pub(super) fn unknown_key(&mut self, at: Place<'_>, key: &str, message: String) {
        note(&mut self.unknown, || at.wrong_key(key, message));
    }

    /// Notes a text that is not one of the words for an option.
    pub(super) fn unknown_word(&mut self, at: Place<'_>, text: &str, known: &[&str]) {
        let known: Vec<_> = known.iter().copied().filter(|word| !word.is_empty()).collect();
        let message = unknown_word(text, &known);
        note(&mut self.unknown, || at.wrong(message));
    }
}
