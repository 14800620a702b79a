//! `docket get`: shows one allocation.

use anyhow::Result;
use clap::Args;
use docket_model::AllocationName;

use super::output_options::Shown;
use crate::{
    client::{Client, Connection},
    clock, print, table,
};

/// Shows one allocation
///
/// On a terminal it prints a table that includes the status; elsewhere JSON, which `docket push` accepts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Name of the allocation
    #[arg(value_name = "NAME")]
    name: AllocationName,

    #[command(flatten)]
    shown: Shown,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket get report
  docket get report -o json";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    arguments.shown.note_request(&client, &format!("/{}", arguments.name));
    let allocation = client.get(&arguments.name).await?;
    print::value(arguments.shown.format(), &allocation, |screen| {
        Ok(table::of_one(&allocation, clock::now(), screen))
    })
}
