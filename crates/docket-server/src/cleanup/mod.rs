//! Removes containers: finished ones by their retention, and orphaned ones.

mod orphans;
mod retention;
mod sweep;

pub(crate) use self::{
    orphans::Orphans,
    retention::{FinishedContainer, Retention},
    sweep::sweep_orphans,
};
