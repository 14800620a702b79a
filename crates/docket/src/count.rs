//! Counts in arguments.

use std::num::NonZeroUsize;

/// Parses a number of at least 1.
pub(crate) fn parse(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number of at least 1")
}
