//! How many of something, as users write it.

use std::num::NonZeroUsize;

/// Reads a number from 1 on.
pub(crate) fn parse(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "write a number from 1 on")
}
