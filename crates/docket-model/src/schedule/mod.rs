//! The schedule language: when an allocation is due.
