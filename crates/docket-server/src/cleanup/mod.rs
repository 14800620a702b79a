//! Removes containers: finished ones by their retention, and orphaned ones.

mod finished_containers;
mod remove_orphans;
mod suspected_orphans;

pub(crate) use self::{
    finished_containers::{FinishedContainer, Retention},
    remove_orphans::sweep_orphans,
    suspected_orphans::Orphans,
};
