//! Tables, for people on a terminal and for programs elsewhere.

mod allocations;
mod container;
mod details;
mod journal;
mod layout;
mod limits;
mod log_entries;
mod policies;
mod runs;
mod text;

pub(crate) use self::{
    allocations::of_all,
    details::of_one,
    journal::{of_journal, of_sentences},
    layout::cut,
    runs::of_runs,
    text::behind_keys,
};
