//! The server's log, on standard error.

use std::{
    fmt::{self, Write as _},
    io,
};

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use docket_model::one_line::on_one_line;
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    Layer,
    field::RecordFields,
    filter::Targets,
    fmt::{FormatFields, format::Writer, layer},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::print;

/// The log filter, such as `debug` or `docket_server=debug`.
const VARIABLE: &str = "DOCKET_LOG";

/// Everything from `info` on, but not the threads of the HTTP server.
#[cfg(not(feature = "cluster"))]
const DEFAULT: &str = "info,actix_server=warn";
/// The same without the client of Kubernetes: it logs each call that fails, which docket reports once.
#[cfg(feature = "cluster")]
const DEFAULT: &str = "info,actix_server=warn,kube_client=off";

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text
    Text,
    /// One JSON object per line
    Json,
}

/// Starts the log with the filter of `DOCKET_LOG` or the default.
pub(super) fn start(format: LogFormat) -> Result<()> {
    let asked = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let asked = asked.unwrap_or_else(|| DEFAULT.to_owned());
    // `Targets` and not `EnvFilter`: filters by spans are not needed, and it needs no regular
    // expressions.
    let filter: Targets = asked
        .parse()
        .with_context(|| format!("{VARIABLE}: `{asked}` is not a valid log filter"))?;
    let lines = layer()
        .with_writer(io::stderr)
        .with_ansi(print::has_colours())
        .with_target(false)
        // There is nowhere to report that the log cannot be written.
        .log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.fmt_fields(OneLine).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let started = tracing_subscriber::registry().with(lines).with(filter).try_init();
    started.map_err(|error| anyhow!("cannot start the log: {error}"))?;
    docket_server::log_panics();
    Ok(())
}

/// Writes the message and the fields of an event on one line, even if they have a text of the engine.
struct OneLine;

impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut text = String::new();
        fields.record(&mut Fields(&mut text));
        // Engines and registries send line breaks and control sequences, with which a text could
        // forge a log line.
        writer.write_str(&on_one_line(&text))
    }
}

/// Writes fields as `name=value`, with quotes around a text with spaces, and the message without a name.
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let Self(line) = self;
        if !line.is_empty() {
            line.push(' ');
        }
        let is_message = field.name() == "message";
        if !is_message {
            line.push_str(field.name());
            line.push('=');
        }
        let start = line.len();
        // Writing to a text does not fail.
        let _: fmt::Result = write!(line, "{value:?}");
        let written = line.get(start..).unwrap_or_default();
        // A field that is written with `Display` has no quotes, so its end would not be visible.
        if !is_message && written.contains(' ') && !written.starts_with(['"', '[', '{']) {
            let quoted = format!("{written:?}");
            line.replace_range(start.., &quoted);
        }
    }
}
