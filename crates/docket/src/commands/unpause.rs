//! `docket unpause`: a paused server that shall go on.

use anyhow::Result;
use clap::Args;
use docket_model::wire::ResumeRequest;

use crate::{
    client::{Client, Connection},
    output, who,
};

/// Lifts the pause of the whole server
///
/// Instants of the pause are on record as missed, and are not made up for. Suspended allocations stay
/// suspended.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  docket unpause";

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let client = Client::new(&arguments.connection)?;
    client.unpause(&ResumeRequest { by: Some(who::asks()) }).await?;
    output::line(format_args!("Unpaused {}", client.url("")))
}
