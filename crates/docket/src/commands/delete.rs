//! `docket delete`: deletes allocations.

use anyhow::Result;
use clap::Args;
use docket_model::AllocationName;

use super::several_allocations;
use crate::client::{Client, Connection};

/// Deletes allocations; running containers continue to their end
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Names of the allocations
    #[arg(value_name = "NAME", required = true)]
    names: Vec<AllocationName>,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket delete report
  docket delete report cleanup";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let delete = async |name: &AllocationName| {
        client.delete(name).await?;
        Ok(Some(format!("Deleted {name}")))
    };
    several_allocations::each(&arguments.names, "delete", delete).await
}
