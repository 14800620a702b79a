//! `docket resume`: suspended allocations that shall go on.

use anyhow::Result;
use clap::Args;
use docket_model::{AllocationName, wire::ResumeRequest};

use super::many::{self, Names};
use crate::{
    client::{Client, Connection},
    who,
};

/// Lets suspended allocations go on
///
/// Instants that went by in the meantime are on record as skipped, and are not made up for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    names: Names,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket resume report
  docket resume --all";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    let names = arguments.names.resolve(&client).await?;
    let request = ResumeRequest { by: Some(who::asks()) };
    let resume = async |name: &AllocationName| {
        client.resume(name, &request).await?;
        Ok(format!("Resumed {name}"))
    };
    many::each(&names, "resume", resume).await
}
