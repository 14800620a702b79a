//! The harness of the system tests: a real engine, a real registry, the built program.
//!
//! It has no mocks and no knowledge of docket's internals: tests use docket's command line, its HTTP API, and
//! the engine.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails its test"
)]

pub mod allocation;
pub mod api_dump;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod control_run;
pub mod crash_test;
pub mod crashing_server;
pub mod engine;
pub mod engine_events;
pub mod event_reader;
pub mod fake_registry;
pub mod fault_matrix;
pub mod gate;
mod guarded_process;
pub mod holds;
pub mod http;
pub mod installation;
pub mod memory;
pub mod moment;
pub mod proxy;
pub mod registry;
pub mod scenario;
pub mod screens;
pub mod server;
pub mod small_disk;
pub mod ssh;
pub mod store_fixture;
pub mod stress_test;
pub mod stub;
pub mod terminal;
pub mod wait;

pub use cli::{Ran, docket};
pub use engine::Engine;
pub use fake_registry::FakeRegistry;
pub use gate::Gate;
pub use installation::Home;
pub use registry::Registry;
pub use scenario::Scenario;
pub use server::Server;
pub use stub::StubEngine;
pub use wait::eventually;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A script of the repository, by its name.
pub fn script(name: &str) -> PathBuf {
    repository().join("scripts").join(name)
}

/// Names another program that the harness starts in place of the built one.
pub const PROGRAM_VARIABLE: &str = "DOCKET_TEST_PROGRAM";

/// The built program, next to the tests in the target directory.
pub fn program() -> PathBuf {
    if let Some(other) = std::env::var_os(PROGRAM_VARIABLE) {
        return other.into();
    }
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("docket");
    assert!(program.exists(), "{} is missing: run scripts/build", program.display());
    program
}

/// A port that is free now, for programs that cannot tell which one they took.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
