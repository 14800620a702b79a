//! What whole-system measurements and tests share: a stub engine, and the framing of HTTP.
//!
//! What is measured, and how, is the program's part (`main.rs`), not this library's.

pub mod framing;
pub mod stub;
