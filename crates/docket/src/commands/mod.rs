//! One file a command: what it takes, and what it does with client and output.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod next;
pub(crate) mod push;
pub(crate) mod server;

use thiserror::Error;

/// The command failed, and what went wrong has been told already.
#[derive(Debug, Error)]
#[error("failed")]
pub(crate) struct AlreadyTold;
