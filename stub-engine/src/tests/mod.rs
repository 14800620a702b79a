//! The stub, asked over its socket by a client of the real engine.

mod absence;
mod bed;
mod calls;
mod ending;
mod events;
mod faults;
mod holds;
mod interference;
mod large;
mod ledger;
mod listing;
