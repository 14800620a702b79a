//! docket's server as a library: `serve(config, listener, shutdown)`.

mod background;
mod backoff;
mod cleanup;
mod clock;
pub mod config;
mod crash_points;
mod dashboard;
pub mod engine;
mod explain;
mod file_source;
mod http;
mod ids;
#[cfg(test)]
mod module_graph;
mod mutation;
mod outputs;
mod policy;
#[cfg(test)]
mod reason_summary;
mod runner;
mod scheduler;
mod server;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod specification_files;
pub mod store;
mod term;
mod warnings;
#[cfg(feature = "simulation")]
mod watch;
pub mod zone_files;

#[cfg(not(feature = "simulation"))]
pub(crate) use tokio::sync::watch;

pub use config::{Access, Config, Listener};
pub use server::{ServerError, serve};
