//! The server's log, on standard error.

use std::{fmt, io};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use docket_model::one_line::on_one_line;
use tracing_subscriber::{
    Layer,
    field::RecordFields,
    filter::Targets,
    fmt::{
        FormatFields,
        format::{DefaultFields, Writer},
        layer,
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

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
    let filter: Targets = asked
        .parse()
        .with_context(|| format!("{VARIABLE} is `{asked}`, which is no filter of a log"))?;
    let lines = layer()
        .with_writer(io::stderr)
        .with_ansi(output::has_colours())
        .with_target(false)
        // A log that cannot be written cannot be complained about either.
        .log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.fmt_fields(OneLine).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let started = tracing_subscriber::registry().with(lines).with(filter).try_init();
    started.map_err(|error| anyhow!("cannot start the log: {error}"))
}

/// Writes the message and the fields of an event on one line, whatever an engine said in them.
struct OneLine;

impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&on_one_line(&text))
    }
}
