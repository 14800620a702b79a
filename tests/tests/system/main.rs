//! Whole-system tests: the built program, a real engine, a real registry. One module a subject.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, it is what fails it")]

mod access;
mod breaks;
mod broken_rehearsals;
mod calls;
mod catch_ups;
mod clocks;
mod command_line;
mod containers;
mod copies;
mod crashes;
mod edits;
mod engine_away;
mod engine_words;
mod env_files;
mod events;
mod file;
mod fixtures;
mod following;
mod full_disk;
mod hostile;
mod http_api;
mod http_errors;
mod images;
mod late_starts;
mod memory;
mod neighbours;
mod output;
mod packaging;
mod pauses;
mod reach;
mod readme;
mod request_memory;
mod runs;
mod schedules;
mod sessions;
mod settings;
mod stops;
mod store_file;
mod store_formats;
mod storms;
mod stub_engine;
mod top;
mod two_clocks;
mod zones;
