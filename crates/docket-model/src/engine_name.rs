//! The name of an engine, which records, allocations and options refer to.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The length of the longest name, in bytes.
// As long as a host name's label, since engines are often named after their hosts.
const MAX_LENGTH: usize = 63;

/// Names an engine: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EngineName(Arc<str>);

/// A text that is not a valid name of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a valid name of an engine: use 1 to {MAX_LENGTH} letters, digits, `_`, `.` and \
     `-`, beginning with a letter or a digit"
)]
pub struct InvalidEngineName(String);

impl EngineName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for EngineName {
    type Err = InvalidEngineName;

    fn from_str(text: &str) -> Result<Self, InvalidEngineName> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        // `-x` would read as an option on a command line.
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins_well || text.len() > MAX_LENGTH || !text.chars().all(is_allowed) {
            return Err(InvalidEngineName(crate::finding::shortened(text)));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_for_serde!(EngineName, InvalidEngineName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_has_no_character_with_a_meaning_in_an_option() {
        for text in ["a", "web1", "Web_1.example-2", &"x".repeat(63)] {
            assert_eq!(
                text.parse::<EngineName>().map(|name| name.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in ["", "-a", ".a", "a b", "a=b", "a:b", "a+b", "a/b", "ä", &"x".repeat(64)] {
            assert!(text.parse::<EngineName>().is_err(), "{text}");
        }
    }
}
