//! `docket delete`: allocations that shall run no more.

use anyhow::{Context, Result};
use clap::Args;
use docket_model::AllocationName;

use super::AlreadyTold;
use crate::{
    client::{Client, Connection},
    output,
};

/// Deletes allocations; containers that run go on to their end
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Names of the allocations
    #[arg(value_name = "NAME", required = true, value_parser = AllocationName::parse)]
    names: Vec<AllocationName>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket delete report
  docket delete report cleanup";

/// Goes on after a name that cannot be deleted, and fails in the end.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let mut failed = false;
    for name in &arguments.names {
        match client.delete(name).await.with_context(|| format!("cannot delete {name}")) {
            Ok(()) => output::line(format_args!("Deleted {name}"))?,
            Err(error) => {
                output::error(&error);
                failed = true;
            }
        }
    }
    if failed { Err(AlreadyTold.into()) } else { Ok(()) }
}
