//! Tables, for people on a terminal and for programs elsewhere.

mod allocation_details;
mod allocations;
mod container;
mod container_limits;
mod engines;
mod journal;
mod key_values;
mod layout;
mod policies;
mod run_history_lines;
mod runs;

pub(crate) use self::{
    allocation_details::of_one,
    allocations::of_all,
    engines::of_engines,
    journal::{of_journal, of_sentences},
    key_values::behind_keys,
    layout::cut,
    runs::{of_all_runs, of_runs},
};
