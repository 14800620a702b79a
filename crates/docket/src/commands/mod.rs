//! One file a command: what it takes, and what it does with client and output.

pub(crate) mod backup;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod man;
mod many;
pub(crate) mod next;
pub(crate) mod pause;
pub(crate) mod push;
pub(crate) mod reset;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod server;
mod shown;
mod state;
pub(crate) mod suspend;
mod target;
pub(crate) mod top;
pub(crate) mod unpause;
mod watch;
pub(crate) mod why;

use thiserror::Error;

/// The command failed, and what went wrong has been told already.
#[derive(Debug, Error)]
#[error("failed")]
pub(crate) struct AlreadyTold;

/// The command ends with this exit code, and all else has been told already.
#[derive(Debug, Error)]
#[error("exit code {0}")]
pub(crate) struct EndsWith(pub(crate) u8);

/// The command was misused in a way that its arguments alone do not show, by what is named.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Misused(pub(crate) &'static str);
