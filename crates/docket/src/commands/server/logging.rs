//! The server's log, on standard error.

use std::io;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::output;

/// Says what is logged, such as `debug` or `docket_server=debug`.
const VARIABLE: &str = "DOCKET_LOG";

/// Everything but details; how many threads answer and when they end is one.
const DEFAULT: &str = "info,actix_server=warn";

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object on each line
    Json,
}

/// Starts to log; what `DOCKET_LOG` says, or else all that is no detail.
pub(super) fn start(format: LogFormat) -> Result<()> {
    let asked = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let asked = asked.unwrap_or_else(|| DEFAULT.to_owned());
    let filter = EnvFilter::builder()
        .parse(&asked)
        .with_context(|| format!("{VARIABLE} is `{asked}`, which is no filter of a log"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(output::has_colours())
        .with_target(false)
        // A log that cannot be written cannot be complained about either.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow!("cannot start the log: {error}"))
}
