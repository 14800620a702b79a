//! docket's server as a library: `serve(config, listener, shutdown)`.

#[cfg(test)]
// The contract of engines in `tests/` names the crate, and is compiled into the unit tests, too.
extern crate self as docket_server;

mod background;
pub mod backoff;
mod cleanup;
mod clock;
pub mod config;
mod crash_points;
mod embedded_dashboard;
pub mod engine;
mod explain;
mod file_source;
pub mod find_specification_files;
mod http;
#[cfg(test)]
mod import_cycle_check;
mod log_panics;
mod log_specification_warnings;
mod mutation_testing;
mod notify;
mod observer;
mod outputs;
mod policy;
mod push_specifications;
mod random_ids;
mod runner;
mod scheduler;
mod server;
#[cfg(test)]
mod short_reasons_for_tests;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod store;
mod term_tasks;
#[cfg(test)]
mod test_log;
pub mod time_zone_files;
#[cfg(feature = "simulation")]
mod watch_channel;

#[cfg(not(feature = "simulation"))]
pub(crate) use tokio::sync::watch;
#[cfg(feature = "simulation")]
pub(crate) use watch_channel as watch;

pub use config::{Access, Config, Listener};
pub use log_panics::log_panics;
pub use server::{ServerError, serve};
