//! `docket get`: one allocation.

use anyhow::Result;
use clap::Args;
use docket_model::AllocationName;

use crate::{
    client::{Client, Connection},
    clock,
    output::{self, Format, Screen},
    table,
};

/// Shows one allocation
///
/// On a terminal this is a table with what the server knows of it; elsewhere it is JSON, which
/// `docket push` takes back.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME", value_parser = AllocationName::parse)]
    name: AllocationName,

    /// How to print it [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket get report
  docket get report -o json";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let format = Format::or_default(arguments.output);
    if format != Format::Table {
        output::note(format_args!("GET {}", client.url(&format!("/{}", arguments.name))));
    }
    let allocation = client.get(&arguments.name).await?;
    match format {
        Format::Table => {
            let screen = Screen::of_standard_output();
            output::line(table::of_one(&allocation, clock::now(), screen))
        }
        Format::Json => output::json(&allocation),
        Format::Yaml => output::yaml(&allocation),
    }
}
