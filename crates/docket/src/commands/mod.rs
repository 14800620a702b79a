//! One file for each command: its arguments, and what it does with the client and the output.

pub(crate) mod backup;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod delete;
pub(crate) mod engines;
pub(crate) mod events;
mod follow_run;
pub(crate) mod get;
pub(crate) mod health;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod man;
mod mark_lines_by_part;
pub(crate) mod next;
pub(crate) mod notify;
mod output_options;
pub(crate) mod pause;
pub(crate) mod push;
pub(crate) mod reset;
pub(crate) mod resume;
pub(crate) mod run;
mod run_argument;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod server;
mod several_allocations;
mod state_arguments;
pub(crate) mod suspend;
pub(crate) mod top;
pub(crate) mod unpause;
pub(crate) mod why;

use thiserror::Error;

/// The command failed, and its errors have already been printed.
#[derive(Debug, Error)]
#[error("failed")]
pub(crate) struct AlreadyReported;

/// The command exits with this code; everything else has already been printed.
#[derive(Debug, Error)]
#[error("exit code {0}")]
pub(crate) struct ExitWith(pub(crate) u8);

/// A usage error that the argument parser cannot detect.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) &'static str);
