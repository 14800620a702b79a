//! A stub of a Docker engine: it answers at once over a Unix socket and stamps each request.
//!
//! It runs on one thread of its own, so that its processor time can be measured separately. It
//! can be made to fail in any way that an engine and the way to it can (see [`Fault`]), to go away
//! and come back, and it remembers what became of every container.
//!
//! 1. Every request is stamped before it takes effect, also one that a fault keeps from that.
//! 2. What it says about a container is what a real engine would say at that point of its life.
//! 3. Where there are no faults, none is looked for: what it measures is not slowed down.

mod answer;
mod call;
mod call_log;
mod connection;
mod container;
mod container_history;
mod container_table;
mod containers;
mod event;
mod event_log;
mod event_reader;
mod fault;
mod faults;
mod filters;
mod hold;
pub mod http_framing;
mod lifecycle;
mod listener;
mod listing;
mod logs;
mod options;
mod program;
mod program_run;
mod pull;
mod reply;
mod resources;
mod response_head;
mod stub;

#[cfg(test)]
mod tests;

pub use self::{
    call::Call,
    call_log::{Stamp, now, read_instant},
    container_history::{Entry, Line},
    fault::Fault,
    faults::Faults,
    hold::{Hold, Sender},
    options::Options,
    program::{Program, WhenStopped},
    pull::PullReport,
    stub::{Meanwhile, Stub, THREAD},
};
