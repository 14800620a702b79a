//! Tables, for people on a terminal and for programs elsewhere.

mod allocations;
mod container;
mod details;
mod journal;
mod key_values;
mod layout;
mod limits;
mod logs_field;
mod policies;
mod runs;

pub(crate) use self::{
    allocations::of_all,
    details::of_one,
    journal::{of_journal, of_sentences},
    key_values::behind_keys,
    layout::cut,
    runs::of_runs,
};
