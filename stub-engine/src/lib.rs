//! A stub of a Docker engine: it answers at once over a Unix socket and stamps each request.
//!
//! It runs on one thread of its own, so that its processor time can be measured separately. It
//! can be made to fail in any way that an engine and the way to it can (see [`Fault`]), to go away
//! and come back, and it remembers what became of every container.
//!
//! Beside it, a [`Proxy`] makes the way to an engine fail that is a real one.
//!
//! 1. Every request is stamped before it takes effect, also one that a fault keeps from that.
//! 2. What it says about a container is what a real engine would say at that point of its life.
//! 3. Where there are no faults, none is looked for: what it measures is not slowed down.

mod answer_bodies;
mod call_log;
mod connection;
mod container;
mod container_calls;
mod container_history;
mod container_program;
mod container_table;
mod engine_proxy;
mod event;
mod event_log;
mod event_reader;
mod fault;
mod fault_rules;
mod filters_parameter;
mod held_requests;
pub mod http_framing;
mod lifecycle;
mod list_filters;
mod listener;
mod logs;
mod networks_and_volumes;
mod parse_call;
mod program_run;
mod pull_report;
mod response_head;
mod stub;
mod stub_options;
mod write_reply;

#[cfg(test)]
mod tests;

pub use self::{
    call_log::{Stamp, now, read_instant},
    container_history::{Entry, Line},
    container_program::{Program, WhenStopped},
    engine_proxy::{Passage, Proxy},
    fault::Fault,
    fault_rules::Faults,
    held_requests::{Hold, Sender},
    parse_call::Call,
    pull_report::PullReport,
    stub::{Meanwhile, Stub, THREAD},
    stub_options::{EngineId, Options},
};
