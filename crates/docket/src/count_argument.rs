//! Parses counts in arguments: whole numbers of at least one.

use std::{num::NonZeroUsize, str::FromStr};

/// A number of at least 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(NonZeroUsize);

impl Count {
    pub(crate) fn get(self) -> usize {
        self.0.get()
    }
}

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "write a number of at least 1")
    }
}
