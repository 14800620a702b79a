//! docket's server as a library: `serve(config, listener, shutdown)`.

mod clock;
pub mod config;
pub mod engine;
mod fault;
mod file;
mod http;
mod machine;
pub mod observer;
mod policy;
mod runner;
mod scheduler;
mod server;
mod socket_file;
pub mod specification_files;
pub mod store;
mod tls;
mod warnings;
mod why;
pub mod zone_files;

pub use config::{Access, Config, Listener};
pub use server::{ServerError, serve};
