//! The name of an allocation, which is also a path segment and part of a container's name.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The length of the longest name, in bytes.
pub const MAX_LENGTH: usize = 128;

/// What each name matches, as a regular expression.
pub(crate) const PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$";

/// Names an allocation: `[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`.
///
/// Cheap to clone: the text is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AllocationName(Arc<str>);

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("Required")]
    Empty,
    /// More than [`MAX_LENGTH`] bytes.
    #[error("a name has at most {MAX_LENGTH} characters, this one has {0}")]
    TooLong(usize),
    /// The first character is neither a letter nor a digit.
    #[error("a name begins with a letter or a digit, not with `{0}`")]
    BadStart(char),
    /// A character that is not allowed.
    #[error(
        "`{character}` at position {position} is not allowed in a name: use letters, digits, `_`, `.` and `-`"
    )]
    BadCharacter {
        /// The character.
        character: char,
        /// Counted in characters, from 1.
        position: usize,
    },
}

impl AllocationName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not `[A-Za-z0-9][A-Za-z0-9_.-]{0,127}`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let first = text.chars().next().ok_or(InvalidName::Empty)?;
        // `-x` would read as an option on a command line, and a path segment cannot be `.` or `..`.
        if !first.is_ascii_alphanumeric() {
            return Err(InvalidName::BadStart(first));
        }
        let bad = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| bad(c)) {
            return Err(InvalidName::BadCharacter { character, position: index + 1 });
        }
        // All characters are ASCII here, so bytes and characters have one count.
        if text.len() > MAX_LENGTH {
            return Err(InvalidName::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AllocationName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

text_for_serde!(AllocationName, InvalidName);

// Maps by name are searched with plain text; `Hash` and `Ord` of the two agree, as `Borrow`
// requires.
impl std::borrow::Borrow<str> for AllocationName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AllocationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_128_characters_of_its_alphabet() {
        for name in ["a", "0", "Report_2.daily-x", &"x".repeat(128)] {
            assert_eq!(AllocationName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_place() {
        let cases = [
            ("", "Required"),
            (" ", "a name begins with a letter or a digit, not with ` `"),
            ("-x", "a name begins with a letter or a digit, not with `-`"),
            (
                "a/b",
                "`/` at position 2 is not allowed in a name: use letters, digits, `_`, `.` and `-`",
            ),
            (
                "blüte",
                "`ü` at position 3 is not allowed in a name: use letters, digits, `_`, `.` and `-`",
            ),
        ];
        for (name, message) in cases {
            assert_eq!(AllocationName::parse(name).unwrap_err().to_string(), message);
        }
        let long = AllocationName::parse(&"x".repeat(129)).unwrap_err();
        assert_eq!(long.to_string(), "a name has at most 128 characters, this one has 129");
    }
}
