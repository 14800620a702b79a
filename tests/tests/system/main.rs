//! System tests: the built program, a real engine, a real registry. One module per subject.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, it is what fails it")]

mod access_control;
mod all_runs;
mod catch_ups;
mod changing_engine_ids;
mod clock_changes;
mod command_line;
mod containers;
mod crashes;
mod delayed_requests;
mod engine_addresses;
mod engine_check_faults;
mod engine_clock;
mod engine_outages;
mod env_files;
mod fault_matrix;
mod file_source;
mod first_process;
mod follow_run;
mod full_disk;
mod harness_self_test;
mod hostile_text;
mod http_errors;
mod images;
mod kubernetes;
mod live_events;
mod long_engine_messages;
mod many_hosts;
mod metrics;
mod notifications;
mod original_endpoints;
mod output;
mod output_lines;
mod output_memory;
mod packaging;
mod parts;
mod parts_on_kubernetes;
mod parts_on_swarm;
mod podman;
mod readme;
mod request_memory;
mod runs;
mod schedule_edits;
mod schedules;
mod server_pause;
mod server_stop;
mod server_time_zone;
mod sessions;
mod settings;
mod several_engines;
mod shared_engine;
mod single_faults;
mod store_copies;
mod store_file;
mod store_formats;
mod stress;
#[path = "../../../crates/docket-kubernetes/tests/engine/stub_api/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of its crate use more of it")]
mod stub_api;
mod stub_fidelity;
mod stub_kubernetes;
mod swarm;
mod top;
mod two_engine_setup;
mod zone_data;
