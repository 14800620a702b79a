//! docket's server as a library: `serve(config, listener, shutdown)`.

mod clock;
pub mod config;
pub mod engine;
mod socket_file;
pub mod store;

pub use config::{Access, Config, Listener};
