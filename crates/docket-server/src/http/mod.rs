//! The REST API. It names no engine, and only `error.rs` knows the status codes of errors.

mod all_runs;
mod allocation_response;
mod allocations;
mod api_state;
mod authentication;
mod author;
mod backup;
mod check_documents;
mod check_request_access;
mod chunked_json;
mod dashboard_files;
mod engine_check;
mod engines;
mod error;
mod etag;
mod events;
mod handler_state;
mod health_and_version;
mod if_match;
mod journal;
mod json_schema;
mod json_to_yaml;
mod list_allocations;
mod list_filter;
mod manual_runs;
mod metrics;
mod notify_test;
mod openapi;
mod output;
mod pause_server;
mod query;
mod query_time;
mod request_body;
mod request_memory;
mod response_format;
mod response_memory;
mod routes;
mod runs;
mod serve;
mod sessions;
mod sign_in;
mod sse;
mod start_counts;
mod suspend_resume_reset;
#[cfg(test)]
pub(crate) mod tests;
mod tls_certificate;
mod upcoming_instants;
mod why;
mod write_allocation_list;
mod wrong_tokens;

pub(crate) use self::{
    api_state::Api,
    authentication::Authentication,
    handler_state::{Allocations, ServerStatus, SpecificationSettings},
    metrics::MetricsSettings,
    notify_test::NotifyTester,
    request_memory::Limits,
    serve::{ServeError, serve},
    sessions::Sessions,
    start_counts::Forecasts,
    wrong_tokens::WrongTokens,
};
