//! Whole-system benches.
