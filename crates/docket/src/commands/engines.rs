//! `docket engines`: the engines of the server.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::{
    client::{Client, Connection},
    print::{self, Format},
    table,
};

/// Lists the engines of the server, with their state and what runs there
///
/// The first one is the default. `docket server --engine` configures them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Output format [default: table on a terminal, json elsewhere]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket engines
  docket engines -o yaml";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    // As values, so that keys that this version does not know are printed too.
    let engines = client.engines::<Value>().await?;
    print::value(Format::or_default(arguments.output), &engines, |screen| {
        Ok(table::of_engines(&engines, screen))
    })
}
