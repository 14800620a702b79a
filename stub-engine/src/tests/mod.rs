//! The stub, asked over its socket by a client of the real engine.

mod calls;
mod configured_answers;
mod container_end;
mod container_history;
mod engine_away;
mod engine_proxy;
mod events;
mod faults;
mod harness;
mod held_requests;
mod interference;
mod listing;
