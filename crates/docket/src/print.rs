//! The only module that prints: results to standard output, everything else to standard error.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::ValueEnum;
use docket_model::document;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;
use serde_json::{Serializer, Value, ser::PrettyFormatter};
use thiserror::Error;

pub(crate) use docket_model::one_line::{on_one_line, visible};

/// The width of a terminal that does not report its width.
const USUAL_COLUMNS: usize = 80;

/// The reader closed standard output, which is not a failure.
#[derive(Debug, Error)]
#[error("standard output is closed")]
pub(crate) struct Closed;

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Table: aligned on a terminal, tab-separated elsewhere
    Table,
    /// JSON, indented by 4
    Json,
    /// YAML, as in docket.yml
    Yaml,
}

impl Format {
    /// The requested format; by default a table on a terminal and JSON elsewhere.
    pub(crate) fn or_default(asked: Option<Self>) -> Self {
        let default = if is_terminal() { Self::Table } else { Self::Json };
        asked.unwrap_or(default)
    }
}

/// Prints a value in a format; `table` makes its table.
pub(crate) fn value(
    format: Format,
    value: &impl Serialize,
    table: impl FnOnce(Screen) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    match format {
        Format::Table => line(table(Screen::of_standard_output())?),
        Format::Json => json(value),
        Format::Yaml => yaml(&serde_json::to_value(value)?),
    }
}

/// True if standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The reader of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// A terminal with this number of columns.
    Terminal(usize),
    /// A program.
    Program,
}

impl Screen {
    /// The current reader of standard output.
    pub(crate) fn of_standard_output() -> Self {
        if is_terminal() { Self::Terminal(columns()) } else { Self::Program }
    }
}

/// The width of the terminal. Serial lines and some terminal emulators report 0.
fn columns() -> usize {
    let text = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    let set = || std::env::var("COLUMNS").ok()?.parse().ok();
    // The terminal comes before COLUMNS, which a shell may have exported before a resize.
    text.filter(|width| *width > 0).or_else(set).filter(|width| *width > 0).unwrap_or(USUAL_COLUMNS)
}

/// True if standard error is a terminal and colours are not disabled.
pub(crate) fn has_colours() -> bool {
    // By the convention of no-color.org an empty value does not count.
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_refused && io::stderr().is_terminal()
}

/// Writes bytes to standard output, unaltered.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    // Rust buffers standard output by lines: without the flush a followed output would lack its
    // unfinished last line, such as a prompt.
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        // Rust ignores SIGPIPE, so the end of a reader is an error of the write.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Closed.into()),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to standard output")),
        Ok(()) => Ok(()),
    }
}

/// Writes bytes to standard error, unaltered; a closed pipe is ignored.
pub(crate) fn error_bytes(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}

/// Writes a line to standard output.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes a value as JSON, indented by 4 as the original does.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(json_text(value)?)
}

/// Writes a value as YAML.
pub(crate) fn yaml(value: &Value) -> anyhow::Result<()> {
    bytes(document::to_yaml(value).as_bytes())
}

/// A value as JSON, indented by 4.
pub(crate) fn json_text(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut Serializer::with_formatter(&mut text, formatter))?;
    Ok(String::from_utf8(text)?)
}

/// Writes a line to standard error; a closed pipe is ignored.
pub(crate) fn note(text: impl Display) {
    // `eprintln!` panics if standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a warning to standard error.
pub(crate) fn warning(text: impl Display) {
    note(format_args!("warning: {}", on_one_line(&text.to_string())));
}

/// Writes an error and its causes, without repetitions. Errors may have several lines: text of a server
/// must already be on one line.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&cause) {
            let gap = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{gap}{cause}");
        }
    }
    note(format_args!("error: {}", without_control(&text)));
}

/// Writes clap's help or usage error; returns the exit code for it.
pub(crate) fn usage(usage: &clap::Error) -> ExitCode {
    // If the stream is closed, there is nowhere to report it; the exit code still says it.
    let _ = usage.print();
    u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// A progress bar for this many bytes, if standard error is a terminal.
pub(crate) fn progress_bar(bytes: usize) -> Option<ProgressBar> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(bytes as u64).with_finish(ProgressFinish::AndClear);
    let style =
        ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left").ok()?;
    Some(bar.with_style(style))
}

/// Removes characters that could control a terminal or reverse the text direction; keeps line breaks.
pub(crate) fn without_control(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_by_four_and_keeps_the_order_of_keys() {
        let value: Value = serde_json::from_str(r#"[{"Name":"foo","Cron":"","Logs":[]}]"#).unwrap();
        let expected = "[\n    {\n        \"Name\": \"foo\",\n        \"Cron\": \"\",\n        \
                        \"Logs\": []\n    }\n]";
        assert_eq!(json_text(&value).unwrap(), expected);
    }

    #[test]
    fn text_of_a_server_cannot_control_the_terminal() {
        assert_eq!(without_control("a\u{1b}[2J\nb"), "a\u{fffd}[2J\nb");
        assert_eq!(without_control("gnp.\u{202e}exe"), "gnp.\u{fffd}exe");
    }
}
