//! `docket why`: why an allocation ran, or did not.

use anyhow::Result;
use clap::{Args, ValueEnum};
use docket_model::AllocationName;

use crate::{
    client::{Client, Connection},
    output::{self, Screen},
    table,
};

/// Says why an allocation ran, or did not, in sentences about the newest first
///
/// Times stand on the allocation's wall clock.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    name: AllocationName,

    /// Ask about this moment: RFC 3339, or a time on the allocation's wall clock [default: of late]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,

    /// How to print them
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
    /// The server's answer
    Json,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let name = &arguments.name;
    let why = client.why(name, arguments.at.as_deref()).await?;
    if arguments.output == Format::Json {
        return output::json(&why);
    }
    if why.sentences.is_empty() {
        return output::line(format_args!("there is nothing to say about {name}"));
    }
    output::line(table::of_sentences(&why.sentences, Screen::of_standard_output()))
}
