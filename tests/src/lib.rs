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
pub mod container_gate;
pub mod crash_test;
pub mod crashing_server;
pub mod docket_cli;
pub mod docket_server;
pub mod engine_events;
pub mod engine_fault_stress;
pub mod expected_screens;
pub mod failing_registry;
pub mod fault_matrix;
mod guarded_process;
pub mod held_requests;
pub mod held_requests_scenario;
pub mod image_registry;
pub mod kubernetes_cluster;
pub mod notification_receiver;
pub mod old_store_files;
pub mod peak_memory;
pub mod prometheus_server;
pub mod pty;
pub mod raw_http_client;
pub mod real_engine;
pub mod server_home;
pub mod settable_clock;
pub mod small_disk;
pub mod sse_reader;
pub mod ssh_engine;
pub mod steps_in_docs;
pub mod stub_engine;
pub mod swarm;
pub mod undisturbed_allocation;
pub mod wait;
pub mod wall_clock;

pub use container_gate::Gate;
pub use docket_cli::{Ran, docket};
pub use docket_server::Server;
pub use failing_registry::FakeRegistry;
pub use held_requests_scenario::Scenario;
pub use image_registry::Registry;
pub use notification_receiver::NotificationReceiver;
pub use prometheus_server::Prometheus;
pub use real_engine::Engine;
pub use server_home::Home;
pub use stub_engine::StubEngine;
pub use swarm::Swarm;
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
    // Another program may take it meanwhile, which is rare: the kernel picks ports at random.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
