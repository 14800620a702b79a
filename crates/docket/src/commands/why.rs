//! `docket why`: explains why an allocation did or did not run.

use anyhow::Result;
use clap::{Args, ValueEnum};
use docket_model::AllocationName;

use crate::{
    client::{Client, Connection},
    print::{self, Screen},
    table,
};

/// Explains why an allocation did or did not run, newest first
///
/// Times are in the allocation's time zone.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME")]
    name: AllocationName,

    /// Explain this time: RFC 3339, or a time in the allocation's time zone [default: recent activity]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// Output format
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Format,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket why report
  docket why report --at '2026-11-21 09:00'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences with their times
    Text,
    /// The server's response
    Json,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = &arguments.name;
    let why = client.why(name, arguments.at.as_deref()).await?;
    if arguments.output == Format::Json {
        return print::json(&why);
    }
    if why.sentences.is_empty() {
        return print::line(format_args!("there is nothing to report about {name}"));
    }
    print::line(table::of_sentences(&why.sentences, Screen::of_standard_output()))
}
