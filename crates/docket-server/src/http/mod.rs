//! The REST API. It names no engine, and only `error.rs` knows the status codes of errors.

mod allocations;
mod api_state;
mod authentication;
mod author;
mod backup;
mod body;
mod check;
mod condition;
mod control;
mod dashboard_files;
mod engine_check;
mod error;
mod etag;
mod events;
mod filter;
mod forecast;
mod instants;
mod journal;
mod limits;
mod list;
mod listing;
mod manual;
mod media_type;
mod moment;
mod openapi;
mod operations;
mod output;
mod pause;
mod pieces;
mod query;
mod request_guard;
mod response_memory;
mod routes;
mod runs;
mod schema;
mod serve;
mod session;
mod sessions;
mod sse;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod view;
mod why;
mod write_timeout;
mod wrong_tokens;
mod yaml;

pub(crate) use self::{
    api_state::Api,
    authentication::Authentication,
    forecast::Forecasts,
    limits::Limits,
    serve::{ServeError, serve},
    sessions::Sessions,
    state::{Allocations, ServerStatus, SpecificationSettings},
    wrong_tokens::WrongTokens,
};
