//! Removes containers: finished ones by their retention, and orphaned ones.

mod finished_containers;
mod orphan_locks;
mod remove_orphans;

pub(crate) use self::{
    finished_containers::{FinishedContainer, Retention},
    remove_orphans::sweep_orphans,
};
