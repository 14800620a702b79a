//! docket's server as a library: `serve(config, listener, shutdown)`.

mod background;
mod backoff;
mod cleanup;
mod clock;
pub mod config;
mod dashboard;
pub mod engine;
mod explain;
mod fault;
mod file_source;
mod http;
#[cfg(test)]
mod module_graph;
mod outputs;
mod policy;
#[cfg(test)]
mod reason_summary;
mod runner;
mod scheduler;
mod server;
pub mod specification_files;
pub mod store;
mod term;
mod warnings;
pub mod zone_files;

pub use config::{Access, Config, Listener};
pub use server::{ServerError, serve};
