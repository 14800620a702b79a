//! The nouns of docket and its schedule language. No I/O and no clock live here.

pub mod schedule;
