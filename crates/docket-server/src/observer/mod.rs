//! Observers of commits, runs and calls of engines. They only take notes, so they delay no run.

pub(crate) mod metrics;
