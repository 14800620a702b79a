//! An error and what caused it, in words.

use std::{error::Error, iter::successors};

/// An error and its causes, separated by colons. Some errors repeat the words of their causes, which are left
/// out then.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| (*cause).source()) {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
    }
    text
}

/// The cause of an error that has no cause itself: the layers around it may only say that a request failed.
#[must_use]
pub fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    successors(error.source(), |cause| (*cause).source()).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("{words}")]
    struct Layer<E: Error + 'static> {
        words: &'static str,
        source: E,
    }

    #[test]
    fn the_causes_follow_and_what_was_said_is_not_repeated() {
        let refused = io::Error::other("connection refused");
        let repeats = Layer { words: "tcp: connection refused", source: refused };
        let error = Layer { words: "the request failed", source: repeats };

        assert_eq!(with_causes(&error), "the request failed: tcp: connection refused");
        assert_eq!(innermost(&error).to_string(), "connection refused");
        assert_eq!(innermost(&error.source.source).to_string(), "connection refused");
    }
}
