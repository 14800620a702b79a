//! What engines that speak the Docker Engine API have in common: the way to a daemon, its answers, the
//! logins at registries, and the form of logs. Nothing here knows what a call does.

pub(super) mod container_body;
mod context;
mod credential_helper;
pub(super) mod endpoint;
pub(super) mod endpoint_error;
pub(super) mod engine_client;
pub(super) mod http_client;
pub(super) mod log_buffer;
pub(super) mod log_frames;
pub(super) mod login_registry_name;
pub(super) mod registry_login;
mod ssh;
mod tls;
pub(super) mod transport;
